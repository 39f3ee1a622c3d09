"""What is shared changes no answer: a ruleset among hosts that have it loaded, a host's answers among its listeners."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.catalogue.load import load_catalogue
from auditor.firewall.dialects import nft_rules
from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.loaded import Loaded
from auditor.firewall.protocol import read_host, read_ruleset
from auditor.firewall.reach import Door, Filters
from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Protocol
from auditor.model.policy import Networks
from auditor.model.sighting import Reachability
from auditor.run.filtering import filtering_of
from tests.firewall.abstract import PORTS, Filter, filters, iptables_save, nft_json
from tests.firewall.conftest import DPORT, chain, listing, match, meta, payload, rule, table

DIALECTS = pytest.mark.parametrize("written", [nft_json, iptables_save], ids=["nft", "iptables"])
HOSTS = (
    {"addresses": {"lo": ["127.0.0.1/8"], "eth0": ["192.0.2.10/24"], "eth1": ["10.20.0.5/16"]}, "ip_forward": False},
    {"addresses": {"lo": ["127.0.0.1/8"], "eth0": ["203.0.113.7/25", "2001:db8::7/64", "fe80::7/64"]}, "ip_forward": 1},
    {"addresses": {"eth1": ["10.20.0.5/16", "10.20.0.6/16"], "eth0": ["198.51.100.1/31"]}},
    {
        "addresses": {"eth0": ["192.0.2.11/24"], "eth1": ["2001:db8:1::5/64"]},
        "sysctl": {"rp_filter": 1, "net.ipv4.conf.eth0.route_localnet": 1},
    },
)
ADDRESSES = ("0.0.0.0", "::", "192.0.2.10", "10.20.0.5", "::ffff:192.0.2.10", "127.0.0.1", "2001:db8::7")


def _doors() -> st.SearchStrategy[Door]:
    return st.builds(
        lambda protocol, address, port, device, is_v6only: Door(
            protocol=protocol, family=Family.IP6 if ":" in address else Family.IP, address=address, port=port,
            device=device, is_v6only=is_v6only,
        ),
        st.sampled_from((Protocol.TCP, Protocol.UDP)), st.sampled_from(ADDRESSES),
        st.sampled_from((*PORTS, 1, 23, 5904, 47_000)), st.sampled_from((None, None, "eth0", "eth1")),
        st.sampled_from((True, False, None)),
    )  # fmt: skip


def _filters(loaded: Loaded, host: dict[str, Any]) -> Filters:
    return Filters(program=Program(loaded, read_host(host)))


@DIALECTS
@given(before=filters(may_be_unread=True), doors=st.lists(_doors(), min_size=1, max_size=8))
def test_a_listener_is_reached_by_whom_it_is_alone(written: Any, before: Filter, doors: list[Door]) -> None:
    shared = Loaded(read_ruleset(written(before)))
    for host in HOSTS:
        together = _filters(shared, host)
        for door in doors:
            alone = _filters(Loaded(read_ruleset(written(before))), host)
            assert together.reach(door) == alone.reach(door)


@DIALECTS
@settings(max_examples=20)
@given(before=filters(may_be_unread=True))
def test_openings_are_those_of_each_host_alone(written: Any, before: Filter) -> None:
    shared, catalogue, networks = Loaded(read_ruleset(written(before))), load_catalogue(), Networks()
    for host in HOSTS:
        alone = Loaded(read_ruleset(written(before)))
        assert filtering_of(_filters(shared, host), catalogue, networks) == filtering_of(
            _filters(alone, host), catalogue, networks
        )


def _reached(shared: Loaded, addresses: list[str], bound: str) -> Reachability:
    door = Door(protocol=Protocol.UDP, family=Family.IP, address=bound, port=137)
    return _filters(shared, {"addresses": {"eth0": addresses}, "ip_forward": False}).reach(door).reachability


@pytest.mark.parametrize("holder_comes_first", [True, False])
def test_who_has_no_such_address_does_not_answer_for_who_has_it(holder_comes_first: bool) -> None:
    # An address that goes to another host when this one fails: programs may listen on it on both all the time.
    shared = Loaded(read_nft(listing(table("ip"), chain("ip", "in", "input"))))
    holder, other = ["192.0.2.10/24", "192.0.2.50/32"], ["192.0.2.11/24"]
    expected = [(holder, Reachability.FROM_ANYWHERE), (other, Reachability.BLOCKED)]
    for addresses, reachability in expected if holder_comes_first else reversed(expected):
        assert _reached(shared, addresses, "192.0.2.50") is reachability


@pytest.mark.parametrize("broadcast_comes_first", [True, False])
def test_who_listens_for_broadcasts_does_not_answer_for_who_does_not(broadcast_comes_first: bool) -> None:
    drops = rule("ip", "in", match(meta("pkttype"), "broadcast"), "drop")
    shared = Loaded(read_nft(listing(table("ip"), chain("ip", "in", "input"), drops)))
    expected = [("192.0.2.255", Reachability.BLOCKED), ("192.0.2.10", Reachability.FROM_ANYWHERE)]
    for bound, reachability in expected if broadcast_comes_first else reversed(expected):
        assert _reached(shared, ["192.0.2.10/24"], bound) is reachability


@pytest.mark.parametrize("addresses", [["2001:db8::7/64", "fe80::7/64"], ["fe80::7/64", "2001:db8::7/64"]])
def test_a_link_local_address_does_not_stand_for_one_that_others_reach(addresses: list[str]) -> None:
    network = match(payload("ip6", "saddr"), {"prefix": {"addr": "2001:db8:f::", "len": 48}})
    rules = listing(table("inet"), chain("inet", "in", "input", policy="drop"), rule("inet", "in", network, "accept"))
    host = {"addresses": {"eth0": addresses}, "routes": [{"dst": "::/0", "dev": "eth0"}]}
    door = Door(protocol=Protocol.TCP, family=Family.IP6, address="::", port=22, is_v6only=True)
    decision = _filters(Loaded(read_nft(rules)), host).reach(door)
    assert (decision.reachability, decision.sources) == (Reachability.FROM_NETWORKS, ("2001:db8:f::/48",))


def _told_alone(text: str) -> str:
    """Return all that is read of a listing by a process that has read none before."""
    nft_rules._RULES.clear()
    return repr(read_nft(text))


_TRUSTED = match(payload("ip", "saddr"), "@trusted")


def _with_set(*members: str) -> str:
    named = {"set": {"family": "ip", "table": "t", "name": "trusted", "elem": list(members)}}
    return listing(table("ip"), named, chain("ip", "in", "input"), rule("ip", "in", _TRUSTED, "accept"))


def _jumping(*chains: str) -> str:
    jump = rule("ip", "in", {"jump": {"target": "more"}})
    return listing(table("ip"), chain("ip", "in", "input"), *(chain("ip", name) for name in chains), jump)


def _rejecting(family: str, table_name: str = "t", chain_name: str = "in") -> str:
    mine = chain(family, chain_name, "input", table=table_name)
    return listing(table(family, table_name), mine, rule(family, chain_name, {"reject": {}}, table_name=table_name))


@pytest.mark.parametrize(
    "listings",
    [
        pytest.param([_with_set("192.0.2.1"), _with_set("203.0.113.7"), _with_set()], id="its-set-has-other-members"),
        pytest.param([_jumping("more"), _jumping(), _jumping("other")], id="its-chain-is-listed-or-not"),
        pytest.param([_rejecting("ip"), _rejecting("inet"), _rejecting("ip6")], id="its-table-is-of-another-family"),
        pytest.param([_rejecting("ip"), _rejecting("ip", "u"), _rejecting("ip", "t", "u")], id="it-stands-elsewhere"),
        pytest.param(
            [
                listing(table("ip"), chain("ip", "in", "input"), rule("ip", "in", match(DPORT, port), "accept"))
                for port in (22, "22", 22.0, True, 1, {"range": [22, 23]}, {"set": [22, 23]})
            ],
            id="it-looks-much-the-same",
        ),
    ],
)
def test_a_rule_that_another_ruleset_has_too_is_read_as_by_itself(listings: list[str]) -> None:
    alone = [_told_alone(text) for text in listings]
    for order in (listings, listings[::-1]):
        nft_rules._RULES.clear()
        together = {text: repr(read_nft(text)) for text in order}
        assert [together[text] for text in listings] == alone


@given(before=st.lists(filters(may_be_unread=True), min_size=2, max_size=4))
def test_rulesets_that_are_read_one_after_the_other_are_read_as_by_themselves(before: list[Filter]) -> None:
    listings = [nft_json(one)["ruleset"] for one in before]
    alone = [_told_alone(text) for text in listings]
    assert [repr(read_nft(text)) for text in [*listings, *listings]] == [*alone, *alone]
