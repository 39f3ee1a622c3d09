"""No command lets a text that is not ours act on a terminal; one that is added says here what shows that."""

import ast
import json
import zlib
from argparse import Namespace
from pathlib import Path

import pytest

from auditor.cli.main import COMMANDS
from auditor.cli.main import main as auditor
from auditor.cli.terminal import say
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible
from tests.report.hostile_rows import Said
from tests.report.stored_rows import store_rows
from tests.report.test_hostile_fields import HOSTILE, _lists

_ROOT = Path(__file__).parents[2]
_OURS = "prints what is ours, or the operator's own word for it"
_HOSTS = "tests/transport/test_hostile_hosts.py::test_nothing_that_a_host_says_acts_on_the_terminal"
_BUNDLES = "tests/run/test_hostile_bundles.py::test_names_from_outside_act_nowhere"
_SHOWN = {
    "audit": _HOSTS,
    "collect": _HOSTS,
    "demo": _OURS,
    "assess": _BUNDLES,
    "verify": "tests/run/test_hostile_bundles.py::test_a_file_whose_name_is_no_text_is_named",
    "report": "tests/report/test_hostile_fields.py::test_no_format_acts_on_it",
    "ingest": "tests/cli/test_ingest_events.py::test_what_a_record_says_acts_nowhere",
    "explain": "tests/report/test_hostile_commands.py::test_a_finding_that_is_explained_acts_on_nothing",
    "doctor": "tests/cli/test_doctor.py::test_what_a_host_says_cannot_act_on_the_terminal",
    "catalogue": "tests/catalogue/test_enrichment.py::test_nothing_that_a_list_says_acts_on_the_terminal",
    "remediate": "tests/report/test_hostile_commands.py::test_what_is_left_to_hands_acts_on_nothing",
    "notify": "tests/notify/test_schedule_messages.py::"
    "test_each_time_has_a_message_of_its_own_and_what_acts_is_written_out",
    "schedule": _OURS,
    "firewall": "tests/report/test_hostile_commands.py::test_what_is_said_around_a_port_acts_on_nothing",
    "worker": _OURS,
    "signoff": _OURS,
    "retention": _OURS,
    "policy": _OURS,
    "keys": _OURS,
    "sign": _OURS,
    "hunt": _OURS,
    "probe": _OURS,
    "enroll": _OURS,
}
"""Of each command that is no list: the test that has hostile text in what it prints, or why it prints none."""


def test_every_command_says_what_shows_it() -> None:
    lists = {name.split()[0] for name in _lists()}
    assert sorted(set(COMMANDS) - lists) == sorted(set(_SHOWN) - lists)
    for shown in set(_SHOWN.values()) - {_OURS}:
        file, _, test = shown.partition("::")
        tree = ast.parse((_ROOT / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, shown


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_finding_that_is_explained_acts_on_nothing(
    sample: RunRows, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = store_rows(Said(text, sample.controls).rows(sample), tmp_path / "store.sqlite")
    assert auditor(["findings", "--store", str(store), "--format", "json"]) in (0, 1)
    rows = json.loads(capsys.readouterr().out)
    assert rows
    explained = 0
    for fingerprint in sorted({row["fingerprint"] for row in rows})[:5]:
        status = auditor(["explain", fingerprint, "--store", str(store)])
        told = capsys.readouterr()
        explained += status == 0
        acting = {char for char in told.out + told.err if not char.isprintable()} - {"\n"}
        assert acting == set()
    assert explained


def _audited(place: Path, monkeypatch: pytest.MonkeyPatch, name: bytes) -> None:
    """Audit a demo's host by its recorded answer, in which what has this name has one that acts."""
    opening, _, packed = (_ROOT / "auditor" / "demo" / "db-1.probe").read_bytes().partition(b"\n")
    body = zlib.decompress(packed, 31)
    assert name in body
    body = body.replace(name, b"s\x1b[2J\xe2\x80\xaed")
    (place / "db.probe").write_bytes(b" ".join([*opening.split(b" ")[:3], b"plain"]) + b"\n" + body)
    hosts = [{"host": "db", "connection": "replay", "replay": "db.probe"}]
    (place / "hosts.yml").write_text(json.dumps(hosts))
    monkeypatch.chdir(place)
    monkeypatch.setenv("AUDITOR_STORE", str(place / "store.sqlite"))
    assert auditor(["audit", "-i", "hosts.yml", "-q", "--format", "json"]) in (1, 3)


@pytest.mark.slow
def test_what_is_left_to_hands_acts_on_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Findings that no play closes are named by what a host calls its accounts."""
    _audited(tmp_path, monkeypatch, b"user0")
    capsys.readouterr()
    assert auditor(["remediate", "plan", "-o", "plan.yml"]) == 0
    told = capsys.readouterr()
    assert "principal:s⟨U+001B⟩[2J⟨U+202E⟩d: " in told.err
    assert {char for char in told.out + told.err if not char.isprintable()} == {"\n"}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_said_beside_results_acts_on_nothing(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A caller that forgets to write out what is not its own."""
    say(Namespace(quiet=False), f"{text}\n{visible(text)}")
    told = capsys.readouterr().err
    assert {char for char in told if not char.isprintable()} == {"\n"}
    assert visible(text) in told, "what was written out before stays as it is"


@pytest.mark.slow
def test_what_is_said_around_a_port_acts_on_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _audited(tmp_path, monkeypatch, b"sshd")
    capsys.readouterr()
    assert auditor(["firewall", "explain", "db", "--to", "22/tcp"]) == 0
    told = capsys.readouterr()
    assert "listens on" in told.out
    assert "⟨U+" in told.out
    assert {char for char in told.out + told.err if not char.isprintable()} == {"\n"}
