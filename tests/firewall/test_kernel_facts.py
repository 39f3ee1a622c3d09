"""What the kernel does where one would guess otherwise: each was seen with real packets."""

import ipaddress
from typing import Any

import pytest

from auditor.firewall.protocol import Answers
from tests.firewall.conftest import DPORT, HOST, SYN, SYN6, Ask, chain, listing, match, meta, payload, rule, table

ROUTER = {
    **HOST,
    "ip_forward": True,
    "addresses": {**HOST["addresses"], "docker0": ["172.17.0.1/16", "fd00:17::1/64"]},  # type: ignore[dict-item]
}
THROUGH = {**SYN, "dst": "172.17.0.2"}
THROUGH6 = {**SYN6, "dst": "fd00:17::2"}
OUT = {**SYN, "direction": "out", "src": "192.0.2.10", "dst": "9.9.9.9"}
STATE = match({"ct": {"key": "state"}}, "new", "in")
NAT = (
    table("inet"),
    chain("inet", "nat", "prerouting", -100, type="nat"),
    rule("inet", "nat", DPORT_IS := match(DPORT, 5900), "drop"),
)
USERS = (table("ip", "u"), chain("ip", "in", "input", table="u"))


REDIRECTED = (
    table("ip"),
    chain("ip", "nat", "output", -100, type="nat"),
    rule("ip", "nat", match(DPORT, 5900), {"redirect": {"port": 5901}}),
)
CT_MARK = {"mangle": {"key": {"ct": {"key": "mark"}}, "value": 1}}
REDIRECT6 = rule("inet", "nat", match(DPORT, 22), {"redirect": {"port": 2222}})
NOT_TO_LO = match(meta("oifname"), "lo")


def user(*statements: Any) -> Any:
    return rule("ip", "in", *statements, table_name="u")


@pytest.mark.parametrize(
    ("objects", "packet", "verdict"),
    [
        # Nobody asks a chain of type nat where connections are not tracked, and a user of tracking may not be listed.
        pytest.param(NAT, SYN, "unknown", id="nat-chain-without-tracking"),
        pytest.param((*NAT, *USERS, user(STATE, "accept")), SYN, "drop", id="a-state-switches-tracking-on"),
        pytest.param((*NAT, *USERS, user(STATE, "accept")), SYN6, "unknown", id="of-its-family-only"),
        pytest.param((*NAT, *USERS, user(DPORT_IS, "accept")), SYN, "unknown", id="a-port-does-not-switch-it-on"),
        pytest.param((*NAT, *USERS, user(CT_MARK)), SYN, "drop", id="a-mark-of-a-connection-does"),
        pytest.param((*NAT, REDIRECT6), SYN6, "drop", id="a-redirect-does-for-both"),
        pytest.param(
            (*NAT, rule("inet", "nat", match(meta("nfproto"), "ipv6"), {"dnat": {"family": "ip6", "addr": "fd00::1"}})),
            SYN,
            "unknown",
            id="a-translation-of-ipv6-does-not-for-ipv4",
        ),
        pytest.param(
            (*REDIRECTED, chain("ip", "out", "output", 0), rule("ip", "out", NOT_TO_LO, "drop")),
            OUT,
            "accept",
            id="a-hook-keeps-the-interface-it-began-with",
        ),
        pytest.param(
            (*REDIRECTED, chain("ip", "post", "postrouting", 0), rule("ip", "post", NOT_TO_LO, "drop")),
            OUT,
            "drop",
            id="the-next-hook-has-the-new-interface",
        ),
    ],
)  # fmt: skip
def test_translation(ask: Ask, objects: Any, packet: Any, verdict: str) -> None:
    assert ask(listing(*objects), packet)["verdict"] == verdict


def _forward(*statements: Any) -> str:
    return listing(table("inet"), chain("inet", "fwd", "forward", policy="drop"), rule("inet", "fwd", *statements))


TTL = payload("ip", "ttl")


@pytest.mark.parametrize(
    ("ruleset", "packet", "verdict"),
    [
        pytest.param(_forward(match(TTL, 64), "accept"), THROUGH, "drop", id="time-to-live-is-less-by-then"),
        pytest.param(_forward(match(TTL, 63), "accept"), THROUGH, "accept", id="by-one"),
        pytest.param(_forward("accept"), {**THROUGH, "ttl": 1}, "drop", id="and-over-at-one"),
        pytest.param(_forward("accept"), {**THROUGH, "ttl": 2}, "accept", id="but-not-at-two"),
        pytest.param(_forward("accept"), THROUGH6, "accept", id="ipv6-is-forwarded"),
        pytest.param(_forward("accept"), {**THROUGH6, "src": "fe80::5"}, "reject", id="link-local-is-not-and-told-so"),
        pytest.param(
            _forward("accept"),
            {**THROUGH6, "src": "fe80::5", "iface": "docker0"},
            "accept",
            id="but-back-to-its-own-link",
        ),
        pytest.param(_forward("accept"), {**THROUGH6, "src": "fec0::5"}, "accept", id="what-follows-it-is"),
    ],
)
def test_forwarding(ask: Ask, ruleset: str, packet: Any, verdict: str) -> None:
    assert ask(ruleset, packet, host=ROUTER)["verdict"] == verdict


