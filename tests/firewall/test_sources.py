"""The set of sources that get through is exact: what is said of a set is said of each of its members."""

import json
from typing import Any

import pytest

from auditor.firewall.protocol import Answers
from tests.firewall.conftest import DPORT, HOST, SYN, SYN6, chain, listing, match, meta, payload, rule, table

SADDR = payload("ip", "saddr")
CLOSED = (table("ip"), chain("ip", "in", "input", policy="drop"))
OPEN = (table("ip"), chain("ip", "in", "input"))
LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}
NET = {"prefix": {"addr": "10.0.0.0", "len": 8}}
# What never comes from the wire: this network, loopback, multicast, broadcast, and our own addresses.
NOT_FROM_THE_WIRE = ["0.0.0.5", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.10", "10.20.0.5"]


def sources(*objects: Any, packet: dict[str, Any] = SYN, **more: Any) -> dict[str, Any]:
    question = {"id": 1, "format": "nft-json", "ruleset": listing(*objects), "host": HOST, "query": "sources"}
    answer = Answers().answer({**question, "packet": packet, **more})
    assert "error" not in answer, answer
    return answer


def ip(*statements: Any) -> Any:
    return rule("ip", "in", *statements)


def test_a_network_that_is_let_in_is_told_as_one() -> None:
    answer = sources(*CLOSED, ip(match(SADDR, {"prefix": {"addr": "203.0.113.0", "len": 24}}), "accept"))
    assert (answer["allowed"], answer["unknown"]) == (("203.0.113.0/24",), ())


def test_nothing_is_let_in_by_a_policy_of_drop() -> None:
    assert sources(*CLOSED) == {"id": 1, "allowed": (), "unknown": ()}


def test_all_that_can_come_from_the_wire_is_let_in_by_an_open_one() -> None:
    allowed = sources(*OPEN)["allowed"]
    assert allowed[0].startswith("1.0.0.0-10.20.0.4")
    assert not any("127." in one for one in allowed)


def test_a_rule_that_cannot_be_told_concerns_its_sources_only() -> None:
    answer = sources(*CLOSED, ip(match(SADDR, NET), LIMIT, "accept"))
    assert answer["allowed"] == ()
    assert answer["unknown"] == ("10.0.0.0-10.20.0.4", "10.20.0.6-10.255.255.255")


def test_marks_by_source_are_followed_apart() -> None:
    answer = sources(
        *CLOSED,
        ip(match(SADDR, {"prefix": {"addr": "203.0.113.0", "len": 25}}), {"mangle": {"key": meta("mark"), "value": 1}}),
        ip(match(meta("mark"), 1), match(DPORT, 5900), "accept"),
    )
    assert answer["allowed"] == ("203.0.113.0/25",)


def test_a_map_of_sources_is_looked_up() -> None:
    entries = {
        "set": [["203.0.113.9", {"drop": None}], [{"prefix": {"addr": "203.0.113.0", "len": 29}}, {"accept": None}]]
    }
    assert sources(*CLOSED, ip({"vmap": {"key": SADDR, "data": entries}}))["allowed"] == ("203.0.113.0/29",)


def test_another_family_is_not_touched() -> None:
    allowed = sources(*CLOSED, packet=SYN6)["allowed"]
    assert allowed[0].startswith("::")


RULESETS = [
    pytest.param((*CLOSED, ip(match(SADDR, NET), "accept")), id="let-in"),
    pytest.param((*OPEN, ip(match(SADDR, NET, "!="), "drop")), id="shut-out"),
    pytest.param((*OPEN, ip(match(SADDR, {"set": ["203.0.113.7", NET]}), "drop")), id="set"),
    pytest.param((*OPEN, ip(match({"&": [SADDR, 255]}, 7), "drop")), id="bits"),
    pytest.param((*CLOSED, ip(match(SADDR, NET), LIMIT, "accept"), ip(match(SADDR, NET), "accept")), id="limit"),
    pytest.param(
        (*CLOSED, chain("ip", "a"), ip(match(SADDR, NET), {"jump": {"target": "a"}}), ip("accept"),
         rule("ip", "a", match(SADDR, "10.0.0.1"), "return"), rule("ip", "a", "drop")), id="jump",
    ),
    pytest.param((*OPEN, ip(match({"fib": {"result": "type", "flags": ["saddr"]}}, "local"), "drop")), id="own"),
    pytest.param((*CLOSED, ip(match({"concat": [SADDR, DPORT]}, {"set": [{"concat": [NET, 5900]}]}), "accept")),
                 id="concatenation"),
]  # fmt: skip
POINTS = ["203.0.113.7", "203.0.113.8", "10.0.0.0", "10.0.0.1", "10.255.255.255", "11.0.0.0", "9.255.255.255"]


@pytest.mark.parametrize("objects", RULESETS)
@pytest.mark.parametrize("source", [*POINTS, *NOT_FROM_THE_WIRE])
def test_a_point_of_the_set_is_a_packet_of_its_source(objects: Any, source: str) -> None:
    answers = Answers()
    question = {"id": 1, "format": "nft-json", "ruleset": listing(*objects), "host": HOST}
    packet = {**SYN, "src": source}
    verdict = answers.answer({**question, "packet": packet})["verdict"]
    answer = answers.answer({**question, "packet": packet, "query": "sources"})
    holds = {name: any(_within(source, one) for one in answer[name]) for name in ("allowed", "unknown")}
    assert not all(holds.values())
    if holds["allowed"]:
        assert verdict == "accept"
    elif not holds["unknown"]:
        assert verdict in ("drop", "reject")


def _within(source: str, interval: str) -> bool:
    from ipaddress import ip_address, ip_network  # noqa: PLC0415 — here only

    first, dash, last = interval.partition("-")
    if dash:
        return ip_address(first) <= ip_address(source) <= ip_address(last)  # type: ignore[operator]
    return ip_address(source) in ip_network(interval)


def test_a_jump_bomb_that_parts_sources_is_walked_in_time() -> None:
    nets = [{"prefix": {"addr": f"{10 + turn}.0.0.0", "len": 8}} for turn in range(3)]
    objects: list[Any] = [*CLOSED, *(chain("ip", f"c{level}") for level in range(13))]
    objects += [
        rule("ip", f"c{level}", match(SADDR, net), {"jump": {"target": f"c{level + 1}"}})
        for level in range(12)
        for net in nets
    ]
    objects += [rule("ip", "c12", "accept"), ip({"jump": {"target": "c0"}})]
    allowed = json.dumps(sources(*objects)["allowed"])
    assert "12.255.255.255" in allowed
