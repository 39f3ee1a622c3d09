"""Who reaches a listener in another network namespace: past the host's filter, and then past its own."""

from typing import Any

import pytest

from auditor.firewall.dialects.iptables_save import read_iptables
from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.elsewhere import Target, arrivals
from auditor.firewall.reach import Decision, Door, Filters
from auditor.firewall.regions import Region
from auditor.firewall.source_states import Sources
from auditor.firewall.spaces import Space, ways
from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Link, NetworkSpace, Protocol, Route
from auditor.model.packet import HostNetwork
from auditor.model.record import replace
from auditor.model.sighting import Reachability
from tests.firewall.conftest import DPORT, chain, listing, match, payload, rule, table

ID = "net:[4026532281]"
INNER = (172 << 24) | (17 << 16) | 2
OUTER = (192 << 24) | (2 << 8) | 10
PUBLISHED = "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 5901 -j DNAT --to-destination 172.17.0.2:5900"
NAT = f"""*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
{PUBLISHED}
COMMIT
"""
# Direct ways in are closed, as newer versions of Docker do.
RAW = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP\nCOMMIT\n"
CLOSED = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n{}COMMIT\n"
TO_IT = "-d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 5900 -j ACCEPT\n"
FROM_A_NETWORK = f"-A FORWARD -s 203.0.113.0/24 {TO_IT}"
# As another engine's network beside Docker's has it: of some sources its rules see another address.
MASKED = NAT.replace("COMMIT", "-A POSTROUTING -s 203.0.113.0/24 -j MASQUERADE\nCOMMIT")
FROM_ANYWHERE = f"-A FORWARD {TO_IT}"
HOST = HostNetwork(
    addresses={
        "lo": ((Family.IP, 127 << 24 | 1, 8),),
        "eth0": ((Family.IP, OUTER, 24),),
        "docker0": ((Family.IP, INNER - 1, 16),),
    },
    routes=(
        Route(family=Family.IP, destination="192.0.2.0/24", interface="eth0"),
        Route(family=Family.IP, destination="172.17.0.0/16", interface="docker0"),
        Route(family=Family.IP, destination="0.0.0.0/0", gateway="192.0.2.1", interface="eth0"),
    ),
    forwards={Family.IP: True, Family.IP6: False},
    rp_filter={"": 0},
    route_localnet={"": False},
)
INSIDE = HostNetwork(
    addresses={"lo": ((Family.IP, 127 << 24 | 1, 8),), "eth0": ((Family.IP, INNER, 16),)},
    routes=(
        Route(family=Family.IP, destination="172.17.0.0/16", interface="eth0"),
        Route(family=Family.IP, destination="0.0.0.0/0", gateway="172.17.0.1", interface="eth0"),
    ),
    rp_filter={"": 0},
    route_localnet={"": False},
)
LOCKED = (table("inet"), chain("inet", "in", "input", policy="drop"))
NET = match(payload("ip", "saddr"), {"prefix": {"addr": "198.51.100.0", "len": 24}})
LINK = Link(name="eth0", index=5, is_up=True, kind="veth", peer=6, peer_space=0)
END = Link(name="vethab", index=6, is_up=True, peer=5, peer_space=3, master="docker0")
BRIDGE = Link(name="docker0", index=3, is_up=True)
CARD = Link(name="eth0", index=2, is_up=True)


def reach(save: str, *inner: Any, host: HostNetwork = HOST, port: int = 5900, **changes: Any) -> Decision:
    space = Space(program=Program(read_nft(listing(*inner)), INSIDE), ways=(("eth0", "docker0"),))
    filters = Filters(program=Program(read_iptables(save, Family.IP), host), spaces={ID: replace(space, **changes)})
    return filters.reach(Door(protocol=Protocol.TCP, family=Family.IP, address="0.0.0.0", port=port, namespace=ID))


