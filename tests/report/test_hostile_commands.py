"""No command lets a text that is not ours act on a terminal; one that is added says here what shows that."""

import ast
import json
import zlib
from pathlib import Path

import pytest

from auditor.cli.main import COMMANDS
from auditor.cli.main import main as auditor
from auditor.report.run_rows import RunRows
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
    "remediate": "tests/remediate/test_planning.py::test_no_word_of_a_host_that_could_act_gets_into_a_plan",
    "notify": "tests/notify/test_schedule_messages.py::"
    "test_each_time_has_a_message_of_its_own_and_what_acts_is_written_out",
    "schedule": "tests/cli/test_schedule.py::test_nobody_audits_the_same_hosts_beside_it",
    "firewall": "tests/report/test_hostile_commands.py::test_what_is_said_around_a_port_acts_on_nothing",
    "worker": "tests/many_machines/test_many_machines.py::"
    "test_what_is_killed_in_mid_run_loses_no_host_and_counts_none_twice",
    "signoff": "tests/cli/test_signoff.py::test_whoever_prepared_it_does_not_review_it",
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


@pytest.mark.slow
def test_what_is_said_around_a_port_acts_on_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer of a demo's host, in which the program that listens has a name that acts."""
    opening, _, packed = (_ROOT / "auditor" / "demo" / "db-1.probe").read_bytes().partition(b"\n")
    body = zlib.decompress(packed, 31).replace(b"sshd", b"s\x1b[2J\xe2\x80\xaed")
    (tmp_path / "db.probe").write_bytes(b" ".join([*opening.split(b" ")[:3], b"plain"]) + b"\n" + body)
    hosts = [{"host": "db", "connection": "replay", "replay": "db.probe"}]
    (tmp_path / "hosts.yml").write_text(json.dumps(hosts))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))
    assert auditor(["audit", "-i", "hosts.yml", "-q", "--format", "json"]) in (1, 3)
    capsys.readouterr()
    assert auditor(["firewall", "explain", "db", "--to", "22/tcp"]) == 0
    told = capsys.readouterr()
    assert "listens on" in told.out
    assert "⟨U+" in told.out
    assert {char for char in told.out + told.err if not char.isprintable()} == {"\n"}
