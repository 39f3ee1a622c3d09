"""More edges that mutants showed (`make firewall-mutants`): what dialects say of one packet."""

from typing import Any

import pytest

from auditor.firewall.protocol import Answers
from tests.firewall.conftest import DPORT, HOST, SYN, SYN6, Ask, chain, listing, match, meta, payload, rule, table

SADDR = payload("ip", "saddr")
NET = {"prefix": {"addr": "203.0.113.0", "len": 24}}
LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}
CT_STATE = {"ct": {"key": "state"}}
OPEN, CLOSED = (chain("ip", "in", "input"), chain("ip", "in", "input", policy="drop"))
AWAY = {**SYN, "src": "10.20.0.77"}  # who is reached by eth1


def one(*statements: Any) -> Any:
    return rule("ip", "in", *statements)


def mark(value: int, key: Any = None) -> Any:
    return {"mangle": {"key": key or meta("mark"), "value": value}}


CT_MARK = {"ct": {"key": "mark"}}
EARLY = chain("ip", "early", "prerouting", -300)


@pytest.mark.parametrize(
    ("objects", "packet", "verdict"),
    [
        pytest.param(
            (CLOSED, one(match(SADDR, {"set": ["9.9.9.9", "*"]}), "accept")), {}, "accept", id="all-are-in-a-catch-all"
        ),
        pytest.param((OPEN, one(match(payload("tcp", "window"), 1000), "drop")), {}, "unknown", id="a-window"),
        pytest.param((OPEN, one(mark(1), LIMIT, "drop")), {}, "unknown", id="a-limit-after-an-effect"),
        pytest.param(
            (OPEN, one(LIMIT, mark(1)), one(match(meta("mark"), 1), "drop"), one(match(meta("mark"), 1, "!="), "drop")),
            {}, "drop", id="marked-or-not-it-is-dropped",
        ),
        pytest.param((OPEN, one(mark(1)), one(mark(2)), one(match(meta("mark"), 2), "drop")), {}, "drop", id="a-mark"),
        pytest.param(
            (EARLY, OPEN, rule("ip", "early", "notrack"), one(match(CT_STATE, "new", "in"), "drop")),
            {}, "accept", id="what-is-not-tracked-is-not-new",
        ),
        pytest.param(
            (EARLY, OPEN, rule("ip", "early", mark(1, CT_MARK)), one(match(CT_MARK, 1), "drop")),
            {}, "accept", id="there-is-no-connection-to-mark-before-it-is-tracked",
        ),
        pytest.param(
            (chain("ip", "in", "prerouting", -201), one(match(CT_STATE, "new", "in"), "drop")),
            {}, "accept", id="nor-has-it-a-state",
        ),
        pytest.param(
            (chain("ip", "in", "prerouting", -199), one(match(CT_STATE, "new", "in"), "drop")),
            {}, "drop", id="just-afterwards-it-has",
        ),
        pytest.param(
            (chain("ip", "nat", "prerouting", -100, type="nat"), OPEN,
             rule("ip", "nat", {"redirect": {"port": {"range": [5900, 5910]}}}), one(match(DPORT, 5905), "drop")),
            {"dport": 5905}, "drop", id="a-port-of-the-range-is-kept",
        ),
    ],
)  # fmt: skip
def test_nft(ask: Ask, objects: Any, packet: Any, verdict: str) -> None:
    assert ask(listing(table("ip"), *objects), {**SYN, **packet})["verdict"] == verdict


def _saved(*lines: str) -> str:
    rules = "\n".join(lines)
    return f"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{rules}\nCOMMIT\n"


PING = {"proto": "icmp", "icmp_type": 8, "icmp_code": 0}


