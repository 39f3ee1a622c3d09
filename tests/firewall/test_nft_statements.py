"""Statements and constants of nft's JSON mean what the kernel makes of them (`make firewall-mutants`)."""

from typing import Any

import pytest

from tests.firewall.conftest import DPORT, SYN, SYN6, Ask, chain, listing, match, meta, payload, rule, table

SADDR, DADDR = payload("ip", "saddr"), payload("ip", "daddr")
TH_DPORT = payload("th", "dport")
MARK, CT_MARK = meta("mark"), {"ct": {"key": "mark"}}
FLAGS = payload("tcp", "flags")
LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}
UDP, GRE = {**SYN, "proto": "udp"}, {**SYN, "proto": "gre"}
ESTABLISHED = {**SYN, "tcp_flags": ["ack"], "ct_state": "established"}
DROP: dict[str, Any] = {"drop": None}
DROPS_PORT = match(DPORT, 5900), "drop"


def setting(key: Any, value: Any = 1) -> Any:
    return {"mangle": {"key": key, "value": value}}


def vmap(key: Any, *pairs: Any) -> Any:
    return {"vmap": {"key": key, "data": {"set": [list(pair) for pair in pairs]}}}


def verdict(ask: Ask, *rules: Any, packet: Any = SYN, policy: str = "accept", family: str = "ip") -> str:
    objects = (table(family), chain(family, "in", "input", policy=policy))
    return str(ask(listing(*objects, *(rule(family, "in", *one) for one in rules)), packet)["verdict"])


@pytest.mark.parametrize(
    ("rules", "policy", "expected"),
    [
        pytest.param([({}, "drop")], "accept", "unknown", id="an-empty-statement"),
        pytest.param([({"limit": {}, "more": 1}, "drop")], "accept", "unknown", id="a-condition-with-something-beside"),
        pytest.param([({"new": 1}, "drop")], "accept", "unknown", id="what-stands-before-drop-may-keep-it-from-that"),
        pytest.param([({"new": 1}, "accept")], "drop", "unknown", id="and-from-accepting"),
        pytest.param([({"tproxy": {"port": 1}}, "accept")], "drop", "unknown", id="a-proxy-takes-it-or-not"),
        pytest.param([("queue", "drop")], "accept", "unknown", id="a-program-decides-first"),
        pytest.param([({"xt": {"type": "target", "name": "X"}},)], "accept", "unknown", id="a-target-of-iptables"),
        pytest.param([({"xt": {"type": "match", "name": "X"}}, "drop")], "drop", "drop", id="a-match-of-iptables"),
        pytest.param([({"jump": {"target": "gone"}},)], "accept", "unknown", id="a-chain-that-is-not-listed"),
        pytest.param([(setting({"exthdr": {}}),)], "drop", "drop", id="a-header-that-is-rewritten-opens-nothing"),
        pytest.param([(setting({"exthdr": {}}),), DROPS_PORT], "accept", "unknown", id="but-may-be-anything"),
        pytest.param([(setting(DPORT, 22),), DROPS_PORT], "accept", "unknown", id="a-port-that-is-rewritten"),
        pytest.param(
            [(setting(DPORT, 22),), (match(SADDR, "203.0.113.7"), "drop")], "accept", "drop", id="that-alone"
        ),
        pytest.param([(setting(meta("priority")),), DROPS_PORT], "accept", "drop", id="a-priority-is-not-looked-at"),
        pytest.param([(setting(meta("new")),), DROPS_PORT], "accept", "unknown", id="a-setting-that-is-not-known"),
        pytest.param(
            [(setting(meta("pkttype")),), (match(meta("pkttype"), "host"), "drop")], "accept", "unknown",
            id="a-type-of-packet-is",
        ),
        pytest.param([(setting(meta("pkttype")),), DROPS_PORT], "accept", "drop", id="and-nothing-else-with-it"),
        pytest.param([(setting({"ct": {"key": "label"}}),), DROPS_PORT], "accept", "drop", id="nor-is-a-label"),
        pytest.param([(setting({"ct": {"key": "zone"}}),), DROPS_PORT], "accept", "unknown", id="a-zone-is"),
        pytest.param(
            [(setting(MARK, {"numgen": {"mode": "random", "mod": 2}}),), (match(MARK, 0), "drop")], "accept", "unknown",
            id="a-mark-of-chance",
        ),
        pytest.param(
            [(setting(MARK, {"numgen": {"mode": "random", "mod": 2}}),), DROPS_PORT], "accept", "drop",
            id="is-nothing-but-a-mark",
        ),
        pytest.param([(LIMIT, {"new": 1})], "drop", "unknown", id="a-limit-before-what-is-not-known"),
        pytest.param([(match(meta("iifname"), "5", "<"), "drop")], "accept", "unknown", id="names-have-no-order"),
        pytest.param([(match(MARK, "x"), "drop")], "accept", "unknown", id="no-such-constant"),
        pytest.param([("reject",)], "accept", "reject", id="a-reject-of-one-family"),
    ],
)  # fmt: skip
def test_a_statement(ask: Ask, rules: Any, policy: str, expected: str) -> None:
    assert verdict(ask, *rules, policy=policy) == expected


