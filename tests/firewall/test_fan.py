"""What is said of all sources at once, besides which they are: the rules that decide, and those that are in doubt."""

from typing import Any

import pytest

from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.loaded import Loaded
from auditor.firewall.protocol import read_host, read_packet
from auditor.firewall.regions import Region
from auditor.firewall.sources import Fan
from auditor.firewall.way import Program
from auditor.model.packet import HostNetwork
from tests.firewall.conftest import DPORT, HOST, SYN, SYN6, chain, listing, match, meta, payload, table
from tests.firewall.fan import LIMIT, MARK, SADDR, closed, fan, net, number, one, opened, region

NO_CHAIN = "no chain of a packet filter sees it"
POLICY = "ip t in: policy accept"
TEN, TEST = net("10.0.0.0", 8), net("203.0.113.0", 24)
TEN_IN, TEST_IN = one(TEN, "accept"), one(TEST, "accept")
LATER = chain("ip", "later", "input", 10, policy="drop")


def _later(address: str, length: int) -> Any:
    return one(net(address, length), "accept", name="later")


def _text(condition: str, deed: str = "accept") -> str:
    return f"ip t in: {condition} {deed}"


TEN_TEXT, TEST_TEXT = _text("ip saddr 10.0.0.0/8"), _text("ip saddr 203.0.113.0/24")


# ---- what lets them in


def test_the_rule_that_lets_most_in_is_named() -> None:
    for rules in ((TEN_IN, TEST_IN), (TEST_IN, TEN_IN)):
        found = closed(*rules)
        assert (found.accepting, found.is_by_policy) == (TEN_TEXT, False)


def test_a_policy_is_named_where_no_rule_lets_in() -> None:
    found = opened()
    assert (found.accepting, found.is_by_policy) == (POLICY, True)


def test_nothing_is_named_where_nothing_filters_or_nothing_gets_in() -> None:
    assert (fan().ask().accepting, fan().ask().is_by_policy) == (NO_CHAIN, False)
    found = fan(table("ip"), chain("ip", "in", "input"), TEN_IN, LATER).ask()
    assert (found.accepting, found.is_by_policy) == (NO_CHAIN, False)


@pytest.mark.parametrize(
    ("last", "is_by_policy"), [(1, True), (2, True), (3, False), (4, False)], ids=["1-of-6", "2", "3", "4"]
)
def test_a_policy_is_named_where_it_lets_in_more_than_the_rules(last: int, is_by_policy: bool) -> None:
    some = match(SADDR, {"range": ["203.0.113.1", f"203.0.113.{last}"]})
    found = opened(one(some, "accept"), within=region("203.0.113.1-203.0.113.6"))
    assert found.is_by_policy is is_by_policy
    assert (found.accepting == POLICY) is is_by_policy


def test_a_rule_counts_by_those_that_it_lets_in_after_all() -> None:
    early = (table("ip"), chain("ip", "in", "input"), TEN_IN, TEST_IN)
    found = fan(*early, LATER, _later("10.0.0.1", 32), _later("203.0.113.0", 24)).ask()
    assert found.accepting in (TEST_TEXT, "ip t later: ip saddr 203.0.113.0/24 accept")
    only = fan(*early, LATER, _later("203.0.113.0", 24)).ask()
    assert "203.0.113.0" in only.accepting


def test_a_translation_lets_nobody_in() -> None:
    nat = (table("ip"), chain("ip", "nat", "prerouting", -100, type="nat"), one(TEST, "accept", name="nat"))
    uses = match({"ct": {"key": "state"}}, "new", "in")
    found = fan(*nat, chain("ip", "in", "input", policy="drop"), one(uses, TEN, "accept"), one(TEST, "accept")).ask()
    assert found.accepting == "ip t in: ct state new ip saddr 10.0.0.0/8 accept"
    assert fan(*nat, chain("ip", "in", "input"), one(uses, TEN)).ask().accepting == POLICY


