"""What ProxyJump names, and what the inventory knows of it."""

from pathlib import Path

import pytest

from auditor.inventory.jumps import read_jumps, with_known_jumps
from auditor.model.host import Credentials, Host, SshSettings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("gate", [(None, "gate", None)], id="name"),
        pytest.param("ops@gate:2222", [("ops", "gate", 2222)], id="whole"),
        pytest.param("ssh://ops@gate:2222/", [("ops", "gate", 2222)], id="address-of-ssh"),
        pytest.param("[2001:db8::1]:22", [(None, "2001:db8::1", 22)], id="ip6-with-port"),
        pytest.param("ops@2001:db8::1", [("ops", "2001:db8::1", None)], id="ip6-bare"),
        pytest.param("DOMAIN\\ops@gate", [("DOMAIN\\ops", "gate", None)], id="domain-user"),
        pytest.param("a, b@c:1", [(None, "a", None), ("b", "c", 1)], id="chain"),
    ],
)
def test_jumps_are_read(text: str, expected: list[tuple[str | None, str, int | None]]) -> None:
    jumps = read_jumps(text, (Path("/k"),))
    assert [(jump.credentials.user, jump.address, jump.port) for jump in jumps] == expected
    assert {jump.ssh.known_hosts for jump in jumps} == {(Path("/k"),)}


@pytest.mark.parametrize(
    "text", ["", "@gate", "gate:", "gate:0", "gate:x", "gate:65536", "[::1", "a,,b", ",".join("abcdefghi")]
)
def test_what_names_no_jump_host_is_refused(text: str) -> None:
    if text == "gate:":
        assert read_jumps(text, ())[0].port is None
        return
    with pytest.raises(ValueError, match="jump host"):
        read_jumps(text, ())


def a_host(name: str, *jumps: str, user: str | None = None, **more: object) -> Host:
    ssh = SshSettings(jumps=tuple(jump for text in jumps for jump in read_jumps(text, ())))
    return Host(name=name, address=f"{name}.example", ssh=ssh, credentials=Credentials(user=user), **more)  # type: ignore[arg-type]


def chain(hosts: list[Host], name: str) -> list[tuple[str, str | None, int | None]]:
    (host,) = [host for host in with_known_jumps(hosts) if host.name == name]
    return [(jump.address, jump.credentials.user, jump.port) for jump in host.ssh.jumps]


def test_the_inventory_describes_its_jump_hosts() -> None:
    gate = a_host("gate", user="keeper", port=2200)
    assert chain([gate, a_host("web", "gate")], "web") == [("gate.example", "keeper", 2200)]
    assert chain([gate, a_host("web", "me@gate:22")], "web") == [("gate.example", "me", 22)]
    assert chain([gate, a_host("web", "other")], "web") == [("other", None, None)]


def test_the_jumps_of_a_jump_host_come_before_it() -> None:
    hosts = [a_host("outer"), a_host("gate", "outer"), a_host("web", "gate")]
    assert [address for address, _, _ in chain(hosts, "web")] == ["outer.example", "gate.example"]


def test_a_circle_makes_a_host_unusable_and_no_other() -> None:
    hosts = with_known_jumps([a_host("a", "b"), a_host("b", "a"), a_host("c")])
    assert [host.unusable is None for host in hosts] == [False, False, True]
    assert "in a circle" in (hosts[0].unusable or "")
    assert "in a circle" in (with_known_jumps([a_host("a", "a")])[0].unusable or "")


def test_an_unusable_jump_host_makes_the_hosts_behind_it_unusable() -> None:
    hosts = with_known_jumps([a_host("gate", unusable="its password is a template"), a_host("web", "gate")])
    assert hosts[1].unusable == "its jump host gate: its password is a template"
