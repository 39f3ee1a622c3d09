"""Each host gets the transport of its connection."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.model.host import ConnectionKind, Host
from auditor.model.probe import ProbeCall
from auditor.transport.choose import Transports
from auditor.transport.local import LocalTransport


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


def test_ssh_does_not_load_what_it_has_no_use_for() -> None:
    code = (
        "import sys\n"
        "from auditor.model.host import ConnectionKind\n"
        "from auditor.transport.choose import Transports\n"
        "Transports().transport_for(ConnectionKind.SSH)\n"
        "print('paramiko' in sys.modules, 'invoke' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
