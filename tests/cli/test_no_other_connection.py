"""Nothing but the hosts in scope is connected to or asked for, and no secret of a log-in is left behind."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.watched import Watched, auditor, python
from tests.winrm.fleet import FLEET
from tests.winrm.running import row_of, serve_answer
from tests.winrm.server import PASSWORD, user_file

pytestmark = pytest.mark.slow

_CANARY = "canary-5d1b0c"
_DEMO = Path(__file__).parents[2] / "auditor" / "demo"
_ASKED_OF_ITSELF = ("socket.bind", repr(("::1", 0)))
"""How urllib3 finds out whether this machine has IPv6, when it is loaded: nothing is sent, nobody can connect."""
_POLICIES = Path(__file__).parents[2] / "policies"


@dataclass(frozen=True, kw_only=True)
class Audited:
    """One audit of a real sshd and of a WS-Man host, under watch."""

    watched: Watched
    folder: Path
    ports: tuple[int, int]
    key: Path


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Serve a Windows host, and describe it as an inventory does."""
    folder = tmp_path_factory.mktemp("windows")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("NTLM_USER_FILE", str(user_file(folder)))
        yield row_of("win-1", serve_answer(stack, folder / "win-1", FLEET[0].answer()))


@pytest.fixture(scope="module")
def audited(start_sshd: Any, windows: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Audit a host by a key with a passphrase, and one by a password; both secrets stand in the environment."""
    server = start_sshd()
    folder = tmp_path_factory.mktemp("watched")
    secrets = tmp_path_factory.mktemp("secrets")
    key = secrets / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", _CANARY, "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    with (server.folder / "authorized_keys").open("a") as keys:
        keys.write(key.with_suffix(".pub").read_text())
    row = {
        "host": "web-1",
        "address": "127.0.0.1",
        "port": server.port,
        "user": "root",
        "ansible_ssh_private_key_file": str(key),
        "passphrase": "env:AUDITOR_TEST_WORD",
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={server.known_hosts} -o IdentitiesOnly=yes",
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump([row, windows]))
    words = ["audit", "-i", "hosts.yml", "-o", "reports", "--format", "json,csv,html"]
    watched = auditor(folder, words, AUDITOR_TEST_WORD=_CANARY, WINDOWS_PASSWORD=PASSWORD)
    assert watched.done.returncode == 0, watched.done.stderr
    assert json.loads(watched.done.stdout.splitlines()[-1])[0] in (0, 1, 3), watched.done.stderr
    (results,) = folder.glob("reports/*/results.json")
    assert [row["reason"] for row in json.loads(results.read_text())["ledger"]] == [None, None]
    return Audited(watched=watched, folder=folder, ports=(server.port, windows["port"]), key=key)


def test_an_audit_connects_to_its_hosts_and_to_nothing_else(audited: Audited) -> None:
    assert audited.watched.outside() - {_ASKED_OF_ITSELF} == {
        *(("socket.connect", repr(("127.0.0.1", port))) for port in audited.ports),
        # An address and no name: nobody is asked for it.
        ("socket.getaddrinfo", repr("127.0.0.1")),
    }
    # No program whose connections would not be seen.
    assert audited.watched.started() == []


def test_no_secret_of_a_log_in_is_left_anywhere(audited: Audited) -> None:
    body = audited.key.read_text().splitlines()[2]
    assert len(body) > 60
    said = audited.watched.done.stdout + audited.watched.done.stderr + repr(audited.watched.events)
    files = [file for file in audited.folder.rglob("*") if file.is_file()]
    kinds = {file.suffix for file in files}
    assert {".sqlite", ".pack", ".html", ".csv", ".json"} <= kinds
    for secret in (_CANARY, body, PASSWORD):
        assert secret not in said
        assert [file for file in files if secret.encode() in file.read_bytes()] == []


def test_what_works_on_sealed_evidence_connects_to_nothing(tmp_path: Path) -> None:
    recorded = {"host": "web-1", "connection": "replay", "replay": str(_DEMO / "web-1.probe")}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump([recorded]))
    commands: dict[tuple[str, ...], tuple[int, ...]] = {
        ("audit", "-i", "hosts.yml", "-o", "reports", "-q", "--format", "json"): (0, 1, 3),
        ("demo", "-o", "demo", "-q", "--format", "json"): (0,),
        ("verify", "demo"): (0,),
        ("verify", "demo", "--recompute"): (0,),
        ("assess", "demo", "-o", "again", "-q", "--format", "json"): (0, 1, 3),
        ("report", "-o", "written", "--format", "json,csv,html,xlsx,oscal,hdf"): (0,),
        **{(name,): (0,) for name in ("hosts", "runs", "findings", "software", "listeners", "exceptions")},
        ("catalogue", "check"): (0,),
        ("policy", "check", str(_POLICIES / "policy.yml")): (0,),
        ("probe", "show", "sh"): (0,),
        ("hunt", "export", "anydesk", "--format", "sigma"): (0,),
    }
    watched = auditor(tmp_path, *commands)
    assert watched.done.returncode == 0, watched.done.stderr
    codes = json.loads(watched.done.stdout.splitlines()[-1])
    wrong = [words for (words, right), code in zip(commands.items(), codes, strict=True) if code not in right]
    assert wrong == [], watched.done.stderr
    assert watched.outside() == set()
    assert watched.started() == []


def test_a_connection_would_be_seen(tmp_path: Path) -> None:
    """In the process itself, in one that it forks, and in a Python that it starts."""
    knock = (
        "import os, socket, subprocess, sys\n"
        "def knock(port):\n"
        "    socket.socket().connect_ex(('127.0.0.1', port))\n"
        "    socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))\n"
        "    socket.getaddrinfo(f'127.0.0.{port}', port)\n"
        "if len(sys.argv) > 1:\n"
        "    knock(3)\n"
        "    sys.exit()\n"
        "knock(1)\n"
        "if not os.fork():\n"
        "    knock(2)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "subprocess.run([sys.executable, sys.argv[0], 'again'], check=True)\n"
    )
    (tmp_path / "knock.py").write_text(knock)
    watched = python(tmp_path, "knock.py")
    assert watched.done.returncode == 0, watched.done.stderr
    expected = {
        (event, repr(("127.0.0.1", port))) for port in (1, 2, 3) for event in ("socket.connect", "socket.sendto")
    }
    assert watched.outside() == expected | {("socket.getaddrinfo", repr(f"127.0.0.{port}")) for port in (1, 2, 3)}
    assert [words[1:] for words in watched.started()] == [["knock.py", "again"]]
    assert len({pid for pid, *_ in watched.events}) == 3
    assert os.getpid() not in {pid for pid, *_ in watched.events}
