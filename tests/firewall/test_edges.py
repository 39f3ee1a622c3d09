"""Edges that no other test holds: mutants showed them (`make firewall-mutants`)."""

from typing import Any

import pytest

from auditor.firewall.protocol import Answers
from auditor.firewall.regions import Region, coarse
from tests.firewall.conftest import DPORT, HOST, SYN, Ask, chain, listing, match, meta, payload, rule, table

SADDR = payload("ip", "saddr")
OUT = {**SYN, "direction": "out", "src": "192.0.2.10", "dst": "9.9.9.9"}
NET = {"prefix": {"addr": "203.0.113.0", "len": 24}}


def sources(*objects: Any) -> Any:
    question = {"id": 1, "format": "nft-json", "ruleset": listing(*objects), "host": HOST, "query": "sources"}
    return Answers().answer({**question, "packet": SYN})


def _vmap(*pairs: Any) -> Any:
    return {"vmap": {"key": SADDR, "data": {"set": [list(pair) for pair in pairs]}}}


def test_sources_that_a_verdict_map_does_not_hold_go_on_with_the_next_rule() -> None:
    filters = (table("ip"), chain("ip", "in", "input", policy="drop"), rule("ip", "in", _vmap((NET, {"drop": None}))))
    assert sources(*filters, rule("ip", "in", match(SADDR, "9.9.9.9"), "accept"))["allowed"] == ("9.9.9.9/32",)
    assert sources(*filters, rule("ip", "in", match(SADDR, "203.0.113.7"), "accept"))["allowed"] == ()


@pytest.mark.parametrize(
    ("source", "verdict"), [("198.51.100.1", "drop"), ("192.0.2.10", "accept")], ids=["the-new-one", "not-the-old-one"]
)
def test_a_chain_after_the_translation_of_the_source_sees_the_new_source(ask: Ask, source: str, verdict: str) -> None:
    ruleset = listing(
        table("ip"),
        chain("ip", "nat", "postrouting", 100, type="nat"),
        rule("ip", "nat", match(DPORT, 5900), {"snat": {"addr": "198.51.100.1"}}),
        chain("ip", "late", "postrouting", 300),
        rule("ip", "late", match(SADDR, source), "drop"),
    )
    assert ask(ruleset, OUT)["verdict"] == verdict


def test_after_masquerading_the_source_is_not_known(ask: Ask) -> None:
    ruleset = listing(
        table("ip"),
        chain("ip", "nat", "postrouting", 100, type="nat"),
        rule("ip", "nat", match(DPORT, 5900), {"masquerade": None}),
        chain("ip", "late", "postrouting", 300),
        rule("ip", "late", match(SADDR, "192.0.2.10"), "drop"),
    )
    assert ask(ruleset, OUT)["verdict"] == "unknown"


ERROR = {"proto": "icmp", "icmp_type": 3, "icmp_code": 3, "ct_state": "related"}


@pytest.mark.parametrize(
    ("status", "packet", "verdict"),
    [
        pytest.param("assured", {"tcp_flags": ["ack"]}, "accept", id="tcp-is-assured-with-its-handshake"),
        pytest.param("assured", {"tcp_flags": ["syn", "ack"]}, "unknown", id="not-within-it"),
        pytest.param("assured", {"proto": "udp"}, "unknown", id="udp-is-when-it-has-lasted"),
        pytest.param("assured", {"proto": "icmp", "icmp_type": 8, "icmp_code": 0}, "drop", id="icmp-never-is"),
        pytest.param("assured", {"proto": "esp"}, "drop", id="nor-is-what-has-no-tracker"),
        pytest.param("assured", {"proto": "udp", "ct_status": ["assured"]}, "accept", id="unless-it-is-said"),
        pytest.param("seen-reply", {"proto": "udp"}, "accept", id="but-it-was-answered"),
        pytest.param("seen-reply", ERROR, "unknown", id="what-is-related-need-not-have-been"),
        pytest.param("confirmed", ERROR, "accept", id="an-error-is-of-a-known-connection"),
        pytest.param("confirmed", {"ct_state": "related"}, "unknown", id="an-expected-one-is-not-known-yet"),
    ],
)
def test_the_status_of_a_connection(ask: Ask, status: str, packet: Any, verdict: str) -> None:
    condition = match({"ct": {"key": "status"}}, status, "in")
    ruleset = listing(table("ip"), chain("ip", "in", "input", policy="drop"), rule("ip", "in", condition, "accept"))
    assert ask(ruleset, {**SYN, "ct_state": "established", **packet})["verdict"] == verdict


