"""Which sources reach a port, and by which rule, as ``auditor firewall explain`` says it."""

from typing import Any

import pytest

from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.protocol import read_host
from auditor.firewall.reach import Door, Filters
from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Protocol, Route
from auditor.model.packet import HostNetwork
from auditor.model.sighting import Reachability
from auditor.run.firewall_answer import explain_port, explain_source
from tests.firewall.conftest import DPORT, HOST, chain, listing, match, meta, payload, rule, table

CLOSED = (table("inet"), chain("inet", "in", "input", policy="drop"))
SADDR = payload("ip", "saddr")
NET = {"prefix": {"addr": "203.0.113.0", "len": 24}}
LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}
ROUTES = (
    Route(family=Family.IP, destination="192.0.2.0/24", interface="eth0"),
    Route(family=Family.IP, destination="10.20.0.0/16", interface="eth1"),
    Route(family=Family.IP, destination="0.0.0.0/0", gateway="192.0.2.1", interface="eth0"),
)


def filters(*statements: Any, routes: tuple[Route, ...] | None = ROUTES) -> Filters:
    ruleset = read_nft(listing(*CLOSED, *(rule("inet", "in", *one) for one in statements)))
    host = read_host(HOST)
    known = HostNetwork(addresses=host.addresses, routes=routes, forwards=host.forwards, rp_filter=host.rp_filter,
                        route_localnet=host.route_localnet)  # fmt: skip
    return Filters(program=Program(ruleset, known))


def test_each_answer_has_its_networks_and_its_rule() -> None:
    loaded = filters((match(DPORT, 5900), match(SADDR, NET), "accept"), (match(SADDR, "8.8.8.8"), LIMIT, "accept"))
    rows = [row for row in explain_port(loaded, Protocol.TCP, 5900) if row["family"] == "ip"]
    assert [(row["answer"], row["sources"]) for row in rows[:2]] == [
        ("reaches it", ["203.0.113.0/24"]),
        ("cannot be told", ["8.8.8.8/32"]),
    ]
    assert rows[0]["rule"] == "inet t in: tcp dport 5900 ip saddr 203.0.113.0/24 accept"
    assert "limit rate" in rows[1]["rule"]
    assert (rows[2]["answer"], rows[2]["rule"]) == ("does not reach it", "inet t in: policy drop")


def test_a_source_comes_by_the_interface_that_leads_back_to_it() -> None:
    loaded = filters((match(meta("iifname"), "eth1"), "accept"))
    inside = explain_source(loaded, Protocol.TCP, 5900, "10.20.0.9")
    outside = explain_source(loaded, Protocol.TCP, 5900, "8.8.8.8")
    assert [(row["interface"], row["answer"]) for row in inside] == [("eth1", "reaches it")]
    assert [(row["interface"], row["answer"]) for row in outside] == [("eth0", "is dropped")]


def door(port: int = 5900, address: str = "0.0.0.0", **more: Any) -> Door:
    return Door(protocol=Protocol.TCP, family=Family.IP, address=address, port=port, **more)


def test_sources_are_those_that_come_in_by_an_interface() -> None:
    decision = filters((match(meta("iifname"), "eth1"), "accept")).reach(door())
    assert (decision.reachability, decision.sources) == (Reachability.FROM_NETWORKS, ("10.20.0.0/16",))


def test_without_routes_interfaces_that_disagree_leave_it_open() -> None:
    loaded = filters((match(meta("iifname"), "eth1"), "accept"), routes=None)
    assert loaded.reach(door()).reachability is Reachability.UNDECIDED


def test_a_device_is_the_only_way_in() -> None:
    loaded = filters((match(meta("iifname"), "eth1"), "accept"))
    assert loaded.reach(door(device="eth0")).reachability is Reachability.BLOCKED


def test_a_source_port_that_a_rule_lets_in_opens_to_whoever_chooses_it() -> None:
    loaded = filters((match(payload("tcp", "sport"), 53), "accept"))
    assert loaded.reach(door()).reachability is Reachability.FROM_ANYWHERE


@pytest.mark.parametrize(
    ("more", "word"),
    [
        pytest.param({"is_v6only": False}, Reachability.FROM_NETWORKS, id="both-families"),
        pytest.param({"is_v6only": True}, Reachability.BLOCKED, id="ipv6-only"),
    ],
)
def test_a_socket_for_both_families_is_reached_over_either(more: dict[str, Any], word: Reachability) -> None:
    loaded = filters((match(DPORT, 5900), match(SADDR, NET), "accept"))
    socket = Door(protocol=Protocol.TCP, family=Family.IP6, address="::", port=5900, **more)
    assert loaded.reach(socket).reachability is word


def test_of_very_many_source_ports_none_is_called_blocked() -> None:
    opened = [(match(payload("tcp", "sport"), port), match(SADDR, NET), "accept") for port in range(1000, 1100, 2)]
    assert filters(*opened).reach(door()).reachability is not Reachability.BLOCKED
    accepts = (match(payload("tcp", "sport"), 1098), "accept")
    assert filters(*opened, accepts).reach(door()).reachability is Reachability.UNDECIDED


def test_every_address_of_an_interface_is_asked_about() -> None:
    many = tuple((Family.IP, (10 << 24) | number, 8) for number in range(1, 101))
    ruleset = read_nft(
        listing(*CLOSED, rule("inet", "in", match(payload("ip", "daddr"), "10.0.0.77"), match(DPORT, 5900), "accept"))
    )
    host = HostNetwork(addresses={"eth0": many}, rp_filter={"": 0}, route_localnet={"": False})
    assert Filters(program=Program(ruleset, host)).reach(door()).reachability is Reachability.FROM_ANYWHERE
