"""Which sources a condition on the source holds for, and may hold for."""

from typing import Any

import pytest

from auditor.firewall.protocol import Answers
from tests.firewall.conftest import HOST, SYN, match
from tests.firewall.fan import SADDR, closed, one, opened, region


@pytest.mark.parametrize(
    ("condition", "allowed", "unknown"),
    [
        (match({"&": [SADDR, "255.255.255.0"]}, "203.0.113.0"), "203.0.113.0-203.0.113.255", ""),
        (match({"&": [SADDR, "255.255.255.0"]}, "203.0.113.7"), "", ""),
        (match({"&": [SADDR, "255.255.255.255"]}, "203.0.113.7"), "203.0.113.7-203.0.113.7", ""),
        (match({"&": [SADDR, "255.255.255.254"]}, "203.0.113.6"), "203.0.113.6-203.0.113.7", ""),
        (match({"&": [SADDR, "0.0.0.1"]}, "0.0.0.1"), "", "1.0.0.0-9.255.255.255"),
        (match({"&": [SADDR, "255.0.255.255"]}, "9.0.0.1"), "", "1.0.0.0-9.255.255.255"),
        (match(SADDR, {"set": [{"elem": {"val": "203.0.113.7", "limit": {}}}]}), "", "203.0.113.7-203.0.113.7"),
        (
            match(SADDR, {"set": ["203.0.113.8", {"elem": {"val": {"range": ["203.0.113.7", "203.0.113.9"]},
                "limit": {}}}]}),
            "203.0.113.8-203.0.113.8", "203.0.113.7-203.0.113.7",
        ),
        (match(SADDR, "9.9.9.9", "<="), "1.0.0.0-9.9.9.9", ""),
        (match({"fib": {"result": "type", "flags": ["saddr"]}}, "unicast"), "1.0.0.0-9.255.255.255", ""),
        (
            match(
                {"fib": {"result": "type", "flags": ["saddr"]}}, {"set": [{"elem": {"val": "unicast", "limit": {}}}]}
            ),
            "", "1.0.0.0-9.255.255.255",
        ),
    ],
)  # fmt: skip
def test_a_condition_on_the_source(condition: Any, allowed: str, unknown: str) -> None:
    found = closed(one(condition, "accept"))
    for here, expected in ((found.allowed, allowed), (found.unknown, unknown)):
        assert bool(here) is bool(expected)
        assert not expected or not (region(expected) - here)
    if allowed and len(list(region(allowed))) == 1 and allowed != "1.0.0.0-9.255.255.255":
        assert found.allowed == region(allowed)
    other = opened(one(condition, "drop"))
    assert other.unknown == found.unknown
    assert other.blocked & found.allowed == found.allowed
    negated = {"match": {**condition["match"], "op": {"==": "!=", "<=": ">"}[condition["match"]["op"]]}}
    assert closed(one(negated, "accept")).allowed == other.allowed


def test_the_last_address_is_one_as_well() -> None:
    last = "255.255.255.255-255.255.255.255"
    assert opened(one(match(SADDR, "255.255.255.255"), "drop"), routes=False).blocked == region(last)


SAVED = "*filter\n:INPUT {}\n:FORWARD ACCEPT [0:0]\n{}COMMIT\n"
ADDS = "-A FORWARD -j SET --add-set {} src\n"


def of_sets(sets: str, line: str, *before: str, policy: str = "DROP", packet: Any = SYN) -> Any:
    text = SAVED.format(policy, "".join((*before, f"-A INPUT {line}\n")))
    question = {"format": "iptables-save", "ruleset": text, "ipset": sets, "host": HOST, "packet": packet}
    answer = Answers().answer({**question, "query": "sources"})
    return answer["allowed"], bool(answer["unknown"])


NETS = "create s hash:net family inet\nadd s 203.0.113.0/24\nadd s 203.0.113.0/30 nomatch\nadd s 203.0.113.2/32\n"


def test_exceptions_of_a_set_and_exceptions_of_these() -> None:
    found = of_sets(NETS, "-m set --match-set s src -j ACCEPT")
    assert found == (("203.0.113.2/32", "203.0.113.4-203.0.113.255"), False)
    assert of_sets(NETS, "-m set ! --match-set s src -j ACCEPT") == (
        (
            "1.0.0.0-10.20.0.4", "10.20.0.6-126.255.255.255", "128.0.0.0-192.0.2.9", "192.0.2.11-203.0.113.1",
            "203.0.113.3/32", "203.0.114.0-223.255.255.255", "240.0.0.0-255.255.255.254",
        ),
        False,
    )  # fmt: skip


LISTED = (
    "create a hash:ip family inet\nadd a 203.0.113.7\ncreate b hash:ip family inet\nadd b 203.0.113.9\n"
    "create p bitmap:port range 0-65535\nadd p 40000\ncreate q hash:ip family inet6\ncreate s list:set size 8\n"
)


def test_a_list_of_sets_holds_what_any_of_them_holds() -> None:
    both = LISTED + "add s a\nadd s b\n"
    assert of_sets(both, "-m set --match-set s src -j ACCEPT") == (("203.0.113.7/32", "203.0.113.9/32"), False)
    ports = LISTED + "add s a\nadd s p\n"
    allowed, unsure = of_sets(ports, "-m set --match-set s src -j ACCEPT")
    assert (allowed[0].startswith("1.0.0.0"), unsure) == (True, False)
    other = of_sets(ports, "-m set --match-set s src -j ACCEPT", packet={**SYN, "sport": 40001})
    assert other == (("203.0.113.7/32",), False)


def test_a_member_of_one_set_of_a_list_is_one_whatever_rules_add_to_another() -> None:
    both = LISTED + "add s a\nadd s b\n"
    allowed, unsure = of_sets(both, "-m set --match-set s src -j ACCEPT", ADDS.format("b"))
    assert (allowed, unsure) == (("203.0.113.7/32", "203.0.113.9/32"), True)
    answer = of_sets(both, "-m set ! --match-set s src -j DROP", ADDS.format("b"), policy="ACCEPT")
    assert answer == (("203.0.113.7/32", "203.0.113.9/32"), True)
    ports = LISTED + "add s a\nadd s p\n"
    packet = {**SYN, "sport": 40001}
    found = of_sets(ports, "-m set --match-set s src -j ACCEPT", ADDS.format("p"), packet=packet)
    assert found == (("203.0.113.7/32",), True)