@pytest.mark.parametrize(
    ("line", "packet", "verdict"),
    [
        ("-m conntrack --ctstatus SEEN_REPLY", {"ct_state": "established", "tcp_flags": ["ack"]}, "drop"),
        ("-m conntrack --ctstatus EXPECTED", {"ct_state": "established", "tcp_flags": ["ack"]}, "accept"),
        ("-p tcp -m multiport --ports 5900", {}, "drop"),
        ("-p tcp -m multiport --ports 40000", {}, "drop"),
        ("-p tcp -m multiport --ports 1,2", {}, "accept"),
        ("-p tcp -m tcp --syn", {}, "drop"),
        ("-p tcp -m tcp ! --syn", {}, "accept"),
        ("-p tcp -m tcp --tcp-option 2", {}, "unknown"),
        ("-f", {}, "accept"),
        ("! -f", {}, "drop"),
        ("-i eth+", {}, "drop"),
        ("-i eth+", {"iface": "etz0"}, "accept"),
        ("-p icmp -m icmp --icmp-type ping", PING, "drop"),
        ("-p icmp -m icmp --icmp-type 8/1", PING, "accept"),
    ],
)
def test_iptables(ask: Ask, line: str, packet: Any, verdict: str) -> None:
    assert ask(_saved(f"-A INPUT {line} -j DROP"), {**SYN, **packet}, form="iptables-save")["verdict"] == verdict


@pytest.mark.parametrize("name", ["128", "echo-request"])
def test_types_of_icmpv6_have_numbers_and_names_of_their_own(ask: Ask, name: str) -> None:
    saved = _saved(f"-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type {name} -j DROP")
    for kind, verdict in ((128, "drop"), (129, "accept"), (8, "accept")):
        packet = {**SYN6, "proto": "icmpv6", "icmp_type": kind, "icmp_code": 0}
        assert ask("", packet, form="iptables-save", ip6tables=saved)["verdict"] == verdict


@pytest.mark.parametrize(
    ("made", "element", "packet", "verdict"),
    [
        ("hash:ip,port family inet6", "2001:db8:f::7,icmpv6:echo-request", {"icmp_type": 128}, "drop"),
        ("hash:ip,port family inet6", "2001:db8:f::7,icmpv6:echo-request", {"icmp_type": 129}, "accept"),
        ("hash:ip,port family inet6", "2001:db8:f::7,icmpv6:200/0", {"icmp_type": 200}, "drop"),
        ("hash:ip family inet6 netmask 64", "2001:db8:f::", {"icmp_type": 1}, "drop"),
        ("hash:ip family inet6 netmask 126", "2001:db8:f::", {"icmp_type": 1}, "accept"),
    ],
)
def test_sets_of_ipv6(ask: Ask, made: str, element: str, packet: Any, verdict: str) -> None:
    sets = f"create s {made} hashsize 1024 maxelem 65536\nadd s {element}\n"
    saved = _saved("-A INPUT -m set --match-set s src,src -j DROP")
    asked = {**SYN6, "proto": "icmpv6", "icmp_code": 0, **packet}
    assert ask("", asked, form="iptables-save", ip6tables=saved, ipset=sets)["verdict"] == verdict


@pytest.mark.parametrize(
    ("made", "element", "verdict"),
    [
        ("hash:ip family inet netmask 24", "203.0.113.0", "drop"),
        ("hash:ip family inet netmask 30", "203.0.113.0", "accept"),
    ],
)
def test_a_set_of_addresses_with_a_mask_holds_their_networks(ask: Ask, made: str, element: str, verdict: str) -> None:
    sets = f"create s {made} hashsize 1024 maxelem 65536\nadd s {element}\n"
    saved = _saved("-A INPUT -m set --match-set s src -j DROP")
    assert ask(saved, form="iptables-save", ipset=sets)["verdict"] == verdict


@pytest.mark.parametrize(
    ("kind", "verdict"), [(3, "drop"), (4, "drop"), (5, "drop"), (11, "drop"), (12, "drop"), (8, "reject")]
)
def test_errors_are_not_answered(ask: Ask, kind: int, verdict: str) -> None:
    ruleset = listing(table("ip"), OPEN, one({"reject": {"type": "icmp", "expr": "port-unreachable"}}))
    assert ask(ruleset, {**SYN, "proto": "icmp", "icmp_type": kind, "icmp_code": 0})["verdict"] == verdict