@pytest.mark.parametrize(
    ("before", "packet", "expected"),
    [
        pytest.param((match(meta("l4proto"), {"set": ["tcp", "udp"]}),), SYN, "drop", id="of-tcp"),
        pytest.param((match(SADDR, "203.0.113.7"), match(meta("l4proto"), "tcp")), SYN, "drop", id="whatever-else"),
        pytest.param((), GRE, "unknown", id="of-any"),
        pytest.param((match(SADDR, "203.0.113.7"),), GRE, "unknown", id="of-a-source"),
        pytest.param((match(meta("l4proto"), "tcp", "!="),), GRE, "unknown", id="of-any-but-one"),
        pytest.param((match(meta("l4proto"), {"range": [6, 47]}),), GRE, "unknown", id="of-a-range"),
        pytest.param((match(meta("l4proto"), {"range": [6, 17]}),), {**SYN, "proto": "8"}, "unknown", id="of-another"),
        pytest.param((match(meta("l4proto"), {"set": ["tcp", "gre"]}),), GRE, "unknown", id="of-one-without"),
    ],
)
def test_a_map_of_ports_reads_whatever_stands_there(ask: Ask, before: Any, packet: Any, expected: str) -> None:
    """What a protocol without ports has in their place, no question tells."""
    assert verdict(ask, (*before, vmap(TH_DPORT, (5900, DROP))), packet=packet) == expected


def test_a_port_of_any_protocol_is_its_first_bytes(ask: Ask) -> None:
    drops = (match(TH_DPORT, 5900), "drop")
    assert [verdict(ask, drops, packet=one) for one in (SYN, UDP, GRE, {**SYN, "proto": 255})] == [
        "drop", "drop", "unknown", "unknown"
    ]  # fmt: skip
    assert verdict(ask, (match(TH_DPORT, 5900), "drop"), packet={**SYN, "proto": "hopopt"}) == "unknown"


@pytest.mark.parametrize("protocol", ["sctp", "dccp", "udplite"])
def test_other_protocols_have_ports_too(ask: Ask, protocol: str) -> None:
    packet = {**SYN, "proto": protocol}
    for word in (protocol, "th"):
        assert verdict(ask, (match(payload(word, "dport"), 5900), "drop"), packet=packet) == "drop"
        assert verdict(ask, (match(payload(word, "dport"), 5901), "drop"), packet=packet) == "accept"


