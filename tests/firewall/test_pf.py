"""pf: no verdict is another than its manual pages give (pf_vectors.yml)."""

from typing import Any

import pytest

from auditor.firewall.dialects.pf import DIALECT, read_pf
from auditor.firewall.dialects.pf_words import words_of
from auditor.firewall.protocol import Answers
from auditor.model.probe import ProbeLimits
from tests.firewall.documented import assert_answered, assert_sourced
from tests.firewall.macos_case import pf_section, question, vectors

_CASES = vectors("pf_vectors.yml")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in _CASES])
def test_what_is_documented_is_what_is_answered(case: dict[str, Any]) -> None:
    assert_answered(case, Answers().answer(question(case)))


def test_the_vectors_say_where_they_come_from() -> None:
    assert_sourced(_CASES, DIALECT, least=150, because=10)
    assert {case["expect"] for case in _CASES if "expect" in case} == {"accept", "drop", "reject", "unknown"}


_WHOLE = pf_section({
    "rules": ["block drop in all", "anchor in all {", "  pass in from <good> to any", "}"],
    "nat": ["rdr on en0 inet proto tcp from any to any port = 80 -> 127.0.0.1 port 8080"],
    "tables": {":good": ["10.0.0.0/8"]},
})  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("# asked\n", "", "does not end", id="cut"),
        pytest.param("# asked\n", "# asked\nmore\n", "after the end", id="more-behind-the-end"),
        pytest.param("# status\tEnabled\n", "", "whether pf is on was not told", id="no-status"),
        pytest.param("Enabled", "Maybe", "no heading", id="another-status"),
        pytest.param("# nat\t\n", "# nat\tx\n", "main ruleset was not told", id="the-main-ruleset-is-missing"),
        pytest.param("block drop in all", "drop in all", "no rule of pf that filters", id="another-rule"),
        pytest.param("rdr on", "redirect on", "no rule of pf that translates", id="another-translation"),
        pytest.param("}\n", "", "braces of an anchor do not end", id="braces-do-not-end"),
        pytest.param("block drop in all\n", "}\n", "closes what was not opened", id="a-brace-too-many"),
        pytest.param("   10.0.0.0/8", "   ten", "line 15", id="no-address"),
        pytest.param("en1\n", "en1 (skip) x\n", "no interface", id="no-interface"),
        pytest.param("block drop in all", 'block drop in all label "x', "do not match", id="quotes-do-not-end"),
        pytest.param("# asked", "# rules\t\n# asked", "told twice", id="told-twice"),
        pytest.param("# asked", "# table\t\tgood\n# asked", "told before", id="a-table-told-twice"),
        pytest.param("# interfaces\n", "", "answers no question", id="an-answer-without-a-question"),
    ],
)
def test_what_is_not_whole_is_no_ruleset(old: str, new: str, reason: str) -> None:
    assert old in _WHOLE
    with pytest.raises(ValueError, match=reason):
        read_pf(_WHOLE.replace(old, new, 1))


def test_a_section_that_is_not_there_is_no_ruleset() -> None:
    with pytest.raises(ValueError, match="was not asked about"):
        DIALECT.read({})
    assert DIALECT.read({"firewall.pf": _WHOLE}).doubts == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('pass label "a b" all', ["pass", "label", '"a b"', "all"]),
        ("pass route-to (en0 10.0.0.1) all", ["pass", "route-to", "(en0 10.0.0.1)", "all"]),
        ("block return-icmp(port-unr, port-unr) in", ["block", "return-icmp(port-unr, port-unr)", "in"]),
        ('pass label "(" all', ["pass", "label", '"("', "all"]),
        ("  rdr  x -> { 10.0.0.1, 10.0.0.2 } ", ["rdr", "x", "->", "{ 10.0.0.1, 10.0.0.2 }"]),
    ],
)
def test_what_stands_in_quotes_or_brackets_is_one_word(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_thousand_rules_and_a_long_table_fit_and_are_answered() -> None:
    rules = [
        "block drop in all",
        *(f"pass in inet proto tcp from <good> to any port = {port}" for port in range(1, 1001)),
    ]
    entries = [f"10.{high}.{low}.0/24" for high in range(40) for low in range(250)]
    case = {"id": "many", "rules": rules, "tables": {":good": entries}, "packet": {"dport": 900, "src": "10.9.9.9"}}
    assert len(pf_section(case)) < ProbeLimits().section_bytes
    assert Answers().answer(question(case))["verdict"] == "accept"
    assert Answers().answer(question({**case, "packet": {"dport": 1001, "src": "10.9.9.9"}}))["verdict"] == "drop"
