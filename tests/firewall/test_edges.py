"""Edges that no other test holds: mutants showed them (`make firewall-mutants`)."""

from typing import Any

import pytest

from auditor.firewall.protocol import Answers
from tests.firewall.conftest import DPORT, HOST, SYN, Ask, chain, listing, match, payload, rule, table

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
