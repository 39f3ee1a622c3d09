"""`auditor listeners --connections` on this machine: real sockets, their real processes, and what narrows them down."""

import csv
import io
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from tests.cli.test_commands import auditor

pytestmark = pytest.mark.slow
Capture = pytest.CaptureFixture[str]

_PROGRAM = """
import socket, sys
door = socket.create_server(("127.0.0.1", 0))
print(door.getsockname()[1], flush=True)
held, _ = door.accept()
out = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("there", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """This machine, audited while a program called anydesk had a connection in and one out."""

    folder: Path
    pid: int
    door: int
    far: int


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    folder = tmp_path_factory.mktemp("connections")
    program = folder / "anydesk"
    shutil.copy(os.path.realpath(sys.executable), program)
    with socket.create_server(("127.0.0.1", 0)) as far:
        port = far.getsockname()[1]
        with subprocess.Popen(
            [program, "-c", _PROGRAM, str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PYTHONHOME": sys.base_prefix, "LD_LIBRARY_PATH": f"{sys.base_prefix}/lib"},
        ) as process:  # fmt: skip
            assert process.stdout is not None
            door = int(process.stdout.readline())
            with socket.create_connection(("127.0.0.1", door)), far.accept()[0]:
                assert process.stdout.readline() == "there\n"
                ran = auditor("audit", "local", "--format", "json", "--quiet", folder=folder)
                assert ran.returncode in (0, 1, 3), ran.stderr
            process.communicate()
    return Audited(folder=folder, pid=process.pid, door=door, far=port)


def said(capsys: Capture, audited: Audited, *words: str) -> str:
    store = audited.folder / ".local" / "state" / "auditor" / "store.sqlite"
    assert main(["listeners", "--store", str(store), *words]) == 0
    return capsys.readouterr().out


def listed(capsys: Capture, audited: Audited, *words: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(said(capsys, audited, "--connections", "--format", "json", *words))
    return rows


def test_a_connection_is_told_with_its_process_and_product(capsys: Capture, audited: Audited) -> None:
    inbound, outbound = sorted(listed(capsys, audited, "--product", "anydesk"), key=lambda row: row["direction"])
    assert (inbound["local_port"], inbound["direction"]) == (audited.door, "inbound")
    assert (outbound["remote_port"], outbound["direction"]) == (audited.far, "outbound")
    for row in (inbound, outbound):
        assert (row["process"], row["pid"]) == ("anydesk", audited.pid)
        assert row["executable"] == str(audited.folder / "anydesk")
        assert (row["user"], row["protocol"], row["state"]) == ("root", "tcp", "established")
        assert (row["local_address"], row["remote_address"]) == ("127.0.0.1", "127.0.0.1")


def test_other_ends_are_listed_too_and_are_of_no_product(capsys: Capture, audited: Audited) -> None:
    rows = [row for row in listed(capsys, audited, "--port", str(audited.door)) if row["remote_port"] == audited.door]
    assert [(row["pid"], row["product"]) for row in rows] == [(os.getpid(), None)]


def test_rows_are_narrowed_down(capsys: Capture, audited: Audited) -> None:
    ports = ("--port", str(audited.door), "--port", str(audited.far))
    assert len(listed(capsys, audited, *ports)) == 4
    assert len(listed(capsys, audited, *ports, "--remote", "127.0.0.0/8")) == 4
    assert listed(capsys, audited, *ports, "--remote", "203.0.113.0/24", "--remote", "::/0") == []
    assert listed(capsys, audited, *ports, "--product", "teamviewer") == []
    assert {row["state"] for row in listed(capsys, audited)} <= {"established", "unknown"}
    assert len(listed(capsys, audited, "--all-states")) >= len(listed(capsys, audited))


def test_tables_and_csv_say_the_same(capsys: Capture, audited: Audited) -> None:
    words = ("--connections", "--product", "anydesk", "--host", "*")
    table = said(capsys, audited, *words).splitlines()
    assert table[0].split()[:3] == ["HOST", "PROCESS", "PID"]
    assert len(table) == 3
    rows = list(csv.DictReader(io.StringIO(said(capsys, audited, *words, "--format", "csv"))))
    assert [int(row["pid"]) for row in rows] == [audited.pid] * 2
    assert list(rows[0]) == list(listed(capsys, audited, "--product", "anydesk")[0])


def test_nobody_is_asked_about_this_machine(
    capsys: Capture, audited: Audited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("somebody was asked for a name")

    monkeypatch.setattr(socket, "getnameinfo", refuse)
    (tmp_path / "n.csv").write_text("network,organisation,country\n0.0.0.0/0,All,de\n", encoding="utf-8")
    rows = listed(capsys, audited, "--product", "anydesk", "--far-end", "--far-end-data", str(tmp_path / "n.csv"))
    assert [(row["far_name"], row["far_organisation"]) for row in rows] == [(None, None)] * 2


def test_listening_ports_are_narrowed_down_too(capsys: Capture, audited: Audited) -> None:
    words = ("--format", "json", "--port", str(audited.door))
    (row,) = json.loads(said(capsys, audited, *words, "--product", "anydesk"))
    assert (row["port"], row["process"]) == (audited.door, "anydesk")
    assert json.loads(said(capsys, audited, *words, "--product", "teamviewer")) == []


def test_a_host_that_gave_no_evidence_is_named(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "hosts.csv").write_text("host,address,port\ndead,127.0.0.1,1\n", encoding="utf-8")
    ran = auditor("audit", "dead", "-i", "hosts.csv", "--format", "json", "--quiet", folder=tmp_path)
    assert ran.returncode == 3, ran.stderr
    store = tmp_path / ".local" / "state" / "auditor" / "store.sqlite"
    assert main(["listeners", "--store", str(store), "--connections", "--format", "json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == []
    assert "dead: not all is seen: it gave no evidence: `auditor hosts` says why" in told.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["--remote", "10.0.0.0/8"], "--remote is of connections: add --connections", id="remote-alone"),
        pytest.param(["--all-states"], "--all-states is of connections", id="states-alone"),
        pytest.param(["--connections", "--remote", "10.0.0.1/8"], "write it as 203.0.113.0/24", id="no-network"),
        pytest.param(["--connections", "--product", "any-desk"], "did you mean 'anydesk'?", id="product"),
        pytest.param(["--connections", "--host", "nobody"], "has no host 'nobody'", id="host"),
    ],
)
def test_a_mistake_is_named(capsys: Capture, audited: Audited, words: list[str], told: str) -> None:
    store = audited.folder / ".local" / "state" / "auditor" / "store.sqlite"
    assert main(["listeners", "--store", str(store), *words]) == 2
    assert told in capsys.readouterr().err