@pytest.mark.parametrize(
    ("save", "inner", "word", "sources"),
    [
        pytest.param("", (), Reachability.FROM_ANYWHERE, (), id="nothing-filters-and-it-is-routed"),
        pytest.param(CLOSED.format(""), (), Reachability.BLOCKED, (), id="not-forwarded"),
        pytest.param(CLOSED.format(FROM_ANYWHERE), (), Reachability.FROM_ANYWHERE, (), id="forwarded-directly"),
        pytest.param(RAW + CLOSED.format(FROM_ANYWHERE), (), Reachability.BLOCKED, (), id="closed-before-routing"),
        pytest.param(
            RAW + NAT + CLOSED.format(FROM_ANYWHERE), (), Reachability.FROM_ANYWHERE, (), id="published-to-all"
        ),
        pytest.param(
            RAW + NAT + CLOSED.format(FROM_A_NETWORK), (), Reachability.FROM_NETWORKS, ("203.0.113.0/24",),
            id="published-to-a-network",
        ),
        pytest.param(NAT + CLOSED.format(FROM_ANYWHERE), LOCKED, Reachability.BLOCKED, (), id="its-own-rules-close-it"),
        pytest.param(
            NAT + CLOSED.format(FROM_ANYWHERE), (*LOCKED, rule("inet", "in", NET, match(DPORT, 5900), "accept")),
            Reachability.FROM_NETWORKS, ("198.51.100.0/24",), id="its-own-rules-admit-a-network",
        ),
        pytest.param(
            NAT + CLOSED.format(FROM_A_NETWORK), (*LOCKED, rule("inet", "in", NET, match(DPORT, 5900), "accept")),
            Reachability.BLOCKED, (), id="who-passes-one-does-not-pass-the-other",
        ),
        pytest.param(
            RAW + MASKED + CLOSED.format(FROM_ANYWHERE), (), Reachability.FROM_ANYWHERE, (),
            id="masqueraded-sources-are-sources-too",
        ),
        pytest.param(
            RAW + MASKED + CLOSED.format(FROM_ANYWHERE),
            (*LOCKED, rule("inet", "in", NET, match(DPORT, 5900), "accept")),
            Reachability.UNDECIDED, ("198.51.100.0/24",), id="masqueraded-where-its-own-rules-ask-for-the-source",
        ),
        pytest.param(
            RAW + MASKED + CLOSED.format(FROM_ANYWHERE), LOCKED, Reachability.BLOCKED, (),
            id="masqueraded-where-its-own-rules-close-it",
        ),
        pytest.param(
            RAW + NAT.replace("172.17.0.2:5900", "172.17.0.2-172.17.0.9:5900") + CLOSED.format(FROM_ANYWHERE), (),
            Reachability.UNDECIDED, (), id="published-to-one-of-several",
        ),
        pytest.param(
            RAW + NAT.replace("172.17.0.2:5900", "172.17.0.3:5900") + CLOSED.format(FROM_ANYWHERE), (),
            Reachability.BLOCKED, (), id="published-to-another",
        ),
    ],
)  # fmt: skip
def test_who_reaches_a_container(
    save: str, inner: tuple[Any, ...], word: Reachability, sources: tuple[str, ...]
) -> None:
    found = reach(save, *inner)
    assert (found.reachability, found.sources) == (word, sources)


def test_the_published_port_is_told_with_its_rule() -> None:
    found = reach(RAW + NAT + CLOSED.format(FROM_ANYWHERE))
    assert "published as port 5901 of this host" in found.rule
    assert "--to-destination 172.17.0.2:5900" in found.rule


def test_a_host_that_does_not_forward_lets_nobody_through() -> None:
    found = reach("", host=replace(HOST, forwards={Family.IP: False, Family.IP6: False}))
    assert found.reachability is Reachability.BLOCKED
    assert "forwarding of IPv4 is off" in found.rule


@pytest.mark.parametrize(
    ("host", "changes", "said"),
    [
        pytest.param(replace(HOST, routes=None), {}, "routes are not known", id="no-routes"),
        pytest.param(HOST, {"program": None, "problem": "in which nft could not be asked"}, "nft", id="its-own-rules"),
        pytest.param(
            HOST, {"ways": (), "doubts": ("its interface eth0 is a macvlan",)}, "macvlan", id="another-way-in"
        ),
        pytest.param(HOST, {"ways": (("eth0", "eth0"),)}, "do not lead to its address", id="routed-elsewhere"),
    ],
)
def test_what_is_not_known_leaves_it_undecided(host: HostNetwork, changes: dict[str, Any], said: str) -> None:
    found = reach(CLOSED.format(""), host=host, **changes)
    assert found.reachability is Reachability.UNDECIDED
    assert said in found.rule


def test_a_namespace_that_was_not_looked_into_is_undecided() -> None:
    filters = Filters(program=Program(read_iptables("", Family.IP), HOST))
    door = Door(protocol=Protocol.TCP, family=Family.IP, address="0.0.0.0", port=5900, namespace=ID)
    assert filters.reach(door).reachability is Reachability.UNDECIDED
    alone = Filters(program=None, problem="denied", spaces={ID: Space(is_alone=True)})
    assert alone.reach(door).reachability is Reachability.LOOPBACK_ONLY


