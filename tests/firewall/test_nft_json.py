"""Rules of nftables mean what the kernel makes of them; each claim was seen with real packets."""

from typing import Any

import pytest

from tests.firewall.conftest import DPORT, SYN, SYN6, Ask, chain, listing, match, meta, payload, rule, table

INPUT = (table("inet"), chain("inet", "in", "input"))
CLOSED = (table("inet"), chain("inet", "in", "input", policy="drop"))
LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}
CT_STATE = {"ct": {"key": "state"}}
ESTABLISHED = {**SYN, "tcp_flags": ["ack"], "ct_state": "established", "ct_direction": "original"}


def inet(*statements: Any) -> Any:
    return rule("inet", "in", *statements)


def in_set(*members: Any) -> Any:
    return {"set": list(members)}


RULES = [
    pytest.param((*INPUT,), SYN, "accept", id="an-empty-chain-ends-in-its-policy"),
    pytest.param((*CLOSED,), SYN, "drop", id="a-policy-of-drop-drops"),
    pytest.param((*INPUT, inet(match(DPORT, 5900), "drop")), SYN, "drop", id="a-port-is-matched"),
    pytest.param((*INPUT, inet(match(DPORT, {"range": [5800, 5906]}), "drop")), SYN, "drop", id="a-range-is-matched"),
    pytest.param((*INPUT, inet(match(DPORT, in_set(22, 80)), "drop")), SYN, "accept", id="a-set-without-the-port"),
    pytest.param((*CLOSED, inet(match(DPORT, 5900, ">"), "accept")), SYN, "drop", id="greater-is-not-equal"),
    pytest.param(
        (*INPUT, inet(match(payload("ip6", "saddr"), "::1", "!="), "drop")), SYN, "accept",
        id="an-absent-header-matches-nothing-not-even-negated",
    ),
    pytest.param(
        (*INPUT, inet(match(payload("udp", "dport"), 1, "!="), "drop")), SYN, "accept",
        id="another-protocol-matches-nothing-not-even-negated",
    ),
    pytest.param((*INPUT, inet(match(meta("oifname"), "eth0", "!="), "drop")), SYN, "drop", id="no-device-is-no-name"),
    pytest.param((*INPUT, inet(match(meta("iifname"), "eth*"), "drop")), SYN, "drop", id="a-name-may-end-in-anything"),
    pytest.param(
        (*INPUT, inet(match(CT_STATE, ["established", "related"], "in"), "drop")), ESTABLISHED, "drop",
        id="any-of-the-states",
    ),
    pytest.param(
        (*INPUT, inet(match(CT_STATE, ["established", "related"], "!="), "drop")), ESTABLISHED, "drop",
        id="not-equal-compares-the-whole-word",
    ),
    pytest.param(
        (*INPUT, inet(match(CT_STATE, in_set("established", "related"), "!="), "drop")), ESTABLISHED, "accept",
        id="not-in-a-set-is-none-of-them",
    ),
    pytest.param(
        (*INPUT, inet(match(payload("tcp", "flags"), ["fin", "rst"], "!"), "drop")), SYN, "drop",
        id="none-of-the-flags",
    ),
    pytest.param(
        (table("inet"), chain("inet", "in", "prerouting", prio=-300), inet(match(CT_STATE, "new", "in"), "drop")),
        SYN, "accept", id="before-tracking-every-packet-is-invalid",
    ),
    pytest.param(
        (*INPUT, chain("inet", "late", "input", prio=10, policy="drop"), inet("accept")), SYN, "drop",
        id="an-accept-ends-its-base-chain-only",
    ),
    pytest.param((*INPUT, inet({"reject": {"type": "icmpv6", "expr": "no-route"}})), SYN, "accept",
                 id="an-answer-in-icmpv6-is-for-ipv6"),
    pytest.param((*INPUT, inet({"reject": {"type": "icmpv6", "expr": "no-route"}})), SYN6, "reject",
                 id="and-rejects-ipv6"),
    pytest.param((*INPUT, inet({"reject": {"type": "tcp reset"}})), SYN, "unknown",
                 id="a-reset-may-be-of-one-family-only-which-nft-does-not-list"),
    pytest.param((table("ip"), chain("ip", "in", "input", policy="drop")), SYN6, "accept",
                 id="a-table-of-ipv4-says-nothing-of-ipv6"),
    pytest.param((*INPUT, inet(LIMIT, "drop")), SYN, "unknown", id="a-limit-may-hold-or-not"),
    pytest.param((*CLOSED, inet(LIMIT, "drop")), SYN, "drop", id="a-limit-changes-nothing-where-both-ways-end-alike"),
    pytest.param((*CLOSED, inet({"no such statement": {}})), SYN, "unknown", id="what-is-not-known-may-accept"),
    pytest.param(
        (*CLOSED, chain("inet", "a"), inet({"goto": {"target": "a"}}), inet("accept")), SYN, "drop",
        id="the-end-of-a-goto-is-the-end-of-the-caller",
    ),
    pytest.param(
        (*CLOSED, chain("inet", "a"), inet({"jump": {"target": "a"}}), inet("accept")), SYN, "accept",
        id="the-end-of-a-jump-comes-back",
    ),
    pytest.param((*CLOSED, inet("return"), inet("accept")), SYN, "drop", id="a-return-in-a-base-chain-is-its-policy"),
    pytest.param(
        (*CLOSED, inet({"vmap": {"key": DPORT, "data": in_set([5900, {"continue": None}])}}), inet("accept")), SYN,
        "accept", id="continue-in-a-map-goes-on",
    ),
    pytest.param(
        (*CLOSED, inet({"vmap": {"key": DPORT, "data": in_set([22, {"drop": None}])}}), inet("accept")), SYN,
        "accept", id="a-miss-in-a-map-goes-on",
    ),
    pytest.param(
        (table("ip"), chain("ip", "pre", "prerouting", prio=-150), chain("ip", "in", "input"),
         rule("ip", "pre", {"mangle": {"key": payload("ip", "daddr"), "value": "192.0.2.99"}}),
         rule("ip", "in", match(payload("ip", "daddr"), "192.0.2.10"), "drop")),
        SYN, "unknown", id="a-rewritten-address-is-not-known",
    ),
    pytest.param(
        (table("ip"), chain("ip", "pre", "prerouting", prio=-150), chain("ip", "in", "input", policy="drop"),
         rule("ip", "pre", {"mangle": {"key": meta("mark"), "value": 7}}),
         rule("ip", "in", match(meta("mark"), 7), "accept")),
        SYN, "accept", id="a-mark-is-carried-on",
    ),
    pytest.param(
        (table("ip"), chain("ip", "pre", "prerouting", prio=-100, type="nat"), chain("ip", "in", "input"),
         rule("ip", "pre", match(DPORT, 5900), {"redirect": {"port": 80}}),
         rule("ip", "in", match(DPORT, 80), "drop")),
        SYN, "drop", id="a-redirected-port-is-the-new-one-to-input",
    ),
    pytest.param(
        (table("ip"), chain("ip", "pre", "prerouting", prio=-100, type="nat"), chain("ip", "in", "input"),
         rule("ip", "pre", "drop")),
        ESTABLISHED, "accept", id="chains-of-nat-see-first-packets-only",
    ),
    pytest.param((table("inet", flags=["dormant"]), chain("inet", "in", "input", policy="drop")), SYN, "accept",
                 id="a-dormant-table-does-nothing"),
    pytest.param((table("inet", flags="t"), chain("inet", "in", "input", policy="drop")), SYN, "unknown",
                 id="a-garbled-flag-may-be-dormant"),
    pytest.param((table("netdev"), chain("netdev", "in", "ingress", policy="drop", dev="eth0")), SYN, "drop",
                 id="ingress-drops"),
    pytest.param((table("netdev"), chain("netdev", "in", "ingress", policy="drop", dev="eth1")), SYN, "accept",
                 id="ingress-of-another-device-does-not"),
]  # fmt: skip