# ---- what stops them


def test_the_rule_that_stops_is_named_and_not_one_that_only_may() -> None:
    found = opened(one(net("9.9.9.9", 32), "drop"), one(TEST, LIMIT, "drop"), within=region("9.9.9.0-203.0.113.255"))
    assert found.blocking == _text("ip saddr 9.9.9.9/32", "drop")
    assert next(iter(found.blocked)) == (number("9.9.9.9"), number("9.9.9.9"))


@pytest.mark.parametrize(
    ("within", "words"),
    [
        ("127.0.0.1-127.0.0.9", "route_localnet is off on eth0"),
        ("224.0.0.1-224.0.0.9", "multicast and broadcast"),
        ("0.0.0.1-0.0.0.9", "0.0.0.0/8"),
    ],
)
def test_what_routing_does_not_take_is_said_so(within: str, words: str) -> None:
    found = opened(within=region(within))
    assert words in found.blocking
    assert found.refused == found.blocked == region(within)
    assert opened(within=region(within), routes=False).allowed == region(within)


def test_what_stays_on_its_link_is_said_so() -> None:
    host = {**HOST, "ip_forward": True, "addresses": {**HOST["addresses"], "docker0": ["fd00:17::1/64"]}}  # type: ignore[dict-item]
    link = Region([number("fe80::1")], [number("fe80::2")], 2**128 - 1)
    for destination, blocked, doubt in (("fd00:17::2", "link-local", ""), ("2a00::1", "", "link-local")):
        found = fan(packet={**SYN6, "dst": destination}, host=host).ask(link)
        assert (blocked in found.blocking, doubt in found.doubt) == (True, True)
        assert (found.blocked == link, found.unknown == link) == (bool(blocked), bool(doubt))
        assert not found.allowed


# ---- what is in doubt


def test_only_what_concerns_those_in_doubt_is_named() -> None:
    found = closed(one(TEN, LIMIT, "accept"), TEN_IN, one(TEST, LIMIT, "accept"))
    assert found.unknown == region("203.0.113.0-203.0.113.255")
    assert found.doubt == _text("ip saddr 203.0.113.0/24 limit rate 5/minute")


def test_what_only_counts_or_logs_is_in_no_doubt() -> None:
    for harmless in (("counter",), ("log",), ()):
        found = closed(one(TEST, LIMIT, *harmless), one(TEST, LIMIT, "accept"))
        assert found.doubt.count("limit rate") == 1
    marks = {"mangle": {"key": MARK, "value": 1}}
    assert "meta mark set" in closed(one(LIMIT, marks), one(match(MARK, 1), "accept")).doubt
    falls = {"vmap": {"key": DPORT, "data": {"set": [[5900, {"accept": None}]]}}}
    assert "limit rate" in closed(one(LIMIT, falls)).doubt


def test_three_rules_in_doubt_are_named() -> None:
    limits = [one(TEST, match(meta("length"), size, ">"), "accept") for size in range(1, 6)]
    packet = {key: value for key, value in SYN.items() if key != "length"}
    assert closed(*limits, packet=packet).doubt.count("; ") == 2


def test_in_a_chain_only_what_concerns_those_that_come_to_it_is_in_doubt() -> None:
    inner = (chain("ip", "c"), one(TEN, LIMIT, "accept", name="c"))
    found = closed(*inner, one(TEST, {"jump": {"target": "c"}}), one(TEN, LIMIT, "counter", "accept"))
    assert found.doubt == _text("ip saddr 10.0.0.0/8 limit rate 5/minute counter")


