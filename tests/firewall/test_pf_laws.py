"""Laws of pf: rules asked one after the other as its manual says, and what must hold of every dialect."""

import ipaddress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.firewall.protocol import Answers
from tests.firewall import abstract
from tests.firewall.abstract import NETWORKS, PORTS, nft_json
from tests.firewall.macos_case import question

pytestmark = pytest.mark.slow

_TRIES = settings(max_examples=max(1, settings().max_examples // 2))
CLOSED = {"drop", "reject"}
_SOURCES = ("203.0.113.7", "203.0.113.200", "198.51.100.9", "10.20.0.77", "192.0.2.77")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of pf, or a call of an anchor with conditions."""

    deed: str
    """``pass``, ``block drop``, ``block return``, or the name of an anchor."""
    is_quick: bool = False
    source: str = "0.0.0.0/0"
    protocol: str = ""
    ports: tuple[int, int] | None = None
    interface: str = ""
    is_unread: bool = False

    @property
    def is_call(self) -> bool:
        return self.deed in ("A", "B")

    def text(self) -> str:
        """Write it as pfctl does."""
        head = f'anchor "/{self.deed}" in' if self.is_call else f"{self.deed} in"
        proto = f" proto {self.protocol}" if self.protocol else ""
        ports = f" port {self.ports[0]}:{self.ports[1]}" if self.ports else ""
        return (
            f"{head}{' quick' if self.is_quick else ''}{f' on {self.interface}' if self.interface else ''} inet{proto}"
            f" from {self.source} to any{ports}{' probability 50%' if self.is_unread else ''}"
        )

    def matches(self, packet: dict[str, Any]) -> bool:
        """Tell whether a packet meets all conditions."""
        return (
            ipaddress.ip_address(packet["src"]) in ipaddress.ip_network(self.source)
            and self.protocol in ("", packet["proto"])
            and (self.ports is None or self.ports[0] <= packet["dport"] <= self.ports[1])
            and self.interface in ("", packet["iface"])
        )


Rules = tuple[Rule, ...]
Anchors = dict[str, Rules]


def step(rules: Rules, anchors: Anchors, packet: dict[str, Any], last: str) -> tuple[str, bool, bool]:
    """Ask rules as pf does: what was decided last, whether that is final, and whether any of these matched."""
    has_matched = False
    for rule in rules:
        if not rule.matches(packet):
            continue
        if rule.is_call:
            last, is_final, inner = step(anchors[rule.deed], anchors, packet, last)
            has_matched |= inner
            if is_final or (rule.is_quick and inner):
                return last, True, True
        else:
            last, has_matched = rule.deed, True
            if rule.is_quick:
                return last, True, True
    return last, False, has_matched


def by_the_manual(rules: Rules, anchors: Anchors, packet: dict[str, Any]) -> str:
    last = step(rules, anchors, packet, "pass")[0]
    return {"pass": "accept", "block drop": "drop", "block return": "reject"}[last]


def _case(rules: Rules, anchors: Anchors, packet: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "law",
        "rules": [rule.text() for rule in rules],
        "anchors": {name: [rule.text() for rule in inner] for name, inner in anchors.items()},
        "packet": packet,
        **more,
    }


def ask(rules: Rules, anchors: Anchors, packet: dict[str, Any], **more: Any) -> str:
    answer = Answers().answer(question(_case(rules, anchors, packet, **more)))
    assert "error" not in answer, answer
    return str(answer["verdict"])


def a_rule(deeds: tuple[str, ...] = (), *, may_be_unread: bool = False) -> st.SearchStrategy[Rule]:
    def made(deed: str, protocol: str, ports: tuple[int, int] | None, **more: Any) -> Rule:
        return Rule(deed=deed, protocol=protocol or ("tcp" if ports else ""), ports=ports, **more)

    return st.builds(
        made,
        deed=st.sampled_from(("pass", "pass", "block drop", "block return", *deeds)),
        protocol=st.sampled_from(("", "tcp", "udp")),
        ports=st.sampled_from((None, None, *((low, high) for low in PORTS for high in PORTS if low <= high))),
        is_quick=st.booleans(),
        source=st.sampled_from(NETWORKS),
        interface=st.sampled_from(("", "", "en0", "en1")),
        is_unread=st.sampled_from((False, False, True)) if may_be_unread else st.just(False),
    )


def a_list(*deeds: str, may_be_unread: bool = False) -> st.SearchStrategy[Rules]:
    return st.lists(a_rule(deeds, may_be_unread=may_be_unread), max_size=6).map(tuple)


RULES, ANCHORS = a_list("A", "B"), st.fixed_dictionaries({"A": a_list("B"), "B": a_list()})
UNSURE = a_list("A", "B", may_be_unread=True)
PACKETS = st.fixed_dictionaries(
    {
        "src": st.sampled_from(_SOURCES),
        "proto": st.sampled_from(("tcp", "udp")),
        "dport": st.sampled_from(PORTS),
        "iface": st.just("en0"),
    }
)
PACKET = dict[str, Any]


@given(rules=RULES, anchors=ANCHORS, packet=PACKETS)
def test_what_is_answered_is_what_asking_one_after_the_other_gives(
    rules: Rules, anchors: Anchors, packet: PACKET
) -> None:
    assert ask(rules, anchors, packet) == by_the_manual(rules, anchors, packet)


@_TRIES
@given(rules=UNSURE, anchors=ANCHORS, place=st.integers(0, 6), added=a_rule(), packet=PACKETS)
def test_adding_a_pass_never_closes_and_a_block_never_opens(
    rules: Rules, anchors: Anchors, place: int, added: Rule, packet: PACKET
) -> None:
    before = ask(rules, anchors, packet)
    opened, closed = (
        ask((*rules[:place], replace(added, deed=deed), *rules[place:]), anchors, packet)
        for deed in ("pass", "block drop")
    )
    assert before != "accept" or opened == "accept"
    assert before not in CLOSED or closed in CLOSED


@_TRIES
@given(rules=UNSURE, anchors=ANCHORS, packet=PACKETS)
def test_default_deny_opens_nothing(rules: Rules, anchors: Anchors, packet: PACKET) -> None:
    denied, allowed = ask((Rule(deed="block drop"), *rules), anchors, packet), ask(rules, anchors, packet)
    assert denied in CLOSED or denied == allowed or (denied, allowed) == ("unknown", "accept")
    assert ask((Rule(deed="block drop", is_quick=True), *rules), anchors, packet) == "drop"


@_TRIES
@given(rules=RULES, anchors=ANCHORS, packet=PACKETS, at=st.integers(0, 5))
def test_splitting_a_rule_by_source_changes_nothing(rules: Rules, anchors: Anchors, packet: PACKET, at: int) -> None:
    if at >= len(rules) or rules[at].source.endswith("/32"):
        return
    halves = ipaddress.IPv4Network(rules[at].source).subnets()
    split = tuple(replace(rules[at], source=str(half)) for half in halves)
    assert ask((*rules[:at], *split, *rules[at + 1 :]), anchors, packet) == ask(rules, anchors, packet)


@_TRIES
@given(rules=UNSURE, anchors=ANCHORS, packet=PACKETS)
def test_a_call_of_an_anchor_is_its_rules_written_out(rules: Rules, anchors: Anchors, packet: PACKET) -> None:
    plain = ask(rules, anchors, packet)
    texts = [rule.text() for rule in rules]
    moved = {**_case((), anchors, packet), "rules": ['anchor "C" all']}
    moved["anchors"] = {**moved["anchors"], "C": texts}
    assert str(Answers().answer(question(moved))["verdict"]) == plain
    braced = {**_case((), anchors, packet), "rules": ["anchor all {", *(f"  {text}" for text in texts), "}"]}
    assert str(Answers().answer(question(braced))["verdict"]) == plain


@_TRIES
@given(rules=UNSURE, anchors=ANCHORS, place=st.integers(0, 6), added=a_rule(), packet=PACKETS)
def test_a_rule_that_is_not_read_never_closes(
    rules: Rules, anchors: Anchors, place: int, added: Rule, packet: PACKET
) -> None:
    unread, certain = (
        ask((*rules[:place], replace(added, is_unread=is_unread), *rules[place:]), anchors, packet)
        for is_unread in (True, False)
    )
    without = ask(rules, anchors, packet)
    assert unread == "unknown" or unread == without == certain
    if "accept" in (without, certain):
        assert unread not in CLOSED


@_TRIES
@given(rules=UNSURE, anchors=ANCHORS, packet=PACKETS, data=st.data())
def test_what_is_known_holds_however_the_unread_conditions_turn_out(
    rules: Rules, anchors: Anchors, packet: PACKET, data: st.DataObject
) -> None:
    said = ask(rules, anchors, packet)
    turned = tuple(
        replace(rule, is_unread=False)
        for rule in rules
        if not rule.is_unread or data.draw(st.booleans(), label="holds")
    )
    if said != "unknown":
        assert by_the_manual(turned, anchors, packet) == said


@_TRIES
@given(rules=UNSURE, anchors=ANCHORS, packet=PACKETS)
def test_the_set_of_sources_agrees_with_each_source(rules: Rules, anchors: Anchors, packet: PACKET) -> None:
    asked = {key: value for key, value in packet.items() if key != "src"}
    answer = Answers().answer(question({**_case(rules, anchors, packet), "packet": None, "sources": asked}))
    for source in _SOURCES:
        verdict = ask(rules, anchors, {**packet, "src": source})
        place = next((name for name in ("allowed", "unknown") if _holds(answer[name], source)), "closed")
        assert place == {"accept": "allowed", "unknown": "unknown"}.get(verdict, "closed"), (source, verdict)


def _holds(texts: list[str], address: str) -> bool:
    wanted = ipaddress.IPv4Address(address)
    for text in texts:
        low, dash, high = text.partition("-")
        if dash and ipaddress.IPv4Address(low) <= wanted <= ipaddress.IPv4Address(high):
            return True
        if not dash and wanted in ipaddress.IPv4Network(text):
            return True
    return False


_DEEDS = {"pass": "accept", "block drop": "drop", "block return": "reject"}


@_TRIES
@given(rules=a_list(), packet=PACKETS)
def test_rules_that_are_all_quick_are_those_of_nftables(rules: Rules, packet: PACKET) -> None:
    quick = tuple(replace(rule, is_quick=True, interface="") for rule in rules)
    written = tuple(
        abstract.Rule(deed=_DEEDS[rule.deed], source=rule.source, protocol=rule.protocol, ports=rule.ports)
        for rule in quick
    )
    other = nft_json(abstract.Filter(policy="accept", chains={"INPUT": written}))
    whole = {**packet, "iface": "eth0", "direction": "in", "family": "ip", "dst": "192.0.2.10", "sport": 50_000}
    flags = {"tcp_flags": "syn"} if packet["proto"] == "tcp" else {}
    told = Answers().answer({"id": 1, **other, "host": abstract.HOST, "packet": {**whole, **flags, "ttl": 64}})
    assert ask(quick, {}, packet) == told["verdict"]


_WORDS = ["sometimes", "probability 5%", "tagged X", 'os "Linux"', "max-pkt-rate 5/1", "once", "rdomain 3"]


@_TRIES
@given(rules=RULES, anchors=ANCHORS, packet=PACKETS, word=st.sampled_from(_WORDS), at=st.integers(0, 5))
def test_a_word_that_is_not_known_never_makes_a_rule_certain(
    rules: Rules, anchors: Anchors, packet: PACKET, word: str, at: int
) -> None:
    case = _case(rules, anchors, packet)
    if at >= len(rules):
        return
    case["rules"][at] = f"{case['rules'][at]} {word}"
    without = ask((*rules[:at], *rules[at + 1 :]), anchors, packet)
    known = ask(rules, anchors, packet)
    said = str(Answers().answer(question(case))["verdict"])
    assert said == "unknown" or said == without == known