@pytest.mark.parametrize(("option", "verdict"), [("", "drop"), ("--loose ", "unknown")], ids=["strict", "not-modelled"])
def test_an_option_of_rpfilter_that_is_not_modelled_leaves_it_open(ask: Ask, option: str, verdict: str) -> None:
    ruleset = (
        "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        f"-A PREROUTING -m rpfilter {option}--invert -j DROP\nCOMMIT\n"
    )
    packet = {**SYN, "iface": "eth1", "src": "192.0.2.77"}  # who would be answered by eth0
    assert ask(ruleset, packet, form="iptables-save")["verdict"] == verdict


@pytest.mark.parametrize("source", ["127.0.0.5", "0.0.0.5", "224.0.0.5", "192.0.2.10"])
def test_routing_takes_no_such_source_from_the_wire_whatever_the_rules(ask: Ask, source: str) -> None:
    assert ask(listing(table("ip"), chain("ip", "in", "input")), {**SYN, "src": source})["verdict"] == "drop"


def test_sources_that_a_rule_took_before_routing_do_not_hide_those_that_routing_takes() -> None:
    early = (table("ip"), chain("ip", "pre", "prerouting", -300), chain("ip", "in", "input"))
    answer = sources(*early, rule("ip", "pre", match(SADDR, {"prefix": {"addr": "0.0.0.0", "len": 8}}), "drop"))
    assert not any(one.startswith(("127.", "224.", "255.")) for one in answer["allowed"])
    assert any(one.endswith("-126.255.255.255") for one in answer["allowed"]), answer


def _after_masquerading(*objects: Any) -> str:
    return listing(
        table("ip"),
        chain("ip", "nat", "postrouting", 100, type="nat"),
        rule("ip", "nat", match(DPORT, 5900), {"masquerade": None}),
        chain("ip", "late", "postrouting", 300),
        *objects,
    )


def test_a_map_that_may_return_lets_what_follows_it_be_passed_by(ask: Ask) -> None:
    may_return = rule("ip", "late", _vmap(("198.51.100.1", {"return": None})))
    assert ask(_after_masquerading(may_return, rule("ip", "late", "drop")), OUT)["verdict"] == "unknown"
    assert ask(_after_masquerading(rule("ip", "late", "drop")), OUT)["verdict"] == "drop"


def test_a_map_that_can_only_drop_what_is_dropped_anyway_leaves_nothing_open(ask: Ask) -> None:
    may_drop = rule("ip", "late", _vmap(("198.51.100.1", {"drop": None})))
    assert ask(_after_masquerading(may_drop, rule("ip", "late", "drop")), OUT)["verdict"] == "drop"


def test_a_map_of_a_status_that_is_open_may_give_anything(ask: Ask) -> None:
    asked = {"vmap": {"key": {"ct": {"key": "status"}}, "data": {"set": [["assured", {"drop": None}]]}}}
    ruleset = listing(table("ip"), chain("ip", "in", "input"), rule("ip", "in", asked))
    assert ask(ruleset, {**SYN, "proto": "udp", "ct_state": "established"})["verdict"] == "unknown"


@pytest.mark.parametrize("key", ["mark", "ct mark"])
def test_a_chain_that_was_fallen_through_is_asked_again_when_a_mark_was_set_since(ask: Ask, key: str) -> None:
    mark = meta("mark") if key == "mark" else {"ct": {"key": "mark"}}
    ruleset = listing(
        table("ip"),
        chain("ip", "in", "input"),
        chain("ip", "marked"),
        rule("ip", "marked", match(mark, 1), "drop"),
        rule("ip", "in", {"jump": {"target": "marked"}}),
        rule("ip", "in", {"mangle": {"key": mark, "value": 1}}),
        rule("ip", "in", {"jump": {"target": "marked"}}),
    )
    assert ask(ruleset)["verdict"] == "drop"


