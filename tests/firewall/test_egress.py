"""Where a host may connect to is exact at every address that the rules tell apart."""

from typing import Any

import pytest

from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.egress import egress
from auditor.firewall.protocol import read_host
from auditor.firewall.reach import Filters
from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Protocol, Route
from auditor.model.record import replace
from auditor.model.sighting import Reachability
from tests.firewall.conftest import DPORT, HOST, chain, listing, match, meta, payload, rule, table

OPEN = (table("ip"), chain("ip", "out", "output"))
CLOSED = (table("ip"), chain("ip", "out", "output", policy="drop"))
LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}
NET = match(payload("ip", "daddr"), {"prefix": {"addr": "198.18.0.0", "len": 15}})


def out(*statements: Any) -> Any:
    return rule("ip", "out", *statements)


@pytest.mark.parametrize(
    ("objects", "word", "networks"),
    [
        pytest.param(OPEN, Reachability.FROM_ANYWHERE, None, id="nothing-filters"),
        pytest.param((*OPEN, out(match(DPORT, 5938), "drop")), Reachability.BLOCKED, (), id="the-port-is-closed"),
        pytest.param(CLOSED, Reachability.BLOCKED, (), id="closed-by-default"),
        pytest.param((*CLOSED, out(NET, "accept")), Reachability.FROM_NETWORKS, ("198.18.0.0/15",), id="to-a-network"),
        pytest.param(
            (*CLOSED, out(NET, "accept"), out(LIMIT, "accept")),
            Reachability.FROM_NETWORKS, ("198.18.0.0/15",), id="what-is-certain-counts-beside-what-is-not-told",
        ),
        pytest.param((*CLOSED, out(NET, LIMIT, "accept")), Reachability.UNDECIDED, (), id="a-limit-is-not-told"),
        pytest.param(
            (*CLOSED, *(out(match(payload("ip", "daddr"), f"9.{net}.0.1"), "drop") for net in range(200))),
            Reachability.UNDECIDED, (), id="too-many-to-ask-about",
        ),
    ],
)  # fmt: skip
def test_where_a_port_is_reached(objects: Any, word: Reachability, networks: tuple[str, ...] | None) -> None:
    filters = Filters(program=Program(read_nft(listing(*objects)), read_host(HOST)))
    found = egress(filters, Protocol.TCP, Family.IP, 5938, ())
    assert found is not None
    assert found.reachability is word
    assert networks is None or found.networks == networks


def test_trusted_networks_are_no_way_out() -> None:
    filters = Filters(program=Program(read_nft(listing(*CLOSED, out(NET, "accept"))), read_host(HOST)))
    found = egress(filters, Protocol.TCP, Family.IP, 5938, ("198.18.0.0/15",))
    assert found is not None
    assert found.reachability is Reachability.BLOCKED


@pytest.mark.parametrize(
    ("routes", "word"),
    [
        pytest.param((), None, id="no-way-out"),
        pytest.param(("198.18.0.0/15",), Reachability.FROM_NETWORKS, id="a-route-to-one-network"),
        pytest.param(("0.0.0.0/0",), Reachability.FROM_ANYWHERE, id="a-default-route"),
        pytest.param(("0.0.0.0/0", "198.18.0.0/15"), Reachability.FROM_ANYWHERE, id="by-two-interfaces"),
    ],
)
def test_where_no_route_leads_nothing_is_reached(routes: tuple[str, ...], word: Reachability | None) -> None:
    ways = tuple(
        Route(family=Family.IP, destination=network, interface=name)
        for network, name in zip(routes, ("eth0", "eth1"), strict=False)
    )
    filters = Filters(program=Program(read_nft(listing(*OPEN)), replace(read_host(HOST), routes=ways)))
    found = egress(filters, Protocol.TCP, Family.IP, 5938, ())
    assert (found and found.reachability) == word
    if word is Reachability.FROM_NETWORKS:
        assert found is not None
        assert found.networks == ("198.18.0.0/15",)


def test_each_interface_has_its_own_rules() -> None:
    closed = out(match(meta("oifname"), "eth1"), "drop")
    ways = (
        Route(family=Family.IP, destination="0.0.0.0/0", interface="eth0"),
        Route(family=Family.IP, destination="198.18.0.0/15", interface="eth1"),
    )
    filters = Filters(program=Program(read_nft(listing(*OPEN, closed)), replace(read_host(HOST), routes=ways)))
    found = egress(filters, Protocol.UDP, Family.IP, 5938, ())
    assert found is not None
    assert found.reachability is Reachability.FROM_NETWORKS
    assert not any(text.startswith("198.18.") for text in found.networks)