def test_a_map_of_tcp_ports_is_of_tcp(ask: Ask) -> None:
    rules = (vmap(DPORT, (5900, DROP)),)
    assert (verdict(ask, rules), verdict(ask, rules, packet=UDP)) == ("drop", "accept")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param((), "unknown", id="none"),
        pytest.param((match(meta("nfproto"), "ipv4"),), "reject", id="one"),
        pytest.param((match(DPORT, 5900), match(meta("nfproto"), "ipv4")), "reject", id="after-a-port"),
        pytest.param((match(meta("nfproto"), {"set": ["ipv4", "ipv6"]}),), "unknown", id="both"),
        pytest.param((match(meta("nfproto"), {"range": [4, 6]}),), "unknown", id="a-range"),
        pytest.param((match(DPORT, 5900),), "unknown", id="a-port"),
        pytest.param((match(meta("nfproto"), "ipv6", "!="),), "unknown", id="another"),
    ],
)
def test_a_reject_without_a_type_may_be_of_one_family_only(ask: Ask, before: Any, expected: str) -> None:
    """Nft 1.0.6 lists neither ``icmpx`` nor the match that it put before."""
    assert verdict(ask, (*before, "reject"), family="inet") == expected


def test_a_reset_is_for_tcp(ask: Ask) -> None:
    resets = ({"reject": {"type": "tcp reset"}},)
    assert (verdict(ask, resets), verdict(ask, resets, packet=UDP)) == ("reject", "accept")


def _marked(ask: Ask, value: Any, made: int, packet: Any) -> str:
    return verdict(ask, (setting(MARK, value),), (match(MARK, made), "drop"), packet=packet)


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (7, 7),
        (MARK, 0x8000005A),
        ({"&": [MARK, 0xF]}, 0xA),
        ({"|": [MARK, 0xF]}, 0x8000005F),
        ({"^": [MARK, 0xF]}, 0x80000055),
        ({"&": [{"|": [MARK, 0xF]}, 0xF3]}, 0x53),
        ({"|": [{"^": [MARK, 0xFF]}, 0x18]}, 0x800000BD),
        ({"^": [{"|": [MARK, 0xF]}, 0xFF]}, 0x800000A0),
        ({"|": [{"&": [MARK, 0x5F]}, 0x80]}, 0xDA),
        ({"&": [{"^": [MARK, 0xFF]}, 0x3C]}, 0x24),
        ({"|": [MARK, 0xFFFFFFFF]}, 0xFFFFFFFF),
        ({"&": [{"^": [MARK, 0xFFFFFFFF]}, 0xFFFFFFFF]}, 0x7FFFFFA5),
    ],
)
def test_a_mark_is_made_of_a_mark(ask: Ask, value: Any, made: int) -> None:
    packet = {**SYN, "mark": 0x8000005A}
    assert _marked(ask, value, made, packet) == "drop"
    assert _marked(ask, value, made ^ 1, packet) == "accept"


def test_a_mark_of_a_mark_that_is_not_known_is_not_known_unless_all_bits_are_set(ask: Ask) -> None:
    """A rule writes marks of connections, so that of an established one may be any."""
    writes = (match(SADDR, "9.9.9.9"), setting(CT_MARK))
    for value, made, expected in (
        (CT_MARK, 0, "unknown"),
        ({"|": [CT_MARK, 0xFFFFFFFF]}, 0xFFFFFFFF, "drop"),
        ({"&": [CT_MARK, 0]}, 0, "drop"),
        ({"&": [CT_MARK, 1]}, 0, "unknown"),
        (MARK, 0, "drop"),
    ):
        rules = (writes, (setting(MARK, value),), (match(MARK, made), "drop"))
        assert verdict(ask, *rules, packet=ESTABLISHED) == expected, value


@pytest.mark.parametrize("value", [meta("length"), {"&": [meta("length"), 1]}, {"<<": [MARK, 1]}])
def test_a_mark_of_something_else_is_not_known(ask: Ask, value: Any) -> None:
    assert _marked(ask, value, 0, {**SYN, "length": 60}) == "unknown"