def test_of_those_that_come_to_a_chain_only_what_concerns_them_is_in_doubt() -> None:
    both = {"jump": {"target": "c"}}
    inner = (chain("ip", "c"), one(TEN, LIMIT, "accept", name="c"), one(TEN, both), one(TEST, both))
    found = closed(*inner, TEN_IN, one(TEST, LIMIT, "accept"))
    assert found.doubt == _text("ip saddr 203.0.113.0/24 limit rate 5/minute")
    some = match(
        SADDR, {"set": [{"prefix": {"addr": "10.0.0.0", "len": 8}}, {"prefix": {"addr": "203.0.113.0", "len": 24}}]}
    )
    found = closed(
        chain("ip", "c"), one(TEN, LIMIT, "accept", name="c"), one(some, both), TEN_IN, one(TEST, LIMIT, "accept")
    )
    assert found.doubt == _text("ip saddr 203.0.113.0/24 limit rate 5/minute")


def test_a_limit_after_an_effect_is_in_doubt() -> None:
    marks = {"mangle": {"key": MARK, "value": 1}}
    found = closed(one(marks, TEST, LIMIT, "accept"))
    assert found.unknown == region("203.0.113.0-203.0.113.255")
    assert "limit rate" in found.doubt
    assert closed(one(marks, TEST, "accept"), one(TEN, LIMIT, "accept")).doubt.startswith("ip t in: ip saddr 10")


@pytest.mark.parametrize(
    ("objects", "packet", "words"),
    [
        pytest.param(
            (table("ip"), chain("ip", "nat", "prerouting", -100, type="nat"),
             one({"dnat": {"addr": {"map": {}}}}, name="nat")),
            SYN, "a destination that is not known", id="where-it-is-sent",
        ),
        pytest.param((table("netdev"), chain("netdev", "in", "ingress", policy="drop")), SYN, "whether it sees",
            id="where"),
        pytest.param((table("ip"), chain("ip", "in", "input"), {"rule": []}), SYN, "without a body", id="a-listing"),
        pytest.param((table("ip"), chain("ip", "in", "input"), one({"new": 1})), SYN, "new", id="a-statement"),
        pytest.param(
            (table("ip"), chain("ip", "in", "input"), one(match(meta("cpu"), 1), "drop")), SYN, "cpu", id="a-condition"
        ),
    ],
)  # fmt: skip
def test_what_is_not_known_is_named(objects: Any, packet: Any, words: str) -> None:
    found = fan(*objects, packet=packet).ask()
    assert words in found.doubt
    assert found.unknown
    assert not found.allowed


def test_whether_packets_are_sent_on_may_not_be_known() -> None:
    host = {"addresses": HOST["addresses"]}
    found = fan(packet={**SYN, "dst": "10.20.0.77"}, host=host).ask()
    assert "forwarded is not known" in found.doubt
    assert found.unknown
    assert not found.allowed


def test_whether_the_way_back_is_asked_may_not_be_known() -> None:
    known = read_host(HOST)
    host = HostNetwork(addresses=known.addresses, rp_filter={"": None}, route_localnet={"": False})
    found = fan(table("ip"), chain("ip", "in", "input"), host=host).ask()
    assert "rp_filter" in found.doubt
    assert list(found.allowed) == [
        (number("192.0.2.0"), number("192.0.2.9")),
        (number("192.0.2.11"), number("192.0.2.255")),
    ]


# ---- states of sources that come together, and maps


def marked(value: int) -> Any:
    return {"mangle": {"key": MARK, "value": value}}


def test_sources_that_come_to_the_same_state_by_several_ways_are_all_there() -> None:
    found = closed(
        one(TEN, marked(1)), one(TEST, marked(2)), one(net("9.9.9.9", 32), marked(3)),
        one(match(MARK, 0, "!="), marked(4)), one(match(MARK, 4), "accept"),
    )  # fmt: skip
    assert found.allowed == region(
        "9.9.9.9-9.9.9.9", "10.0.0.0-10.20.0.4", "10.20.0.6-10.255.255.255", "203.0.113.0-203.0.113.255"
    )


