"""Evidence is collected and brought: what was asked is kept whatever happens, and nothing that was said is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import ingest_envelope
from auditor.cli.main import main
from auditor.collect.probe import sh_probe
from auditor.model.evidence import Delivery
from auditor.run.open_bundle import Bundle
from auditor.run.reader import ReaderLimits
from auditor.run.readers import Readers
from tests.run.hostile_answers import body_of, output
from tests.simulated.watch import kept

ROOT = Path(__file__).parents[2]
TOKEN = "0123456789abcdef0123456789abcdef"
_PATIENCE = 60


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Listen, and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def reasons(folder: Path) -> dict[str, Any]:
    rows = map(json.loads, (folder / "evidence" / "hosts.jsonl").read_text().splitlines())
    return {row["host"]: row["reason"] for row in rows}


def begun(folder: Path, silent: socket.socket) -> tuple[subprocess.Popen[str], Path]:
    """Begin to collect from this machine and from one that stays silent, and wait until the first is kept."""
    hosts = [
        {"host": "a-here", "ansible_connection": "local"},
        {"host": "b-silent", "address": "127.0.0.1", "port": silent.getsockname()[1], "ansible_connection": "ssh"},
    ]
    (folder / "hosts.yml").write_text(json.dumps(hosts))
    words = [sys.executable, "-m", "auditor.cli.main", "collect", "-i", "hosts.yml", "--workers", "1", "--retries", "0"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        words, stdout=pipe, stderr=pipe, text=True, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        drafts = list((folder / "evidence").glob(".collecting-*.sqlite"))
        if drafts and kept(drafts[0]) == 1:
            return process, drafts[0]
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("the first host was never kept")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_collection_that_breaks_off_goes_on(
    tmp_path: Path, silent: socket.socket, how: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    process, draft = begun(tmp_path, silent)
    name = draft.name.removeprefix(".collecting-").removesuffix(".sqlite")
    process.send_signal(how)
    if how is signal.SIGINT:
        time.sleep(1)  # two at once are one
        process.send_signal(how)
    said = process.communicate(timeout=_PATIENCE)[1]
    assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL), said
    assert not (tmp_path / "evidence" / name).exists()
    silent.close()
    assert main(["collect", "--resume", name[:-1]]) == 2
    assert f"did you mean '{name}'" in capsys.readouterr().err
    assert main(["collect", "--resume", name, "-i", "hosts.yml"]) == 2
    assert "leave patterns, -i" in capsys.readouterr().err
    assert main(["collect", "--resume", name, "--retries", "0"]) == 3
    printed = capsys.readouterr()
    folder = tmp_path / "evidence" / name
    assert Path(printed.out.strip()) == Path("evidence") / name
    assert "going on" in printed.err
    assert "1 of 2 hosts have no outcome yet" in printed.err
    assert "evidence of 1 of 2 hosts" in printed.err
    assert reasons(folder) == {"a-here": None, "b-silent": "refused"}
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == [name]
    assert main(["verify", str(folder), "-q"]) == 0
    assert main(["collect", "--resume", name]) == 2
    assert "it has ended" in capsys.readouterr().err


def test_hosts_that_are_missing_stand_in_the_folder_and_in_the_exit_code(tmp_path: Path) -> None:
    rows = [{"host": "gone", "address": "127.0.0.1", "port": 1}, {"host": "here", "ansible_connection": "local"}]
    (tmp_path / "hosts.yml").write_text(json.dumps(rows))
    assert main(["collect", "-i", "hosts.yml", "-q", "--retries", "0"]) == 3
    (folder,) = (tmp_path / "evidence").iterdir()
    assert reasons(folder) == {"gone": "refused", "here": None}
    assert main(["collect", "-i", "hosts.yml", "-q", "here"]) == 0


def test_nothing_is_judged(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # Readers are forked, and would say so.
    monkeypatch.setattr("auditor.run.reader.assess", None)
    Path("hosts.csv").write_text("host,connection,replay\nhere,local,\nlost,replay,nowhere\n")
    assert main(["collect", "-i", "hosts.csv", "-v"]) == 3
    said = capsys.readouterr()
    assert "here: evidence\n" in said.err
    assert "lost: no evidence (probe_failed)\n" in said.err
    assert list(Bundle(Path(said.out.strip())).problems()) == []


@pytest.fixture
def envelope(tmp_path: Path) -> Path:
    """Make one as docs/evidence-by-other-roads.md says, standard error beside it."""
    script, file = tmp_path / "probe.sh", tmp_path / "pc-7.envelope"
    script.write_text(sh_probe())
    with file.open("wb") as out, (tmp_path / "pc-7.envelope.stderr").open("wb") as said:
        line = f"{TOKEN} 20 4000000 90 none\n"
        subprocess.run(["sh", script], input=line.encode(), stdout=out, stderr=said, check=True, timeout=60)
    return file


def stderrs(folder: Path) -> dict[str, str]:
    rows = map(json.loads, (folder / "evidence" / "sections.jsonl").read_text().splitlines())
    return {row["id"]: row["stderr"] for row in rows}


def test_what_was_said_on_standard_error_is_evidence(envelope: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beside = envelope.with_name("pc-7.envelope.stderr")
    beside.write_bytes(
        beside.read_bytes() + f"\n{TOKEN} begin software.dpkg\ndpkg: a word --password=hunter2\n".encode()
    )
    assert main(["ingest", "envelope", "pc-7.envelope", "pc-7.envelope.stderr"]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert stderrs(folder)["software.dpkg"].startswith("dpkg: a word --password=")
    assert "hunter2" not in (folder / "evidence" / "sections.jsonl").read_text()
    bundle = Bundle(folder)
    assert list(bundle.problems()) == []
    (answer,) = bundle.answers()
    evidence = bundle.evidence(answer)
    assert evidence is not None
    assert evidence.head.delivered is Delivery.ENVELOPE
    beside.unlink()
    assert main(["ingest", "envelope", "pc-7.envelope", "-o", "without"]) == 0
    assert set(stderrs(Path(capsys.readouterr().out.strip())).values()) == {""}


@pytest.mark.usefixtures("envelope")
def test_an_envelope_carries_what_a_host_that_is_asked_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The same sections, with the same words on standard error: this machine, asked both ways."""
    assert main(["ingest", "envelope", "pc-7.envelope"]) == 0
    carried = Path(capsys.readouterr().out.strip())
    assert main(["collect", "local", "-o", "live"]) == 0
    assert stderrs(Path(capsys.readouterr().out.strip())) == stderrs(carried)


def test_standard_error_alone_is_no_envelope(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pc-7.envelope.stderr").write_text("x")
    assert main(["ingest", "envelope", "pc-7.envelope.stderr"]) == 2
    assert "name that one, this is found by itself" in capsys.readouterr().err


@pytest.mark.slow
def test_an_envelope_that_breaks_its_reader_stops_no_other(
    envelope: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Far more than the limit: a reader may also use what whoever runs the tests had and gave back.
    rows = b"".join(b"installed\tname-%d\t1.0\tall\n" % number for number in range(1_500_000))
    (tmp_path / "pc-8.envelope").write_bytes(output(body_of({"software.dpkg": rows})).stdout)
    monkeypatch.setattr(
        ingest_envelope, "Readers", partial(Readers, limits=ReaderLimits(memory_bytes=96 * 1024 * 1024))
    )
    assert main(["ingest", "envelope", "pc-8.envelope", envelope.name]) == 3
    printed = capsys.readouterr()
    assert "no evidence of pc-8: reader_limit" in printed.err
    assert reasons(Path(printed.out.strip())) == {"pc-7": None, "pc-8": "reader_limit"}