@pytest.mark.parametrize(
    ("forwards", "packet", "verdict"),
    [
        pytest.param(True, SYN6, "unknown", id="a-router-may-send-it-back-by-its-default-route"),
        pytest.param(False, SYN6, "drop", id="another-host-does-not"),
        pytest.param(True, {**SYN6, "dst": "::1"}, "drop", id="nor-is-one-that-came-so"),
        pytest.param(True, {**SYN6, "iface": "lo"}, "drop", id="from-loopback-it-is-the-host's"),
    ],
)
def test_from_the_wire_the_loopback_address_of_ipv6_is_no_address_of_the_host(
    ask: Ask, forwards: bool, packet: Any, verdict: str
) -> None:
    objects = (
        table("ip6"),
        chain("ip6", "nat", "prerouting", -100, type="nat"),
        rule("ip6", "nat", match(DPORT, 5900), {"dnat": {"addr": "::1"}}),
        chain("ip6", "in", "input", policy="drop"),
    )
    host = {**HOST, "ip_forward": forwards}
    assert ask(listing(*objects), packet, host=host)["verdict"] == verdict
    answer = ask(listing(*objects), packet, host=host, query="sources")
    assert (answer["allowed"], bool(answer["unknown"])) == ((), verdict == "unknown")


OF_LOOPBACK = "loopback"
LO = {**SYN, "iface": "lo", "src": "192.0.2.10"}
BYTES = payload("ip", "frag-off")
HOP_BY_HOP = {"exthdr": {"name": "hbh"}}


@pytest.mark.parametrize(
    ("hook", "condition", "packet", "verdict"),
    [
        pytest.param("input", match(meta("iiftype"), OF_LOOPBACK), LO, "drop", id="lo-is-of-type-loopback"),
        pytest.param("input", match(meta("iiftype"), OF_LOOPBACK), SYN, "accept", id="eth0-is-not"),
        pytest.param("input", match(meta("iiftype"), OF_LOOPBACK, "!="), SYN, "drop", id="eth0-is-of-another"),
        pytest.param("output", match(meta("iiftype"), OF_LOOPBACK, "!="), OUT, "accept", id="no-interface-has-no-type"),
        pytest.param("output", match(meta("oiftype"), OF_LOOPBACK, "!="), OUT, "drop", id="it-leaves-by-another"),
        pytest.param("input", match(meta("iiftype"), "ether"), SYN, "unknown", id="of-which-is-not-known"),
        pytest.param("input", match({"&": [BYTES, 0x3FFF]}, 0, "!="), SYN, "accept", id="it-is-no-fragment"),
        pytest.param("input", match({"&": [BYTES, 0x1FFF]}, 0), SYN, "drop", id="its-offset-is-0"),
        pytest.param("input", match({"&": [BYTES, 0x4000]}, 0), SYN, "unknown", id="it-may-be-fragmented-or-not"),
        pytest.param("input", match(BYTES, 0), SYN, "unknown", id="which-is-one-of-these-bits"),
        pytest.param("input", match(HOP_BY_HOP, True), SYN6, "accept", id="it-has-no-extension-header"),
        pytest.param("input", match(HOP_BY_HOP, False), SYN6, "drop", id="whose-lack-is-seen"),
        pytest.param("input", match(HOP_BY_HOP, False), SYN, "accept", id="in-ipv6-only"),
    ],
)  # fmt: skip
def test_what_a_packet_is_besides_its_addresses(ask: Ask, hook: str, condition: Any, packet: Any, verdict: str) -> None:
    objects = (table("inet"), chain("inet", "c", hook), rule("inet", "c", condition, "drop"))
    assert ask(listing(*objects), packet)["verdict"] == verdict


@pytest.mark.parametrize(
    ("device", "verdict"), [("docker0", "drop"), ("eth0", "accept"), (["eth1", "docker0"], "drop")]
)
def test_what_is_forwarded_meets_the_egress_chain_of_where_it_leaves(ask: Ask, device: Any, verdict: str) -> None:
    objects = (table("netdev"), chain("netdev", "out", "egress", policy="drop", dev=device))
    assert ask(listing(*objects), THROUGH, host=ROUTER)["verdict"] == verdict
    answer = ask(listing(*objects), THROUGH, host=ROUTER, query="sources")
    assert bool(answer["allowed"]) == (verdict == "accept")


def test_link_local_sources_are_not_among_those_that_are_forwarded() -> None:
    question = {"id": 1, "format": "nft-json", "ruleset": _forward("accept"), "host": ROUTER, "query": "sources"}
    answer = Answers().answer({**question, "packet": THROUGH6})
    ends = [one.partition("-") for one in answer["allowed"]]
    assert any(low.startswith("fec0:") or high == "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff" for low, _, high in ends), (
        ends
    )
    assert not any(low.startswith("fe8") for low, _, _ in ends)


def test_link_local_sources_may_go_back_to_their_own_link() -> None:
    question = {"id": 1, "format": "nft-json", "ruleset": _forward("accept"), "host": ROUTER, "query": "sources"}
    answer = Answers().answer({**question, "packet": {**THROUGH6, "iface": "docker0"}})
    ends = [one.partition("-") for one in answer["allowed"]]
    link = int(ipaddress.ip_address("fe80::5"))
    assert any(
        int(ipaddress.ip_address(low)) <= link <= int(ipaddress.ip_address(high)) for low, dash, high in ends if dash
    )


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ('device "eth0"', "drop"),
        ('device "eth1"', "accept"),
        ("devices = { eth0, eth1 }", "drop"),
        ("devices = { eth1, wg0 }", "accept"),
    ],
)
def test_the_text_says_which_devices_a_chain_is_bound_to(ask: Ask, line: str, verdict: str) -> None:
    ruleset = listing(table("netdev"), chain("netdev", "in", "ingress", policy="drop"))
    base = f"type filter hook ingress {line} priority filter; policy drop;"
    text = f"table netdev t {{\n\tchain in {{\n\t\t{base}\n\t}}\n}}\n"
    assert ask(ruleset)["verdict"] == "unknown"
    assert ask(ruleset, ruleset_text=text)["verdict"] == verdict