@pytest.mark.parametrize(
    ("left", "right", "operator", "flags", "expected"),
    [
        pytest.param(FLAGS, ["syn", "ack"], "in", ["ack"], "drop", id="any"),
        pytest.param({"&": [FLAGS, "syn"]}, ["syn", "ack"], "in", ["ack"], "accept", id="any-of-those-looked-at"),
        pytest.param({"&": [FLAGS, "syn"]}, ["syn", "ack"], "in", ["syn", "ack"], "drop", id="which-it-is"),
        pytest.param(FLAGS, ["syn", "ack"], "==", ["ack"], "accept", id="all"),
        pytest.param(FLAGS, ["syn", "ack"], "==", ["syn", "ack"], "drop", id="which-they-are"),
        pytest.param(FLAGS, {"|": ["syn", "ack"]}, "!=", ["ack"], "drop", id="not-all"),
    ],
)
def test_flags(ask: Ask, left: Any, right: Any, operator: str, flags: Any, expected: str) -> None:
    packet = {**SYN, "tcp_flags": flags, "ct_state": "established"}
    assert verdict(ask, (match(left, right, operator), "drop"), packet=packet) == expected


PAIR = {"concat": [SADDR, DPORT]}


@pytest.mark.parametrize(
    ("right", "operator", "expected"),
    [
        ({"concat": ["203.0.113.7", 5900]}, "==", "drop"),
        ({"concat": ["203.0.113.7", 5901]}, "==", "accept"),
        ({"concat": ["203.0.113.7", 5900]}, "!=", "accept"),
        ({"concat": ["203.0.113.7", 5901]}, "!=", "drop"),
        ({"concat": ["203.0.113.7"]}, "==", "unknown"),
        ({"concat": ["203.0.113.7", "*"]}, "==", "unknown"),
        ({"other": ["203.0.113.7", 5900]}, "==", "unknown"),
        ({"concat": ["203.0.113.7", 5900]}, "&", "unknown"),
        ("203.0.113.7", "==", "unknown"),
        ([{"concat": ["203.0.113.7", 5900]}], "<", "unknown"),
    ],
)
def test_fields_that_are_compared_together(ask: Ask, right: Any, operator: str, expected: str) -> None:
    assert verdict(ask, (match(PAIR, right, operator), "drop")) == expected


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (payload("ip6", "saddr"), "2001:db8::1"),
        (payload("tcp", "window"), 1),
        (payload("ether", "saddr"), "02:00:00:00:00:01"),
        (payload("ip", "sport"), 1),
        (payload("ip6", "ttl"), 1),
        (payload("icmp", "dport"), 1),
        (payload("udp", "type"), 1),
        ({"ct": {"key": "mark", "dir": "original"}}, 0),
        ({"ct": {"key": "zone"}}, 0),
        ({"ct": {"key": "zone", "dir": "original"}}, 0),
        ({"fib": {"result": "oif", "flags": ["daddr"]}}, 0),
        ({"fib": {"result": "oifname", "flags": ["saddr", "iif"]}}, "eth0"),
        ({"exthdr": {"name": "hbh", "field": "nexthdr"}}, 0),
        ({"exthdr": {"name": "new"}}, False),
        ({"&": [{"concat": [SADDR, DPORT]}, 1]}, 0),
        ({"&": [{"&": [MARK, 1]}, 3]}, 0),
        ({"&": [meta("iifname"), 1]}, 0),
        ({"&": [MARK, 1], "|": 1}, 0),
        ({}, 0),
        ("mark", 0),
        (MARK, {"elem": 1, "val": 0}),
        (DPORT, {"set": [{"elem": {"val": 5900, "limit": {}}}]}),
        (DPORT, {"set": [5900, {"elem": {"val": 5900}, "more": 1}]}),
    ],
)
def test_a_comparison_that_is_not_understood_may_hold_or_not(ask: Ask, left: Any, right: Any) -> None:
    packet = SYN6 if left == payload("ip6", "ttl") else SYN
    expected = "accept" if left == payload("ip6", "saddr") else "unknown"
    family = "ip6" if packet is SYN6 else "ip"
    assert verdict(ask, (match(left, right), "drop"), packet=packet, family=family) == expected


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({"elem": {"val": 5900}}, "drop"),
        ({"elem": {"val": 5900, "timeout": 9, "expires": 8, "comment": "x", "counter": {}}}, "drop"),
        ({"elem": {"val": 5900, "quota": {}}}, "unknown"),
        ({"prefix": {"addr": 5888, "len": 11}}, "drop"),
        ({"prefix": {"addr": 5888, "len": 13}}, "accept"),
        ({"range": [5900, 5900]}, "drop"),
    ],
)
def test_an_element_of_a_set(ask: Ask, element: Any, expected: str) -> None:
    assert verdict(ask, (match(DPORT, {"set": [element]}), "drop")) == expected