@pytest.mark.parametrize(("objects", "packet", "verdict"), RULES)
def test_a_packet_meets_the_verdict_of_the_kernel(ask: Ask, objects: Any, packet: Any, verdict: str) -> None:
    assert ask(listing(*objects), packet)["verdict"] == verdict


def test_the_text_says_which_table_sleeps(ask: Ask) -> None:
    ruleset = listing(table("inet", flags="t"), chain("inet", "in", "input", policy="drop"))
    text = (
        "table inet t {\n\tflags dormant\n\n\tchain in {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n"
    )
    assert ask(ruleset, ruleset_text=text)["verdict"] == "accept"
    assert ask(ruleset, ruleset_text=text.replace("\tflags dormant\n\n", ""))["verdict"] == "drop"


def test_a_jump_bomb_is_walked_in_time(ask: Ask) -> None:
    objects: list[Any] = [table("inet"), *(chain("inet", f"c{level}") for level in range(13))]
    objects += [rule("inet", f"c{level}", {"jump": {"target": f"c{level + 1}"}}) for level in range(12) for _ in "abc"]
    objects += [chain("inet", "in", "input", policy="drop"), rule("inet", "in", {"jump": {"target": "c0"}})]
    assert ask(listing(*objects))["verdict"] == "drop"


def test_the_deciding_rule_is_told(ask: Ask) -> None:
    answer = ask(listing(*INPUT, inet(match(DPORT, 5900), "drop")))
    assert answer == {"id": 1, "verdict": "drop", "rule": "inet t in: tcp dport 5900 drop"}


def test_the_rule_that_could_not_be_read_is_told(ask: Ask) -> None:
    assert "limit rate 5/minute" in ask(listing(*INPUT, inet(LIMIT, "drop")))["rule"]