def test_a_condition_that_fails_after_an_effect_ends_its_rule_only(ask: Ask) -> None:
    marks = {"mangle": {"key": meta("mark"), "value": 1}}
    filters = (table("ip"), chain("ip", "in", "input"), rule("ip", "in", marks, match(DPORT, 22), "accept"))
    assert ask(listing(*filters, rule("ip", "in", match(DPORT, 5900), "drop")))["verdict"] == "drop"
    assert ask(listing(*filters, rule("ip", "in", match(meta("mark"), 1), "drop")))["verdict"] == "drop"


def test_a_redirect_is_to_the_first_address_of_the_interface_it_came_by(ask: Ask) -> None:
    ruleset = listing(
        table("ip"),
        chain("ip", "nat", "prerouting", -100, type="nat"),
        rule("ip", "nat", match(DPORT, 5900), {"redirect": None}),
        chain("ip", "in", "input"),
        rule("ip", "in", match(payload("ip", "daddr"), "192.0.2.10"), "drop"),
    )
    assert ask(ruleset, {**SYN, "dst": "10.20.0.5"})["verdict"] == "drop"


def test_the_last_address_of_all_is_a_broadcast_to_this_host(ask: Ask) -> None:
    ruleset = listing(
        table("ip"),
        chain("ip", "in", "input", policy="drop"),
        rule("ip", "in", match({"fib": {"result": "type", "flags": ["daddr"]}}, "broadcast"), "accept"),
    )
    packet = {**SYN, "proto": "udp", "dst": "255.255.255.255"}
    assert ask(ruleset, packet)["verdict"] == "accept"
    assert ask(ruleset, {**packet, "dst": "192.0.2.10"})["verdict"] == "drop"


def _of_iptables(line: str) -> str:
    return f"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{line}\nCOMMIT\n"


@pytest.mark.parametrize("kind", [0, 8, 254])
def test_any_type_of_icmp_is_every_type(ask: Ask, kind: int) -> None:
    packet = {**SYN, "proto": "icmp", "icmp_type": kind, "icmp_code": 0}
    ruleset = _of_iptables("-A INPUT -p icmp -m icmp --icmp-type any -j DROP")
    assert ask(ruleset, packet, form="iptables-save")["verdict"] == "drop"


def test_a_set_of_types_of_icmp_that_have_no_name(ask: Ask) -> None:
    sets = "create s hash:ip,port family inet hashsize 1024 maxelem 65536\nadd s 203.0.113.7,icmp:42/1\n"
    ruleset = _of_iptables("-A INPUT -m set --match-set s src,src -j DROP")
    packet = {**SYN, "proto": "icmp", "icmp_type": 42, "icmp_code": 1}
    assert ask(ruleset, packet, form="iptables-save", ipset=sets)["verdict"] == "drop"
    assert ask(ruleset, {**packet, "icmp_code": 0}, form="iptables-save", ipset=sets)["verdict"] == "accept"


def test_what_let_a_packet_in_is_named(ask: Ask) -> None:
    filters = (table("ip"), chain("ip", "in", "input", policy="drop"), rule("ip", "in", match(DPORT, 5900), "accept"))
    assert ask(listing(*filters))["rule"] == "ip t in: tcp dport 5900 accept"
    later = chain("ip", "after", "input", 10)
    assert ask(listing(*filters, later))["rule"] == "ip t in: tcp dport 5900 accept"
    assert ask(listing(table("ip"), later))["rule"] == "ip t after: policy accept"


def test_of_too_many_intervals_the_smallest_gaps_are_closed() -> None:
    region = Region.of([(0, 0), (2, 2), (10, 10), (11, 12), (30, 30)], 99)
    assert list(coarse(region, 3)) == [(0, 2), (10, 12), (30, 30)]
    assert list(coarse(region, 4)) == list(region)
