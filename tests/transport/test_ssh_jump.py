"""Hosts behind jump hosts: one log-in to each jump, whatever is wrong told by its name, nothing left after the end."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import Credentials, Host
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from auditor.transport.ssh import Patience, SshTransport

MakeCall = Callable[..., ProbeCall]
Watch = Callable[[], AbstractContextManager[None]]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root and sshd")


@pytest.fixture(scope="module")
def gate(start_sshd: Any) -> Any:
    return start_sshd("LogLevel VERBOSE")


@pytest.fixture
def transport(tmp_path: Path) -> SshTransport:
    return SshTransport(home=tmp_path, agent_socket="", patience=Patience(connect=3))


def behind(target: Host, *jumps: Host) -> Host:
    return replace(target, ssh=replace(target.ssh, jumps=jumps))


def logins(server: Any) -> int:
    return int((server.folder / "log").read_text().count("Accepted publickey"))


def failure(transport: SshTransport, host: Host, call: ProbeCall) -> HostError:
    with pytest.raises(HostError) as raised:
        transport.collect(host, call)
    return raised.value


def test_all_hosts_behind_a_jump_share_one_log_in(
    gate: Any, sshd: Any, transport: SshTransport, make_call: MakeCall, nothing_left: Watch
) -> None:
    before = logins(gate)
    host = behind(sshd.host(), gate.host(name="gate"))
    with nothing_left(), closing(transport):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: transport.collect(host, make_call(f"echo {number}")), range(24)))
        assert [answer.stdout for answer in answers] == [b"%d\n" % number for number in range(24)]
        assert answers[0].host_key is not None
    assert logins(gate) - before == 1


def test_a_chain_of_jumps(
    gate: Any, sshd: Any, transport: SshTransport, make_call: MakeCall, nothing_left: Watch
) -> None:
    host = behind(sshd.host(), gate.host(name="outer"), sshd.host(name="inner"))
    with nothing_left(), closing(transport):
        assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


def test_much_goes_through(gate: Any, sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    host = behind(sshd.host(), gate.host(name="gate"))
    call = make_call("head -c 8000000 /dev/zero", output_limit=9_000_000, deadline=60)
    with closing(transport):
        assert len(transport.collect(host, call).stdout) == 8_000_000


def test_the_key_of_the_host_itself_is_checked(
    gate: Any, sshd: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    wrong = replace(sshd.host(), ssh=replace(sshd.host().ssh, known_hosts=(gate.known_hosts,)))
    with closing(transport):
        assert (
            failure(transport, behind(wrong, gate.host(name="gate")), make_call(":")).reason is Reason.HOST_KEY_UNKNOWN
        )


def test_a_jump_whose_key_is_not_known_is_each_hosts_own_reason(
    gate: Any, sshd: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    jump = replace(gate.host(name="gate"), ssh=replace(gate.host().ssh, known_hosts=(sshd.known_hosts,)))
    with closing(transport):
        error = failure(transport, behind(sshd.host(), jump), make_call(":"))
    assert error.reason is Reason.HOST_KEY_UNKNOWN
    assert error.detail.startswith("jump host gate: ")


def test_a_jump_that_refuses_us_is_asked_once(
    gate: Any, sshd: Any, transport: SshTransport, make_call: MakeCall, nothing_left: Watch
) -> None:
    jump = gate.host(name="gate", credentials=Credentials(user="root", private_key=sshd.key))
    host = behind(sshd.host(), jump)
    before = (gate.folder / "log").read_text().count("Connection from")
    with nothing_left(), closing(transport):
        errors = [failure(transport, host, make_call(":")) for _ in range(4)]
    assert {error.reason for error in errors} == {Reason.AUTH}
    assert all(error.at_login and error.detail.startswith("jump host gate: ") for error in errors)
    assert (gate.folder / "log").read_text().count("Connection from") - before == 1


def test_a_jump_that_is_down_is_told(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    jump = Host(name="gate", address="127.0.0.1", port=1)
    with closing(transport):
        errors = [failure(transport, behind(sshd.host(), jump), make_call(":")) for _ in range(2)]
    assert {error.reason for error in errors} == {Reason.REFUSED}
    assert all(error.detail.startswith("jump host gate: ") for error in errors)


def test_a_host_that_the_jump_cannot_reach_is_told(
    gate: Any, sshd: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    host = behind(replace(sshd.host(), port=1), gate.host(name="gate"))
    with closing(transport):
        error = failure(transport, host, make_call(":"))
    assert error.reason is Reason.REFUSED
    assert "jump host gate cannot reach 127.0.0.1 port 1" in error.detail


def test_a_jump_that_forwards_nothing_is_told(
    start_sshd: Any, sshd: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    closed = start_sshd("AllowTcpForwarding no")
    with closing(transport):
        error = failure(transport, behind(sshd.host(), closed.host(name="gate")), make_call(":"))
    assert error.reason is Reason.NO_ROUTE
    assert "AllowTcpForwarding" in error.detail


def test_a_jump_that_broke_is_entered_again(gate: Any, sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    host = behind(sshd.host(), gate.host(name="gate"))
    with closing(transport):
        assert transport.collect(host, make_call("echo in")).stdout == b"in\n"
        (slot,) = transport._jumps._slots.values()
        assert slot.connection is not None
        slot.connection.end()
        assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


def test_the_deadline_holds_behind_a_jump(
    gate: Any, sshd: Any, transport: SshTransport, make_call: MakeCall, nothing_left: Watch
) -> None:
    host = behind(sshd.host(), gate.host(name="gate"))
    with nothing_left(), closing(transport):
        assert failure(transport, host, make_call("sleep 30", deadline=1)).reason is Reason.STALLED


def test_what_is_no_ssh_server_behind_a_jump_is_told(
    gate: Any, fake_server: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    web = fake_server(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with closing(transport):
        error = failure(transport, behind(web, gate.host(name="gate")), make_call(":"))
    assert error.reason is Reason.NOT_SSH