def test_a_prefix_of_a_mark_is_of_all_its_bits(ask: Ask) -> None:
    for mark, expected in ((0x7FFFFFFF, "drop"), (0x80000000, "accept")):
        prefix = {"prefix": {"addr": 0, "len": 1}}
        assert verdict(ask, (match(MARK, prefix), "drop"), packet={**SYN, "mark": mark}) == expected


def _map(name: str, *elements: Any, **more: Any) -> Any:
    return {"map": {"family": "ip", "name": name, "table": "t", "handle": 2, "type": "inet_service", "map": "verdict",
                    "elem": [list(one) for one in elements], **more}}  # fmt: skip


def _mapped(ask: Ask, named: Any, packet: Any = SYN, *more: Any) -> str:
    looks_up = rule("ip", "in", {"vmap": {"key": DPORT, "data": "@m"}})
    objects = (table("ip"), named, chain("ip", "in", "input"), looks_up, looks_up, *more)
    return str(ask(listing(*objects), packet)["verdict"])


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        pytest.param(_map("m", (5900, DROP)), "drop", id="it-holds-the-port"),
        pytest.param(_map("m", (22, DROP)), "accept", id="it-does-not"),
        pytest.param(_map("m", (22, {"accept": None}), ("*", DROP)), "drop", id="but-all-others"),
        pytest.param(_map("m", ("*", DROP), (5900, {"accept": None})), "accept", id="whatever-stands-first"),
        pytest.param(_map("m", (22, DROP), flags=["dynamic"]), "unknown", id="packets-may-have-put-it-there"),
        pytest.param(_map("m", (5900, {"jump": {"target": "gone"}})), "unknown", id="a-chain-that-is-not-listed"),
        pytest.param(_map("m", (5900, {"new": None})), "unknown", id="what-is-no-verdict"),
        pytest.param(_map("m", ({"elem": {"val": 5900, "limit": {}}}, DROP)), "unknown", id="now-and-then"),
        pytest.param(_map("m", (5900, DROP, 1)), "unknown", id="three-are-no-pair"),
        pytest.param(_map("other", (5900, DROP)), "unknown", id="it-is-not-listed"),
        pytest.param(_map("m"), "accept", id="it-is-empty"),
    ],
)
def test_a_named_map_of_verdicts(ask: Ask, named: Any, expected: str) -> None:
    assert _mapped(ask, named) == expected


def test_a_map_whose_elements_are_no_list_is_not_understood(ask: Ask) -> None:
    named = _map("m")
    named["map"]["elem"] = ["ab"]
    assert _mapped(ask, named) == "unknown"


def test_a_set_that_a_rule_fills_may_hold_more(ask: Ask) -> None:
    holds = {"set": {"family": "ip", "name": "s", "table": "t", "type": "ipv4_addr", "elem": ["9.9.9.9"]}}
    asks = rule("ip", "in", match(SADDR, "@s"), "drop")
    fills = rule("ip", "fill", {"set": {"op": "add", "elem": SADDR, "set": "@s"}})
    objects = (table("ip"), holds, chain("ip", "fill"), chain("ip", "in", "input"))
    assert ask(listing(*objects, asks))["verdict"] == "accept"
    assert ask(listing(*objects, fills, asks))["verdict"] == "unknown"
    elsewhere = rule("ip", "fill", {"set": {"op": "add", "elem": SADDR, "set": "@gone"}})
    assert ask(listing(*objects, elsewhere, asks))["verdict"] == "accept"


