"""Hosts by addresses of IPv6: bare, scoped, as one of two families, and as known_hosts writes them."""

import socket
from collections.abc import Callable
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from auditor.transport.ssh import SshTransport

MakeCall = Callable[..., ProbeCall]


def _has_ip6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _has_ip6(), reason="this machine has no IPv6 on loopback")


@pytest.fixture(scope="module")
def only_ip6(start_sshd: Any) -> Any:
    return start_sshd(listen="::1")


def known_as(server: Any, name: str, file: Path) -> Host:
    file.write_text(f"{name} {server.public}\n")
    host: Host = server.host(address="::1")
    return replace(host, ssh=replace(host.ssh, known_hosts=(file,)))


@pytest.mark.parametrize(
    "address",
    ["::1", "0:0:0:0:0:0:0:1", "0::1", "[::1]"],
    ids=["short", "long", "mixed", "brackets"],
)
def test_an_address_of_ip6_is_reached_and_known(
    only_ip6: Any, make_call: MakeCall, tmp_path: Path, address: str
) -> None:
    host = replace(known_as(only_ip6, f"[::1]:{only_ip6.port}", tmp_path / "known"), address=address)
    answer = SshTransport(home=tmp_path, agent_socket="").collect(host, make_call("echo in"))
    assert answer.stdout == b"in\n"


def test_an_address_with_a_scope(start_sshd: Any, make_call: MakeCall, tmp_path: Path) -> None:
    """A link's own addresses are the same on every link, so the interface is named with them."""
    address = _link_local()
    if address is None:
        pytest.skip("no interface of this machine has an address of its link")
    server = start_sshd(listen=address)
    host = replace(known_as(server, f"[{address}]:{server.port}", tmp_path / "known"), address=address)
    transport = SshTransport(home=tmp_path, agent_socket="")
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"
    unscoped = known_as(server, f"[{address.partition('%')[0]}]:{server.port}", tmp_path / "known")
    with pytest.raises(HostError) as raised:
        SshTransport(home=tmp_path, agent_socket="").collect(replace(unscoped, address=address), make_call(":"))
    assert raised.value.reason is Reason.HOST_KEY_UNKNOWN


def _link_local() -> str | None:
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        digits, _, _, scope, _, interface = line.split()
        if scope == "20":
            return f"{IPv6Address(int(digits, 16))}%{interface}"
    return None


def test_a_name_of_both_families_is_tried_at_each(
    only_ip6: Any, make_call: MakeCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = replace(known_as(only_ip6, f"[both.example]:{only_ip6.port}", tmp_path / "known"), address="both.example")
    real = socket.getaddrinfo

    def both(name: str, port: int, **more: Any) -> Any:
        if name != "both.example":
            return real(name, port, **more)
        if more.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        return real("127.0.0.1", port, **more) + real("::1", port, **more)

    monkeypatch.setattr(socket, "getaddrinfo", both)
    transport = SshTransport(home=tmp_path, agent_socket="")
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


def test_another_address_is_not_known_by_this_one(only_ip6: Any, make_call: MakeCall, tmp_path: Path) -> None:
    host = known_as(only_ip6, f"[::2]:{only_ip6.port}", tmp_path / "known")
    with pytest.raises(HostError) as raised:
        SshTransport(home=tmp_path, agent_socket="").collect(replace(host, name="::1"), make_call(":"))
    assert raised.value.reason is Reason.HOST_KEY_UNKNOWN
    assert f"[::1]:{only_ip6.port}" in raised.value.detail


def test_an_address_of_ip6_behind_a_jump(sshd: Any, only_ip6: Any, make_call: MakeCall, tmp_path: Path) -> None:
    host = known_as(only_ip6, f"[::1]:{only_ip6.port}", tmp_path / "known")
    host = replace(host, ssh=replace(host.ssh, jumps=(sshd.host(name="gate"),)))
    transport = SshTransport(home=tmp_path, agent_socket="")
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"
    transport.close()


def test_a_jump_at_an_address_of_ip6(sshd: Any, only_ip6: Any, make_call: MakeCall, tmp_path: Path) -> None:
    jump = replace(known_as(only_ip6, f"[::1]:{only_ip6.port}", tmp_path / "known"), name="gate")
    host = replace(sshd.host(), ssh=replace(sshd.host().ssh, jumps=(jump,)))
    transport = SshTransport(home=tmp_path, agent_socket="")
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"
    transport.close()