@pytest.mark.parametrize(
    ("links", "link", "number", "way", "doubt"),
    [
        pytest.param((CARD, BRIDGE, END), LINK, 3, "docker0", "", id="a-pair-on-a-bridge"),
        pytest.param((CARD, replace(END, master=None)), LINK, 3, "vethab", "", id="a-pair-that-is-routed"),
        pytest.param((CARD, BRIDGE, END), LINK, 4, "", "yet another", id="the-pair-of-another-namespace"),
        pytest.param((CARD, BRIDGE), LINK, 3, "", "yet another", id="no-other-end"),
        pytest.param((CARD, BRIDGE, END), LINK, None, "", "lsns", id="its-number-is-not-known"),
        pytest.param(
            (BRIDGE, replace(CARD, master="docker0"), END), LINK, 3, "", "with eth0", id="a-card-on-the-bridge"
        ),
        pytest.param((CARD, BRIDGE, END), replace(LINK, kind="macvlan"), 3, "", "a macvlan", id="past-the-filter"),
        pytest.param((CARD, BRIDGE, END), replace(LINK, kind="", peer=None), 3, "", "card", id="a-card-of-its-own"),
        pytest.param((CARD, BRIDGE, END), replace(LINK, is_up=False), 3, "", "", id="switched-off"),
        pytest.param((CARD, BRIDGE, replace(END, is_up=False)), LINK, 3, "", "", id="pulled-out"),
        pytest.param((CARD, replace(BRIDGE, is_up=False), END), LINK, 3, "", "", id="its-bridge-is-switched-off"),
        pytest.param((CARD, END), LINK, 3, "", "docker0, which is not known", id="its-bridge-is-not-listed"),
        pytest.param(
            (replace(END, name="x", index=9, peer_space=4), replace(END, name="y", peer=8, peer_space=4), BRIDGE, END),
            LINK, 3, "docker0", "", id="others-have-one-of-its-numbers",
        ),
    ],
)  # fmt: skip
def test_ways_in(links: tuple[Link, ...], link: Link, number: int | None, way: str, doubt: str) -> None:
    found, doubts = ways(NetworkSpace(id=ID, number=number, links=(link,)), links)
    assert [outer for _, outer in found] == ([way] if way else [])
    assert len(doubts) == bool(doubt)
    assert all(doubt in one for one in doubts)


def test_a_name_in_run_netns_stands_for_the_number() -> None:
    named = replace(END, peer_space=None, peer_space_name="blue")
    assert ways(NetworkSpace(id=ID, names=("blue",), links=(LINK,)), (BRIDGE, named))[0] == (("eth0", "docker0"),)
    assert ways(NetworkSpace(id=ID, names=("red",), links=(LINK,)), (BRIDGE, named))[0] == ()


def test_loopback_leads_nowhere_and_hides_nothing() -> None:
    loopback = Link(name="lo", index=1, is_up=True)
    down = replace(LINK, name="eth9", is_up=False)
    found, doubts = ways(NetworkSpace(id=ID, number=3, links=(loopback, down, LINK)), (BRIDGE, END))
    assert (found, doubts) == ((("eth0", "docker0"),), ())


# ---- which sources come by which interface, and which of them are let through to it

TO_OTHER = PUBLISHED.replace("172.17.0.2:5900", "172.17.0.3:5900")
TO_SEVERAL = PUBLISHED.replace("172.17.0.2:5900", "172.17.0.2-172.17.0.9:5900")
ALL_ON = CLOSED.format("-A FORWARD -o docker0 -j ACCEPT\n")
HIDDEN = NAT.replace("COMMIT", "-A POSTROUTING -o docker0 -j MASQUERADE\nCOMMIT")
TEST_NET = Region([203 << 24 | 113 << 8], [203 << 24 | 113 << 8 | 255], 2**32 - 1)


def published(*rules: str) -> str:
    return NAT.replace(PUBLISHED, "\n".join(rules))


def found_by(save: str, *inner: Any, host: HostNetwork = HOST) -> dict[str, list[tuple[Region, Sources]]]:
    """Return what comes of each way to the target, by the rule that says so."""
    space = Space(program=Program(read_nft(listing(*inner)), INSIDE), ways=(("eth0", "docker0"),))
    target = Target(protocol=Protocol.TCP, family=Family.IP, inner="eth0", outer="docker0", address=INNER, port=5900)
    made: dict[str, list[tuple[Region, Sources]]] = {}
    names = [name for name in host.addresses if name != "lo"]
    for share, is_whole, sources in arrivals(
        Program(read_iptables(save, Family.IP), host), space, target, names, (40000,)
    ):
        assert is_whole
        made.setdefault("published" if "published" in sources.accepting else "direct", []).append((share, sources))
    return made


