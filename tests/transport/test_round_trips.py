"""What is sent before the host has answered what came before it, and what becomes of it where the answer is no."""

import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import Credentials, SshSettings
from auditor.model.probe import CANNOT_UNPACK, ProbeCall
from auditor.model.record import replace
from auditor.model.rung import Rung
from auditor.transport.ssh import SshTransport
from auditor.transport.ssh_login import _Login

MakeCall = Callable[..., ProbeCall]
# What the launcher does, without a probe: it says so where it cannot unpack, else it runs what it got.
_LAUNCHER = "exec /bin/sh -c 'a=$(cat);case $a in packed) echo auditor-probe cannot unpack;; *) eval \"$a\";; esac'"


class Rungs:
    """What a transport tells of its way to a host."""

    def __init__(self) -> None:
        self.climbed: list[Rung] = []

    def __call__(self, _host: str, rung: Rung, _said: str) -> None:
        self.climbed.append(rung)


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which offers do not wait for leave."""
    noted: list[str] = []
    before = _Login._request_auth

    def request(self: _Login) -> None:
        before(self)
        noted.append("ahead" if self._offers_at_once else "waits")

    monkeypatch.setattr(_Login, "_request_auth", request)
    return noted


def test_a_key_is_offered_without_waiting_for_leave(
    sshd: Any, tmp_path: Path, make_call: MakeCall, ahead: list[str], nothing_left: Any
) -> None:
    with nothing_left():
        answer = SshTransport(home=tmp_path, agent_socket="").collect(sshd.host(), make_call("echo done"))
    assert (answer.stdout, ahead) == (b"done\n", ["ahead"])


def test_the_next_key_is_offered_where_the_first_is_refused(
    sshd: Any, tmp_path: Path, make_call: MakeCall, keygen: Callable[..., Path], ahead: list[str], nothing_left: Any
) -> None:
    folder = tmp_path / ".ssh"
    folder.mkdir()
    keygen(folder / "id_ed25519", "ed25519")
    taken = keygen(folder / "id_ecdsa", "ecdsa")
    with (sshd.folder / "authorized_keys").open("a") as file:
        file.write(Path(f"{taken}.pub").read_text())
    settings = SshSettings(known_hosts=(sshd.known_hosts,))
    host = sshd.host(credentials=Credentials(user="root"), ssh=settings)
    with nothing_left():
        answer = SshTransport(home=tmp_path, agent_socket="").collect(host, make_call("echo done"))
    assert (answer.stdout, ahead) == (b"done\n", ["ahead", "ahead"])
    shutil.rmtree(folder)
    refused = keygen(tmp_path / "refused", "ed25519")
    with nothing_left(), pytest.raises(HostError) as raised:
        SshTransport(home=tmp_path, agent_socket="").collect(
            replace(host, credentials=Credentials(user="root", private_key=refused)), make_call("echo done")
        )
    assert raised.value.reason is Reason.AUTH
    assert "refused" in raised.value.detail


def test_an_rsa_key_waits_for_what_the_host_says_of_signatures(
    sshd: Any, tmp_path: Path, make_call: MakeCall, keygen: Callable[..., Path], ahead: list[str]
) -> None:
    key = keygen(tmp_path / "rsa", "rsa")
    with (sshd.folder / "authorized_keys").open("a") as file:
        file.write(Path(f"{key}.pub").read_text())
    host = sshd.host(credentials=Credentials(user="root", private_key=key))
    answer = SshTransport(home=tmp_path, agent_socket="").collect(host, make_call("echo done"))
    assert (answer.stdout, ahead) == (b"done\n", ["waits"])


def test_a_session_that_is_refused_is_told(start_sshd: Any, tmp_path: Path, make_call: MakeCall) -> None:
    with pytest.raises(HostError) as raised:
        SshTransport(home=tmp_path, agent_socket="").collect(start_sshd("MaxSessions 0").host(), make_call(":"))
    assert raised.value.reason is Reason.NO_SESSION


def test_a_host_that_cannot_unpack_gets_the_script_as_it_is(
    sshd: Any, tmp_path: Path, make_call: MakeCall, nothing_left: Any
) -> None:
    rungs = Rungs()
    call = replace(make_call("echo plain"), launcher=_LAUNCHER, packed=b"packed")
    with nothing_left():
        answer = SshTransport(home=tmp_path, agent_socket="", climbed=rungs).collect(sshd.host(), call)
    assert (answer.stdout, answer.stderr) == (b"plain\n", b"")
    assert rungs.climbed.count(Rung.SESSION) == 2
    assert rungs.climbed.count(Rung.LOGIN) == 1


def test_a_host_that_never_unpacks_is_asked_twice_and_no_more(sshd: Any, tmp_path: Path, make_call: MakeCall) -> None:
    rungs = Rungs()
    call = replace(make_call("packed"), launcher=_LAUNCHER, packed=b"packed")
    answer = SshTransport(home=tmp_path, agent_socket="", climbed=rungs).collect(sshd.host(), call)
    assert answer.stdout == CANNOT_UNPACK + b"\n"
    assert rungs.climbed.count(Rung.SESSION) == 2


def test_packets_are_told_apart_however_they_come(sshd: Any, tmp_path: Path, make_call: MakeCall) -> None:
    """A relay that passes on what the host sends in crumbs, and then many packets at once."""
    listener = socket.create_server(("127.0.0.1", 0))
    host = replace(sshd.host(), port=listener.getsockname()[1])
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{host.port} {sshd.public}\n")
    host = replace(host, ssh=replace(host.ssh, known_hosts=(known,)))

    def pour(source: socket.socket, sink: socket.socket, size: int) -> None:
        while data := source.recv(size):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

    def relay() -> None:
        ours, _ = listener.accept()
        with ours, socket.create_connection(("127.0.0.1", sshd.port)) as theirs:
            up = threading.Thread(target=pour, args=(ours, theirs, 65536))
            up.start()
            for _ in range(3000):
                ours.sendall(theirs.recv(1))
            pour(theirs, ours, 1 << 20)
            up.join(20)

    thread = threading.Thread(target=relay)
    thread.start()
    try:
        answer = SshTransport(home=tmp_path, agent_socket="").collect(
            host, make_call("i=0; while [ $i -lt 2000 ]; do echo 0123456789; i=$((i + 1)); done")
        )
    finally:
        thread.join(20)
        listener.close()
    assert answer.stdout == b"0123456789\n" * 2000