def test_a_condition_after_one_that_cannot_be_told_still_counts() -> None:
    assert closed(one(LIMIT, TEST, "accept")).unknown == region("203.0.113.0-203.0.113.255")


def _vmap(key: Any, *pairs: Any) -> Any:
    return {"vmap": {"key": key, "data": {"set": [list(pair) for pair in pairs]}}}


ACCEPT, DROP = {"accept": None}, {"drop": None}
DADDR = payload("ip", "daddr")
PAIR = {"concat": [SADDR, DADDR]}
BOTH = {"concat": ["203.0.113.7", "10.20.0.5"]}
UNSURE = (chain("ip", "nat", "output", -100, type="nat"), one({"dnat": {"addr": {"map": {}}}}, name="nat"))


def test_a_map_of_ports_is_looked_up_for_all_sources() -> None:
    for port, allowed, blocked in ((5900, True, False), (22, False, True)):
        found = closed(one(_vmap(DPORT, (port, ACCEPT))))
        assert (bool(found.allowed), found.unknown, not found.allowed) == (allowed, region(), blocked)
        assert not found.doubt


def test_a_map_of_ports_is_in_no_doubt_about_the_one_that_is_asked() -> None:
    for port in (5900, 22):
        found = closed(one(_vmap(DPORT, (port, {"continue": None}))), one(TEST, LIMIT, "accept"))
        assert found.doubt == _text("ip saddr 203.0.113.0/24 limit rate 5/minute")


def test_a_map_of_what_is_not_known_may_say_all_that_it_holds() -> None:
    packet = {key: value for key, value in SYN.items() if key != "dport"}
    found = closed(one(_vmap(DPORT, (22, ACCEPT))), packet=packet)
    assert found.unknown
    assert "vmap" in found.doubt


def test_a_map_of_sources_is_in_no_doubt_about_those_it_does_not_hold() -> None:
    found = closed(one(_vmap(SADDR, ("9.9.9.9", ACCEPT))), one(TEST, LIMIT, "accept"))
    assert found.doubt == _text("ip saddr 203.0.113.0/24 limit rate 5/minute")
    assert found.allowed == region("9.9.9.9-9.9.9.9")


def test_a_map_of_types_of_sources_is_not_told() -> None:
    found = closed(one(_vmap({"fib": {"result": "type", "flags": ["saddr"]}}, ("unicast", ACCEPT))))
    assert found.unknown
    assert not found.allowed


def test_a_map_of_sources_and_destinations() -> None:
    assert closed(one(_vmap(PAIR, (BOTH, ACCEPT)))).allowed == region()
    assert closed(one(_vmap(PAIR, (BOTH, ACCEPT))), packet={**SYN, "dst": "10.20.0.5"}).allowed == region(
        "203.0.113.7-203.0.113.7"
    )


def test_a_map_of_a_destination_that_is_not_known() -> None:
    out = {**SYN, "direction": "out", "src": "203.0.113.7", "dst": "9.9.9.9"}
    objects = (
        table("ip"),
        *UNSURE,
        chain("ip", "out", "output", policy="drop"),
        one(_vmap(PAIR, (BOTH, ACCEPT)), name="out"),
    )
    found = fan(*objects, packet=out).ask()
    assert found.unknown == region("203.0.113.7-203.0.113.7")
    pairs = match(PAIR, {"set": [BOTH]})
    objects = (table("ip"), *UNSURE, chain("ip", "out", "output", policy="drop"), one(pairs, "accept", name="out"))
    assert fan(*objects, packet=out).ask().unknown == region("203.0.113.7-203.0.113.7")


def test_a_map_that_packets_fill_is_in_doubt_for_what_it_does_not_hold() -> None:
    named = {"map": {"family": "ip", "name": "m", "table": "t", "type": "ipv4_addr", "map": "verdict",
        "flags": ["dynamic"],
                     "elem": [["203.0.113.7", ACCEPT]]}}  # fmt: skip
    found = closed(named, one({"vmap": {"key": SADDR, "data": "@m"}}))
    assert found.allowed == region("203.0.113.7-203.0.113.7")
    assert number("9.9.9.9") in found.unknown
    assert "vmap" in found.doubt