@pytest.mark.parametrize(("kind", "verdict"), [(1, "drop"), (4, "drop"), (127, "drop"), (128, "reject")])
def test_errors_of_ipv6_are_not_answered(ask: Ask, kind: int, verdict: str) -> None:
    refuses = rule("ip6", "in", {"reject": {"type": "icmpv6", "expr": "port-unreachable"}})
    ruleset = listing(table("ip6"), chain("ip6", "in", "input"), refuses)
    assert ask(ruleset, {**SYN6, "proto": "icmpv6", "icmp_type": kind, "icmp_code": 0})["verdict"] == verdict


def test_a_listing_that_is_not_understood_leaves_everything_open(ask: Ask) -> None:
    assert ask(listing(table("ip"), OPEN))["verdict"] == "accept"
    assert ask(listing(table("ip"), OPEN, {"rule": []}))["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("sysctl", "verdict"),
    [
        ({}, "accept"),
        ({"rp_filter": 0}, "accept"),
        ({"rp_filter": 1}, "drop"),
        ({"net.ipv4.conf.eth0.rp_filter": 1}, "drop"),
        ({"net.ipv4.conf.eth1.rp_filter": 1}, "accept"),
        ({"net.ipv4.conf.all.rp_filter": 1, "net.ipv4.conf.eth0.rp_filter": 0}, "drop"),
    ],
)
def test_settings_of_the_host_count(ask: Ask, sysctl: Any, verdict: str) -> None:
    for ruleset_id in (None, "the same"):
        more = {} if ruleset_id is None else {"ruleset_id": ruleset_id}
        ask(listing(table("ip"), OPEN), AWAY, **more)  # of another host, just before
        host = {**HOST, "sysctl": sysctl}
        assert ask(listing(table("ip"), OPEN), AWAY, host=host, **more)["verdict"] == verdict


def test_loopback_addresses_do_not_come_from_the_wire_whatever_was_asked_before(ask: Ask) -> None:
    ruleset = listing(table("ip"), OPEN)
    assert [ask(ruleset, {**SYN, "dst": to})["verdict"] for to in ("192.0.2.10", "127.0.0.1")] == ["accept", "drop"]
    ruleset = listing(table("ip6"), chain("ip6", "in", "input"))
    assert [ask(ruleset, {**SYN6, "dst": to})["verdict"] for to in ("2001:db8:1::10", "::1")] == ["accept", "drop"]


def test_a_table_is_asleep_wherever_its_text_says_so(ask: Ask) -> None:
    ruleset = listing(table("ip"), CLOSED)
    text = 'table ip t {\n\tcomment "one two three"\n\tflags dormant\n'
    text += "\n\tchain in {\n\t\ttype filter hook input priority 0;\n\t}\n}\n"
    assert ask(ruleset, ruleset_text=text)["verdict"] == "accept"
    assert ask(ruleset, ruleset_text=text.replace("\tflags dormant\n", ""))["verdict"] == "drop"


# ---- sets of sources


def sources(ruleset: str, packet: Any = SYN, form: str = "nft-json", **more: Any) -> Any:
    question = {"id": 1, "format": form, "ruleset": ruleset, "host": HOST, "query": "sources", "packet": packet}
    answer = Answers().answer({**question, **more})
    assert "error" not in answer, answer
    return answer["allowed"]


def test_sources_that_fail_a_condition_after_an_effect_go_on() -> None:
    other = match(SADDR, {"prefix": {"addr": "198.51.100.0", "len": 24}})
    ruleset = listing(table("ip"), CLOSED, one(mark(1), match(SADDR, NET), "accept"), one(other, "accept"))
    assert sources(ruleset) == ("198.51.100.0/24", "203.0.113.0/24")


def test_sources_in_another_state_do_not_meet_again_what_they_have_passed() -> None:
    marked = match(meta("mark"), 1)
    ruleset = listing(
        table("ip"), CLOSED, one(marked, "drop"), one(match(SADDR, NET), mark(1)), one(marked, "accept")
    )  # fmt: skip
    assert sources(ruleset) == ("203.0.113.0/24",)


def test_sources_whose_way_back_is_known_are_let_in() -> None:
    saved = "*raw\n:PREROUTING DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -m rpfilter -j ACCEPT\nCOMMIT\n"
    assert sources(saved, form="iptables-save") == ("192.0.2.0-192.0.2.9", "192.0.2.11-192.0.2.255")
