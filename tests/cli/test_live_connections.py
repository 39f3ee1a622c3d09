"""`auditor listeners --connections --live` asks hosts now: a real sshd, real sockets, and nothing of it is kept."""

import csv
import io
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from auditor.cli import live_connections
from auditor.cli.main import main
from tests.transport.conftest import Server, StartServer

pytestmark = pytest.mark.slow
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def server(start_sshd: StartServer) -> Server:
    return start_sshd()


_TALKS = """
import os, socket, sys
door = socket.create_server(("127.0.0.1", 0))
out = socket.create_connection(door.getsockname())
held, _ = door.accept()
print(door.getsockname()[1], os.getpid(), flush=True)
sys.stdin.read()
"""


class Door(NamedTuple):
    """A process that is connected to itself."""

    port: str
    pid: int


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    words = [sys.executable, "-c", _TALKS]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port, pid = process.stdout.readline().split()
        yield Door(port, int(pid))
        process.communicate()


@pytest.fixture
def hosts(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name three hosts: two roads to one that answers, and one where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    common = {
        "address": "127.0.0.1", "ansible_user": "root", "ansible_ssh_private_key_file": str(server.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={server.known_hosts} -o IdentitiesOnly=yes",
    }  # fmt: skip
    ports = {"web1": server.port, "web2": server.port, "dead": nobody}
    file = tmp_path / "hosts.yml"
    file.write_text(json.dumps([{"host": name, **common, "port": port} for name, port in ports.items()]))
    state = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    (tmp_path / "passing").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "passing"))
    return str(file)


def live(capsys: Capture, *words: str) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["listeners", "--connections", "--live", "--format", "json", *words])
    told = capsys.readouterr()
    return code, json.loads(told.out), told.err


def test_hosts_are_asked_now_and_nothing_is_kept(capsys: Capture, hosts: str, door: Door, tmp_path: Path) -> None:
    code, rows, said = live(capsys, "-i", hosts, "--port", door.port)
    assert code == 3
    assert {(row["host"], row["direction"], row["state"]) for row in rows} == {
        (host, direction, "established") for host in ("web1", "web2") for direction in ("inbound", "outbound")
    }
    assert {row["pid"] for row in rows} == {door.pid}
    assert "dead did not answer: refused" in said
    assert "2 of 3 hosts answered" in said
    assert "it is no evidence" in said
    assert not (tmp_path / "state").exists()
    assert list((tmp_path / "passing").iterdir()) == []


def test_hosts_and_rows_are_narrowed_down(capsys: Capture, hosts: str, door: Door) -> None:
    code, rows, said = live(capsys, "-i", hosts, "--host", "web*", "--host", "web1", "--port", door.port)
    assert code == 0
    assert {row["host"] for row in rows} == {"web1", "web2"}
    assert "2 of 2 hosts answered" in said
    code, rows, _ = live(capsys, "-i", hosts, "--host", "web1", "--port", door.port, "--product", "anydesk")
    assert (code, rows) == (0, [])


def test_this_machine_is_asked_again_and_again(
    capsys: Capture, hosts: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) > 1:
            raise KeyboardInterrupt

    assert hosts
    monkeypatch.setattr(live_connections, "_wait", wait)
    words = ["listeners", "--connections", "--live", "--interval", "7", "--port", door.port, "--format", "csv"]
    assert main(words) == 130
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [row[0] for row in rows].count("host") == 2
    assert waited == [7.0, 7.0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--live"], "--live is of connections: add --connections"),
        (["--connections", "-i", "hosts.yml"], "-i is of hosts that are asked: add --live"),
        (["--connections", "--live", "--run", "x"], "--run shows what a run found"),
        (["--connections", "--live", "--interval", "0"], "--interval 0: some seconds are wanted"),
        (["--connections", "--live", "--host", "nobody"], "this machine is the only host asked"),
        (["--connections", "--live", "--deadline", "-1"], "a host needs some time to answer"),
    ],
)
def test_what_does_not_go_together(words: list[str], said: str, capsys: Capture) -> None:
    assert main(["listeners", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_host_that_the_inventory_lacks_is_named(capsys: Capture, hosts: str) -> None:
    assert main(["listeners", "--connections", "--live", "-i", hosts, "--host", "web3"]) == 2
    assert "has no such host (did you mean" in capsys.readouterr().err