def test_a_source_that_was_translated_is_not_the_one_that_rules_look_at() -> None:
    host = {**HOST, "ip_forward": True}
    objects = (
        table("ip"), chain("ip", "nat", "postrouting", 100, type="nat"), one({"masquerade": None}, name="nat"),
        chain("ip", "late", "postrouting", 300), one(TEST, "drop", name="late"),
    )  # fmt: skip
    found = fan(*objects, packet={**SYN, "dst": "10.20.0.77"}, host=host).ask()
    assert number("9.9.9.9") in found.unknown
    assert not found.allowed


def test_who_may_not_be_tracked_may_not_be_translated() -> None:
    objects = (
        table("ip"), chain("ip", "early", "prerouting", -300), one(LIMIT, "notrack", name="early"),
        chain("ip", "nat", "prerouting", -100, type="nat"), one({"dnat": {"addr": "10.20.0.5"}}, name="nat"),
        chain("ip", "in", "input", policy="drop"), one(match(DADDR, "10.20.0.5"), TEST, "accept"),
    )  # fmt: skip
    assert fan(*objects).ask().unknown == region("203.0.113.0-203.0.113.255")


def test_what_is_not_known_of_the_state_leaves_translations_open() -> None:
    packet = {key: value for key, value in SYN.items() if key != "tcp_flags"}
    objects = (
        table("ip"), chain("ip", "nat", "prerouting", -100, type="nat"), one({"dnat": {"addr": "10.20.0.5"}},
            name="nat"),
        chain("ip", "in", "input", policy="drop"), one(match(DADDR, "10.20.0.5"), TEST, "accept"),
    )  # fmt: skip
    assert fan(*objects, packet=packet).ask().unknown == region("203.0.113.0-203.0.113.255")


def test_a_mark_of_no_connection_is_not_written() -> None:
    writes = {"mangle": {"key": {"ct": {"key": "mark"}}, "value": 1}}
    asked = match({"ct": {"key": "mark"}}, 1)
    for packet, allowed in ((SYN, True), ({**SYN, "ct_state": "invalid"}, False)):
        found = closed(one(TEST, writes), one(asked, TEST, "accept"), packet=packet)
        assert bool(found.allowed) is allowed
        assert not found.unknown


def test_hosts_that_share_rules_have_their_own_addresses() -> None:
    ruleset = listing(
        table("ip"), chain("ip", "in", "input", policy="drop"),
        one(match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, True), "accept"),
    )  # fmt: skip
    loaded = Loaded(read_nft(ruleset))
    for network, source in (("192.0.2.10/24", "192.0.2.77"), ("198.51.100.10/24", "198.51.100.77")):
        host = read_host({"addresses": {"eth0": [network]}, "sysctl": {"rp_filter": 0}})
        packet = {**SYN, "dst": network.partition("/")[0]}
        found = Fan(Program(loaded, host), read_packet(packet, wants_sources=True)).ask()
        assert number(source) in found.allowed, network
        assert not any(number(other) in found.allowed for other in ("192.0.2.77", "198.51.100.77") if other != source)


# ---- bounds


def test_so_many_rules_may_be_met() -> None:
    objects = (table("ip"), chain("ip", "in", "input"), *(one(net(f"9.9.9.{last}", 32), "drop") for last in range(3)))
    for budget, is_exhausted in ((3, False), (2, True)):
        made = fan(*objects)
        made.budget = budget
        found = made.ask()
        assert made.is_exhausted is is_exhausted
        assert found.unknown.is_all is is_exhausted
        assert found.is_by_policy is not is_exhausted
        assert ("more steps" in found.doubt) is is_exhausted
