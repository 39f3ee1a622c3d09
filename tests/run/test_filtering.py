"""What counts as an opening: a port of remote access that is open to someone to whom ordinary ports are not."""

from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.protocol import read_host
from auditor.firewall.reach import Filters
from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Protocol
from auditor.model.policy import Networks
from auditor.model.sighting import Reachability
from auditor.run.filtering import filtering_of
from tests.firewall.conftest import DPORT, HOST, chain, listing, match, payload, rule, table

CLOSED = (table("ip"), chain("ip", "in", "input", policy="drop"))
OPEN = (table("ip"), chain("ip", "in", "input"))
LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}
NET = match(payload("ip", "saddr"), {"prefix": {"addr": "198.18.0.0", "len": 15}})
RDP = 3389
# Half of it is the network above.
WIDE = match(payload("ip", "saddr"), {"prefix": {"addr": "198.16.0.0", "len": 14}})


def into(*statements: Any) -> Any:
    return rule("ip", "in", *statements)


@pytest.mark.parametrize(
    ("objects", "openings"),
    [
        pytest.param(CLOSED, (), id="closed"),
        pytest.param(OPEN, (), id="open-to-all-opens-nothing"),
        pytest.param((*CLOSED, into(NET, "accept")), (), id="a-network-that-may-everything"),
        pytest.param(
            (*CLOSED, into(match(DPORT, RDP), "accept")), ((Reachability.FROM_ANYWHERE, ()),), id="open-to-anyone"
        ),
        pytest.param(
            (*CLOSED, into(NET, match(DPORT, RDP), "accept")),
            ((Reachability.FROM_NETWORKS, ("198.18.0.0/15",)),),
            id="open-to-a-network",
        ),
        pytest.param(
            (*CLOSED, into(NET, "accept"), into(WIDE, match(DPORT, RDP), "accept")),
            ((Reachability.FROM_NETWORKS, ("198.16.0.0/15",)),),
            id="open-to-more-than-may-everything",
        ),
        pytest.param(
            (*CLOSED, into(NET, match(DPORT, RDP), LIMIT, "accept")),
            ((Reachability.UNDECIDED, ("198.18.0.0/15",)),),
            id="what-a-limit-lets-in-is-not-told",
        ),
        pytest.param((*CLOSED, into(NET, LIMIT, "accept")), (), id="a-limit-on-everything-is-of-no-port"),
        pytest.param((*OPEN, into(match(DPORT, RDP), "drop")), (), id="closed-although-all-else-is-open"),
    ],
)
def test_openings(objects: Any, openings: tuple[tuple[Reachability, tuple[str, ...]], ...]) -> None:
    filters = Filters(program=Program(read_nft(listing(*objects)), read_host(HOST)))
    found = filtering_of(filters, load_catalogue(), Networks())
    assert [(one.port, one.protocol, one.family, one.reachability, one.networks) for one in found.inbound] == [
        (RDP, Protocol.TCP, Family.IP, *opening) for opening in openings
    ]


def test_a_rule_that_opens_all_of_udp_is_told() -> None:
    everything = into(match({"meta": {"key": "l4proto"}}, "udp"), "accept")
    filters = Filters(program=Program(read_nft(listing(*CLOSED, everything)), read_host(HOST)))
    found = filtering_of(filters, load_catalogue(), Networks())
    assert [one.reachability for one in found.defaults if one.family is Family.IP] == [Reachability.BLOCKED]
    assert {one.protocol for one in found.inbound} == {Protocol.UDP}
    assert {one.reachability for one in found.inbound} == {Reachability.FROM_ANYWHERE}
