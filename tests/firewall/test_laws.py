"""Laws of the evaluator: what must hold of every ruleset and every packet."""

import ipaddress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.firewall.decide import decide
from auditor.firewall.protocol import Answers, read_host, read_packet, read_ruleset
from auditor.firewall.way import Program
from auditor.model.ruleset import Verb
from tests.firewall.abstract import HOST, Filter, Rule, edges, filters, iptables_save, nft_json, packets, rules

CLOSED = {"drop", "reject"}
DIALECTS = pytest.mark.parametrize("written", [nft_json, iptables_save], ids=["nft", "iptables"])
Written = Any
Packet = dict[str, Any]


def ask(given_filter: Filter, packet: Packet, written: Written, **more: Any) -> dict[str, Any]:
    question = {"id": 1, **written(given_filter), "host": HOST, "packet": packet, **more}
    answer = Answers().answer(question)
    assert "error" not in answer, answer
    return answer


def verdict(given_filter: Filter, packet: Packet, written: Written) -> str:
    return str(ask(given_filter, packet, written)["verdict"])


def inserted(given_filter: Filter, chain: str, place: int, *more: Rule) -> Filter:
    there = given_filter.chains[chain]
    return given_filter.with_rules(chain, (*there[:place], *more, *there[place:]))


@DIALECTS
@given(before=filters(), place=st.integers(0, 6), added=rules(), packet=packets())
def test_adding_an_accept_never_closes(
    written: Written, before: Filter, place: int, added: Rule, packet: Packet
) -> None:
    after = inserted(before, "INPUT", place, replace(added, deed="accept"))
    if verdict(before, packet, written) == "accept":
        assert verdict(after, packet, written) == "accept"


@DIALECTS
@given(before=filters(), place=st.integers(0, 6), added=rules(), packet=packets())
def test_adding_a_drop_never_opens(written: Written, before: Filter, place: int, added: Rule, packet: Packet) -> None:
    after = inserted(before, "INPUT", place, replace(added, deed="drop"))
    if verdict(before, packet, written) in CLOSED:
        assert verdict(after, packet, written) in CLOSED


@DIALECTS
@given(before=filters(), packet=packets())
def test_default_deny_opens_nothing(written: Written, before: Filter, packet: Packet) -> None:
    denied = verdict(replace(before, policy="drop"), packet, written)
    allowed = verdict(replace(before, policy="accept"), packet, written)
    assert denied in CLOSED or denied == allowed == "accept"


@DIALECTS
@given(packet=packets())
def test_default_deny_without_a_rule_closes_all(written: Written, packet: Packet) -> None:
    assert verdict(Filter(policy="drop", chains={"INPUT": ()}), packet, written) == "drop"


@DIALECTS
@given(before=filters(), packet=packets(), data=st.data())
def test_splitting_a_rule_by_source_changes_nothing(
    written: Written, before: Filter, packet: Packet, data: st.DataObject
) -> None:
    chain = data.draw(st.sampled_from(sorted(before.chains)))
    here = before.chains[chain]
    wide = [number for number, rule in enumerate(here) if not rule.source.endswith("/32")]
    if not wide:
        return
    number = data.draw(st.sampled_from(wide))
    halves = ipaddress.IPv4Network(here[number].source).subnets()
    split = tuple(replace(here[number], source=str(half)) for half in halves)
    after = before.with_rules(chain, (*here[:number], *split, *here[number + 1 :]))
    assert verdict(after, packet, written) == verdict(before, packet, written)


@DIALECTS
@given(before=filters(), packet=packets())
def test_a_rule_that_does_nothing_changes_nothing(written: Written, before: Filter, packet: Packet) -> None:
    padded = Filter(
        policy=before.policy,
        chains={name: (Rule(deed=""), *rules_of, Rule(deed="")) for name, rules_of in before.chains.items()},
    )
    assert verdict(padded, packet, written) == verdict(before, packet, written)


@DIALECTS
@given(before=filters(), packet=packets())
def test_a_call_of_a_chain_is_its_rules_written_out(written: Written, before: Filter, packet: Packet) -> None:
    moved = Filter(
        policy=before.policy, chains={**before.chains, "ALL": before.chains["INPUT"], "INPUT": (Rule(deed="jump ALL"),)}
    )
    gone = replace(moved, chains={**moved.chains, "INPUT": (Rule(deed="goto ALL"), Rule(deed="accept"))})
    assert verdict(moved, packet, written) == verdict(before, packet, written)
    assert verdict(gone, packet, written) == verdict(before, packet, written)


@given(before=filters(), packet=packets())
def test_both_dialects_of_one_filter_agree(before: Filter, packet: Packet) -> None:
    assert verdict(before, packet, nft_json) == verdict(before, packet, iptables_save)


@DIALECTS
@given(before=filters(), place=st.integers(0, 6), added=rules(("A", "B")), packet=packets())
def test_a_rule_that_is_not_read_never_closes(
    written: Written, before: Filter, place: int, added: Rule, packet: Packet
) -> None:
    unread = verdict(inserted(before, "INPUT", place, replace(added, is_unread=True)), packet, written)
    without, certain = (
        verdict(before, packet, written),
        verdict(inserted(before, "INPUT", place, added), packet, written),
    )
    assert unread == "unknown" or unread == without == certain
    if "accept" in (without, certain):
        assert unread not in CLOSED


@DIALECTS
@given(before=filters(may_be_unread=True), packet=packets(), data=st.data())
def test_what_is_known_holds_however_the_unread_conditions_turn_out(
    written: Written, before: Filter, packet: Packet, data: st.DataObject
) -> None:
    said = verdict(before, packet, written)
    turned = Filter(
        policy=before.policy,
        chains={
            name: tuple(
                replace(rule, is_unread=False)
                for rule in rules_of
                if not rule.is_unread or data.draw(st.booleans(), label="holds")
            )
            for name, rules_of in before.chains.items()
        },
    )
    if said in CLOSED:
        assert verdict(turned, packet, written) in CLOSED
    elif said == "accept":
        assert verdict(turned, packet, written) == "accept"


@DIALECTS
@given(before=filters(may_be_unread=True), packet=packets(), sources=st.sets(st.sampled_from(edges()), max_size=5))
def test_the_set_of_sources_agrees_with_each_source(
    written: Written, before: Filter, packet: Packet, sources: set[str]
) -> None:
    question = {**written(before), "host": HOST}
    program = Program(read_ruleset(question), read_host(HOST))
    answer = ask(before, packet, written, query="sources")
    for source in sorted(sources - {"10.20.0.5", "192.0.2.10"}):  # these are the host's own
        outcome = decide(program, read_packet({**packet, "src": source}, wants_sources=False))
        can = {"accept" if ending.verb is Verb.ACCEPT else "closed" for ending in outcome.endings}
        is_unknown = _holds(answer["unknown"], source)
        place = "accept" if _holds(answer["allowed"], source) else "unknown" if is_unknown else "closed"
        assert place == (can.pop() if len(can) == 1 else "unknown"), source


def _holds(texts: list[str], address: str) -> bool:
    wanted = int(ipaddress.ip_address(address))
    for text in texts:
        low, dash, high = text.partition("-")
        if dash:
            first, last = int(ipaddress.ip_address(low)), int(ipaddress.ip_address(high))
        else:
            network = ipaddress.ip_network(text)
            first, last = int(network.network_address), int(network.broadcast_address)
        if first <= wanted <= last:
            return True
    return False