def test_elements_that_are_listed_apart_belong_to_their_set(ask: Ask) -> None:
    holds = {"set": {"family": "ip", "name": "s", "table": "t", "type": "ipv4_addr"}}
    more = {"element": {"family": "ip", "table": "t", "name": "s", "elem": ["203.0.113.7"]}}
    asks = rule("ip", "in", match(SADDR, "@s"), "drop")
    objects = (table("ip"), chain("ip", "in", "input"), holds)
    assert [ask(listing(*objects, *one, asks))["verdict"] for one in ((), (more,))] == ["accept", "drop"]
    unrelated = {"counter": {"family": "ip", "table": "t", "name": "s", "elem": ["203.0.113.7"]}}
    assert ask(listing(*objects, unrelated, asks))["verdict"] == "accept"


NAT = chain("ip", "nat", "prerouting", -100, type="nat")


@pytest.mark.parametrize(
    ("statement", "verdicts"),
    [
        pytest.param({"dnat": {"addr": "10.20.0.5"}}, {"moved": "drop", "kept": "accept", "port": "drop"}, id="to-one"),
        pytest.param(
            {"dnat": {"addr": {"map": {}}}}, {"moved": "unknown", "kept": "unknown", "port": "unknown"}, id="to-a-map"
        ),
        pytest.param(
            {"redirect": {"port": {"map": {}}}}, {"moved": "unknown", "kept": "unknown", "port": "unknown"},
            id="to-a-port-of-a-map",
        ),
        pytest.param(
            {"dnat": {"addr": "10.20.0.5", "type_flags": "netmap"}},
            {"moved": "unknown", "kept": "unknown", "port": "unknown"}, id="to-a-network",
        ),
        pytest.param({"dnat": {"port": 5901}}, {"moved": "accept", "kept": "drop", "port": "accept"}, id="to-a-port"),
        pytest.param({"dnat": None}, {"moved": "unknown", "kept": "unknown", "port": "unknown"}, id="to-nothing"),
        pytest.param(
            {"dnat": {"addr": "10.20.0.5", "port": {"range": [1, 5899]}}},
            {"moved": "drop", "kept": "accept", "port": "unknown"}, id="to-another-range",
        ),
        pytest.param(
            {"dnat": {"addr": "10.20.0.5", "port": {"range": [5900, 5901]}}},
            {"moved": "drop", "kept": "accept", "port": "drop"}, id="to-a-range-that-begins-with-it",
        ),
        pytest.param(
            {"dnat": {"addr": "10.20.0.5", "port": {"range": [5899, 5900]}}},
            {"moved": "drop", "kept": "accept", "port": "drop"}, id="that-ends-with-it",
        ),
    ],
)  # fmt: skip
def test_where_a_translation_leads(ask: Ask, statement: Any, verdicts: dict[str, str]) -> None:
    conditions = {"moved": match(DADDR, "10.20.0.5"), "kept": match(DADDR, "192.0.2.10"), "port": match(DPORT, 5900)}
    for name, condition in conditions.items():
        objects = (table("ip"), NAT, chain("ip", "in", "input"), rule("ip", "nat", statement))
        assert ask(listing(*objects, rule("ip", "in", condition, "drop")))["verdict"] == verdicts[name], name


def test_types_of_interfaces_and_numbers_of_them_are_not_names(ask: Ask) -> None:
    assert verdict(ask, (match(meta("iif"), 2), "drop")) == "unknown"
    assert verdict(ask, (match(meta("iifname"), "eth*"), "drop")) == "drop"
    assert verdict(ask, (match(meta("iifname"), "et*"), "drop")) == "drop"
    assert verdict(ask, (match(meta("iifname"), "eth1*"), "drop")) == "accept"


@pytest.mark.parametrize("field", ["iif", "saddr", "mark"])
def test_a_catch_all_holds_every_value(ask: Ask, field: str) -> None:
    left = {"iif": meta("iifname"), "saddr": SADDR, "mark": MARK}[field]
    for packet in (SYN, {**SYN, "src": "255.0.0.1", "iface": "zz9", "mark": 0xFFFFFFFF}):
        ruleset = listing(
            table("ip"), chain("ip", "in", "prerouting", -300), rule("ip", "in", match(left, {"set": ["*"]}), "drop")
        )
        assert ask(ruleset, packet)["verdict"] == "drop"
