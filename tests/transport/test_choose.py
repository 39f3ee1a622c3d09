"""Each host gets the transport of its connection."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import ConnectionKind, Host
from auditor.model.probe import ProbeCall
from auditor.transport.choose import Transports
from auditor.transport.connect import Begun
from auditor.transport.deadline import Deadline
from auditor.transport.local import LocalTransport
from auditor.transport.ssh import SshTransport


def test_a_transport_is_made_once_and_shared() -> None:
    transports = Transports()
    for kind in ConnectionKind:
        assert transports.transport_for(kind) is transports.transport_for(kind)


def test_a_host_is_asked_over_its_own_connection(
    local_host: Host, make_call: Callable[..., ProbeCall], tmp_path: Path
) -> None:
    (tmp_path / "r").write_bytes(b"recorded")
    recorded = Host(name="r", address="", connection=ConnectionKind.REPLAY, replay=tmp_path / "r")
    call = make_call("echo live")
    transports = Transports()
    assert transports.collect(local_host, call).stdout == b"live\n"
    assert transports.collect(recorded, call).stdout == b"recorded"


def test_a_local_audit_does_not_pay_for_ssh() -> None:
    program = (
        "import sys; from auditor.transport.choose import Transports; Transports(); print('paramiko' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_our_own_environment_stays_with_us(
    local_host: Host, make_call: Callable[..., ProbeCall], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_STORE", "postgresql://auditor:canary@db/audit")
    answer = LocalTransport().collect(local_host, make_call("env; pwd"))
    assert b"canary" not in answer.stdout
    assert answer.stdout.endswith(b"\n/\n")


def test_a_group_left_in_the_background_is_ended(
    local_host: Host, make_call: Callable[..., ProbeCall], tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 96.54 >/dev/null 2>&1 & echo $! >{pid_file}; echo done"
    assert LocalTransport().collect(local_host, make_call(script)).stdout == b"done\n"
    state = Path(f"/proc/{pid_file.read_text().strip()}/stat")
    end = time.monotonic() + 5
    while state.exists() and ") Z " not in state.read_text():
        assert time.monotonic() < end, "it goes on"
        time.sleep(0.02)


_FIRST_CALL = """
import os, socket, sys, threading
from auditor.errors import HostError
from auditor.model.host import ConnectionKind, Host
from auditor.model.probe import ProbeCall
from auditor.transport.choose import Transports

listener = socket.create_server(("127.0.0.1", 0))
loaded = []

def accept():
    for _ in range(2):
        connection, _ = listener.accept()
        loaded.append("paramiko" in sys.modules)
        connection.close()

server = threading.Thread(target=accept)
server.start()
host = Host(
    name="h", address="127.0.0.1", port=listener.getsockname()[1], connection=ConnectionKind.SSH
)
call = ProbeCall(token="", launcher=":", script="", script_sha256="", stdin=b"", deadline=9, output_limit=9)
transports = Transports()
for _ in range(2):
    try:
        transports.collect(host, call)
    except HostError as error:
        print(error.reason)
transports.close()
server.join()
sockets = [entry for entry in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{entry}")
           and os.readlink(f"/proc/self/fd/{entry}").startswith("socket:")]
print(loaded, len(sockets) - 1, "paramiko" in sys.modules, "invoke" in sys.modules)
"""


def test_the_first_hosts_begin_while_ssh_is_loaded_and_without_what_it_has_no_use_for() -> None:
    done = subprocess.run([sys.executable, "-c", _FIRST_CALL], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["no_banner", "no_banner", "[False, True] 0 True False"]


def test_a_connection_made_early_is_closed_where_the_call_fails_before_it_is_used(
    make_call: Callable[..., ProbeCall], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise HostError(Reason.HOST_KEY_UNKNOWN, "no")

    monkeypatch.setattr("auditor.transport.ssh.read_known_hosts", fail)
    ours, theirs = socket.socketpair()
    begun = Begun(stream=ours, started=datetime.now(tz=UTC), deadline=Deadline.after(5))
    host = Host(name="h", address="127.0.0.1", connection=ConnectionKind.SSH)
    with theirs, pytest.raises(HostError, match="no"):
        SshTransport(home=tmp_path, agent_socket="").collect(host, make_call(":"), begun)
    assert ours.fileno() == -1
