"""A step that would cut off whoever takes it is seen before it is taken, by the evaluator on the host's own rules."""

import dataclasses
from typing import Any

import pytest

from auditor.firewall.reach import Filters
from auditor.model.facts.network import Family, InterfaceAddress, Listener, Owner, Protocol
from auditor.model.host import ConnectionKind, Host
from auditor.model.plan import Play, Step
from auditor.model.reading import Found, Reading
from auditor.model.record import replace
from auditor.run.lockout import lockout, way_in
from tests.firewall.conftest import DPORT, match
from tests.remediate.test_planning import UNAPPROVED, a_host, planned
from tests.run.remediations import OURS, a_reading
from tests.run.test_firewall_answer import LIMIT, filters

HOST = Host(name="web1", address="192.0.2.7")
PLAIN: Step = planned(a_host(UNAPPROVED, held={"files": ["/x"]})).steps[0]
COMING = replace(OURS, local_address="192.0.2.7", remote_address="10.20.0.9")
OPEN = (match(DPORT, 22), "accept")


def a_block(*ports: int, allowed: tuple[str, ...] = (), protocol: str = "tcp") -> Step:
    variables: Any = {"ports": tuple({"port": port, "protocol": protocol} for port in ports), "allowed": allowed}
    return replace(PLAIN, play=Play.BLOCK_INBOUND, variables=variables)


def with_facts(reading: Reading, *facts: Any) -> Reading:
    known = {kind: tuple(Found(one, "x", 1) for one in facts if type(one) is kind) for kind in map(type, facts)}
    return dataclasses.replace(reading, facts={**reading.facts, **known})


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the host drop what comes in, but for SSH."""
    use(monkeypatch, filters(OPEN))


def use(monkeypatch: pytest.MonkeyPatch, found: Filters) -> None:
    monkeypatch.setattr("auditor.run.lockout.filters_of", lambda _reading: found)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        pytest.param(a_block(5900), None, id="another-port"),
        pytest.param(a_block(22, protocol="udp"), None, id="another-protocol"),
        pytest.param(a_block(22), "to port 22, which is closed to it (the plan closes 22/tcp)", id="our-port"),
        pytest.param(a_block(5900, 22), "the plan closes 22/tcp", id="our-port-among-others"),
        pytest.param(a_block(22, allowed=("10.20.0.0/16",)), None, id="our-network-is-let-in"),
        pytest.param(a_block(22, allowed=("10.21.0.0/16",)), "closed to it", id="another-network-is-let-in"),
        pytest.param(a_block(22, allowed=("fd00::/8",)), "closed to it", id="another-family-is-let-in"),
    ],
)
def test_a_block_of_the_auditors_own_way_in_is_seen(step: Step, said: str | None) -> None:
    found = lockout(a_reading(COMING), HOST, step)
    assert found is None if said is None else said in str(found)


def test_a_way_in_that_the_hosts_own_rules_make_uncertain_is_not_taken_for_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, filters((match(DPORT, 22), LIMIT, "accept")))
    found = lockout(a_reading(COMING), HOST, a_block(22, allowed=("10.20.0.0/16",)))
    assert "cannot be told to be open" in str(found)


def test_what_was_not_seen_is_not_taken_for_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "was not seen on the host" in str(lockout(a_reading(), HOST, a_block(22)))
    use(monkeypatch, Filters(program=None, problem="the packet filters could not be read in full"))
    assert "could not be read in full" in str(lockout(a_reading(COMING), HOST, a_block(22)))


def test_the_port_is_the_hosts_own_where_something_leads_to_it_from_another() -> None:
    shown = Listener(
        protocol=Protocol.TCP, family=Family.IP, address="0.0.0.0", port=2200, owners=(Owner(pid=7, name="sshd"),)
    )
    reading = with_facts(a_reading(replace(COMING, local_port=2200)), shown)
    assert way_in(reading, replace(HOST, port=10_022)).ports == (2200, 10_022)
    assert "to port 2200" in str(lockout(reading, replace(HOST, port=10_022), a_block(2200)))


def test_an_address_of_ipv4_inside_ipv6_is_one_of_ipv4() -> None:
    mapped = replace(COMING, local_address="::ffff:192.0.2.7", remote_address="::ffff:10.20.0.9")
    assert way_in(a_reading(mapped), HOST).sources == ("10.20.0.9",)


@pytest.mark.parametrize(
    "name", ["ssh.service", "sshd", "ssh@2.service", "nftables.service", "systemd-networkd.service"]
)
def test_the_server_of_ssh_and_what_it_needs_are_not_stopped(name: str) -> None:
    step = replace(PLAIN, play=Play.STOP_SERVICE, variables={"services": ({"name": name, "init": "systemd"},)})
    assert f"without {name}" in str(lockout(a_reading(COMING), HOST, step))


def test_another_service_is() -> None:
    step = replace(PLAIN, play=Play.STOP_SERVICE, variables={"services": ({"name": "x11vnc", "init": "systemd"},)})
    assert lockout(a_reading(COMING), HOST, step) is None


def test_the_network_of_a_product_is_not_taken_away_under_the_auditors_feet() -> None:
    step = replace(PLAIN, play=Play.STOP_SERVICE, variables={"services": ({"name": "tailscaled", "init": "systemd"},)})
    mine = InterfaceAddress(interface="tailscale0", family=Family.IP, address="100.64.0.7", prefix=32, is_up=True)
    reading = with_facts(a_reading(replace(COMING, local_address="100.64.0.7")), mine)
    assert "comes in by tailscale0" in str(lockout(reading, HOST, step))
    assert lockout(with_facts(a_reading(COMING), mine), HOST, step) is None


def test_a_package_of_the_server_of_ssh_is_not_removed() -> None:
    packages: Any = {"packages": ({"manager": "apt", "name": "openssh-server", "version": ""},)}
    step = replace(PLAIN, play=Play.REMOVE_PRODUCT, variables=packages)
    assert "openssh-server is the server" in str(lockout(a_reading(COMING), HOST, step))


def test_this_machine_needs_no_way_in() -> None:
    assert lockout(a_reading(), replace(HOST, connection=ConnectionKind.LOCAL), a_block(22)) is None