@pytest.mark.parametrize(
    "ruleset",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="no-object"),
        pytest.param('{"nftables": 3}', id="no-list"),
        pytest.param('{"nftables": [{"chain": {"family": "ip"', id="cut"),
        pytest.param('{"nftables": [{"chain": {"family": "ip", "table": "t"}}]}', id="a-chain-without-a-name"),
    ],
)
def test_a_listing_that_is_not_whole_is_an_error_not_an_empty_ruleset(ask: Ask, ruleset: str) -> None:
    assert set(ask(ruleset)) == {"id", "error"}


@pytest.mark.parametrize("text", ["[]", "5", '{"nftables": {}}', '{"nftables": null}', "{}"])
def test_what_is_no_listing_is_an_error(ask: Ask, text: str) -> None:
    assert "error" in ask(text)


def test_an_entry_that_is_no_object_leaves_everything_open(ask: Ask) -> None:
    objects = (table("ip"), chain("ip", "in", "input"))
    entries: tuple[Any, ...] = (5, {}, {"one": {}, "two": {}})
    for entry in entries:
        assert ask(listing(*objects, entry))["verdict"] == "unknown"


def test_an_object_of_no_family_is_passed_over(ask: Ask) -> None:
    assert (
        ask(listing({"new": {"name": "x"}}, table("ip"), chain("ip", "in", "input", policy="drop")))["verdict"]
        == "drop"
    )


def test_a_text_may_name_chains_that_the_listing_has_not(ask: Ask) -> None:
    base = 'type filter hook ingress device "eth1" priority filter; policy drop;'
    text = "".join(
        f"table netdev {name} {{\n\tchain {inner} {{\n\t\t{base}\n\t}}\n}}\n"
        for name, inner in (("t", "gone"), ("u", "in"))
    )
    ruleset = listing(table("netdev"), chain("netdev", "in", "ingress", policy="drop", dev="eth0"))
    assert ask(ruleset, ruleset_text=text)["verdict"] == "drop"


CHATTY = """table inet t {
	flags owner
	comment "once
	flags dormant,
	it is awake"

	set s {
		type ipv4_addr
		flags dynamic
	}

	chain dormant {
	}

	chain in {
		type filter hook input priority filter; policy drop;
		tcp dport 1 jump dormant
		tcp dport 1 accept comment "dormant
	flags dormant"
	}
}
table inet u {
	flags dormant
	comment "one
	more"
}
"""


def test_a_comment_of_several_lines_puts_no_table_to_sleep(ask: Ask) -> None:
    """Nft 1.0.6 takes such comments, and prints them as they are."""
    tables = (table("inet", comment="once\n\tflags dormant,\n\tit is awake"), table("inet", "u", flags="t"))
    ruleset = listing(*tables, chain("inet", "in", "input", policy="drop"))
    assert ask(ruleset, ruleset_text=CHATTY)["verdict"] == "drop"
    late = chain("inet", "late", "input", policy="drop", table="u")
    assert ask(listing(*tables, late), ruleset_text=CHATTY)["verdict"] == "accept"


def test_rules_name_no_devices_of_their_chain(ask: Ask) -> None:
    ruleset = listing(table("netdev"), chain("netdev", "in", "ingress", policy="drop"))
    text = """table netdev t {
	set in {
		type ipv4_addr
		comment "this
		type filter hook ingress device eth1 priority"
	}

	chain device {
	}

	chain in {
		type filter hook ingress device "eth0" priority filter; policy drop;
		tcp dport 22 jump device
		tcp dport 23 accept comment "
		type filter hook ingress device eth1 priority filter"
		accept comment "is the device of hook"
	}
}
"""
    rules = (
        rule("netdev", "in", match(DPORT, 22), {"jump": {"target": "device"}}),
        rule("netdev", "in", match(DPORT, 23), "accept"),
        rule("netdev", "in", match(DPORT, 24), "accept"),
    )
    objects = (table("netdev"), chain("netdev", "device"), chain("netdev", "in", "ingress", policy="drop"), *rules)
    assert ask(listing(*objects), ruleset_text=text)["verdict"] == "drop"
    assert ask(ruleset, {**SYN, "iface": "eth1"}, ruleset_text=text)["verdict"] == "accept"


def test_of_a_set_that_is_not_listed_there_may_be_more(ask: Ask) -> None:
    element = {"element": {"family": "inet", "table": "t", "name": "ports", "elem": [22]}}
    objects = (*INPUT, element, inet(match(DPORT, "@ports"), "drop"))
    for port, verdict in ((22, "drop"), (5900, "unknown")):
        assert ask(listing(*objects), {**SYN, "dport": port})["verdict"] == verdict
    ports = {"set": {"family": "inet", "table": "t", "name": "ports", "type": "inet_service", "elem": [80]}}
    for port, verdict in ((22, "drop"), (80, "drop"), (5900, "accept")):
        assert ask(listing(ports, *objects), {**SYN, "dport": port})["verdict"] == verdict