def test_who_is_sent_to_another_does_not_come_to_it() -> None:
    other = TO_OTHER.replace("-A DOCKER", "-A DOCKER -s 203.0.113.0/24")
    (_, sources), *_ = found_by(RAW + published(other, PUBLISHED) + ALL_ON)["published"]
    assert not sources.allowed & TEST_NET
    assert sources.allowed
    assert not sources.unknown
    assert sources.blocked == sources.allowed.rest
    limited = TO_OTHER.replace("-A DOCKER", "-A DOCKER -m limit --limit 1/hour")
    (_, sources), *_ = found_by(RAW + published(limited, PUBLISHED) + ALL_ON)["published"]
    assert not sources.allowed
    assert TEST_NET & sources.unknown == TEST_NET
    assert "--to-destination 172.17.0.2:5900" in sources.doubt
    assert sources.blocked == sources.unknown.rest


def test_who_is_translated_is_not_told_apart_by_its_own_rules() -> None:
    inner = (*LOCKED, rule("inet", "in", NET, "accept"))
    (_, sources), *_ = found_by(RAW + HIDDEN + ALL_ON, *inner)["published"]
    assert not sources.allowed
    assert TEST_NET & sources.unknown == TEST_NET
    # Where these stop nobody, it does not matter who it is taken for.
    (_, sources), *_ = found_by(RAW + HIDDEN + ALL_ON)["published"]
    assert sources.allowed
    assert not sources.unknown
    (_, sources), *_ = found_by(RAW + HIDDEN + ALL_ON, *LOCKED)["published"]
    assert not sources.allowed
    assert not sources.unknown


def test_what_is_published_to_one_of_several_does_not_hide_other_ways() -> None:
    found = reach(published(TO_SEVERAL) + ALL_ON)
    assert (found.reachability, found.sources) == (Reachability.FROM_ANYWHERE, ())
    found = reach(RAW + published(TO_SEVERAL.replace("5901", "5902"), PUBLISHED) + ALL_ON)
    assert found.reachability is Reachability.FROM_ANYWHERE


def test_a_rule_that_names_no_port_leaves_open_what_is_sent_to_it() -> None:
    any_port = "-A DOCKER -s 203.0.113.0/24 -d 192.0.2.10/32 -p tcp -j DNAT --to-destination 172.17.0.2-172.17.0.9"
    parts = found_by(RAW + published(any_port, PUBLISHED) + ALL_ON)
    assert any(sources.unknown.is_all and "172.17.0.9" in sources.doubt for _, sources in parts["direct"])
    assert any(sources.allowed and not sources.allowed & TEST_NET for _, sources in parts["published"])


def test_where_all_are_sent_to_another_its_own_rules_stop_nobody() -> None:
    (_, sources), *_ = found_by(RAW + published(TO_OTHER, PUBLISHED) + ALL_ON, *LOCKED)["published"]
    assert not sources.allowed
    assert "inet t" not in sources.blocking


def test_where_the_routes_lead_elsewhere_all_is_open() -> None:
    ((share, sources),) = found_by(ALL_ON, host=replace(HOST, routes=()))["direct"]
    assert share.is_all
    assert sources.unknown.is_all


def test_what_stops_and_what_is_in_doubt_is_named() -> None:
    (_, sources) = found_by(CLOSED.format(""))["direct"][0]
    assert sources.blocking == "iptables filter: policy DROP of FORWARD"
    (_, sources) = found_by(ALL_ON, *LOCKED)["direct"][0]
    assert sources.blocking == "inet t in: policy drop"
    (_, sources) = found_by(ALL_ON)["direct"][0]
    assert "route_localnet" in sources.blocking or "source" in sources.blocking
    limit = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}
    (_, sources) = found_by(ALL_ON, *LOCKED, rule("inet", "in", limit, "accept"))["direct"][0]
    assert "limit rate" in sources.doubt
    (_, sources) = found_by(CLOSED.format("-A FORWARD -m limit --limit 1/hour -j ACCEPT\n"))["direct"][0]
    assert "--limit 1/hour" in sources.doubt
    assert not sources.allowed
    assert TEST_NET & sources.unknown == TEST_NET


def test_sources_come_by_the_interface_that_leads_back_to_them() -> None:
    second = replace(
        HOST,
        addresses={**HOST.addresses, "eth1": ((Family.IP, 10 << 24 | 20 << 16 | 5, 16),)},
        routes=(*(HOST.routes or ()), Route(family=Family.IP, destination="10.20.0.0/16", interface="eth1")),
    )
    shares = {bool(10 << 24 | 20 << 16 | 9 in share): share for share, _ in found_by(ALL_ON, host=second)["direct"]}
    assert shares[True] == Region([10 << 24 | 20 << 16], [10 << 24 | 20 << 16 | 0xFFFF], 2**32 - 1)
    assert TEST_NET & shares[False] == TEST_NET
    assert not any(INNER + 5 in share for share in shares.values())
