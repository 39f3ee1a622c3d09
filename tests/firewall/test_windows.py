"""The Windows firewall: no verdict is another than its documentation gives (windows_vectors.yml)."""

from collections import Counter
from typing import Any

import pytest

from auditor.firewall.dialects.windows import DIALECT, read_windows
from auditor.firewall.protocol import Answers
from auditor.model.evidence import Proof
from auditor.model.probe import ProbeLimits
from tests.firewall.windows_case import listing, question, vectors

_CASES = vectors()
_CONDITIONAL = "only for peers that IPsec authenticates"


def _verdict(answer: dict[str, Any]) -> str:
    is_conditional = answer["verdict"] == "unknown" and _CONDITIONAL in answer["rule"]
    return "conditional" if is_conditional else str(answer["verdict"])


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in _CASES])
def test_what_is_documented_is_what_is_answered(case: dict[str, Any]) -> None:
    answer = Answers().answer(question(case))
    assert "error" not in answer, answer
    if "sources" in case:
        assert [list(answer[name]) for name in ("allowed", "unknown")] == [case["allowed"], case["unknown"]]
    else:
        assert _verdict(answer) == case["expect"], answer["rule"]
        assert case.get("rule", "") in answer["rule"]


def test_the_vectors_say_where_they_come_from() -> None:
    assert len(_CASES) >= 150
    assert {case["proof"] for case in _CASES} == {"documented"}
    assert [case["id"] for case in _CASES if len(case["because"]) < 20] == []
    assert max(Counter(case["id"] for case in _CASES).values()) == 1
    assert DIALECT.proof is Proof.DOCUMENTED


def test_every_verdict_is_among_them() -> None:
    assert {case["expect"] for case in _CASES if "expect" in case} == {"accept", "drop", "conditional", "unknown"}


def _whole(*rules: str) -> str:
    return listing({"id": "", "rules": list(rules)})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("asked\tnetworks\n", "", "not told to its end: networks", id="networks-are-missing"),
        pytest.param("asked\tproducts\n", "", "not told to its end: products", id="other-firewalls-are-missing"),
        pytest.param("store\tgroup_policy\t0\t0\n", "", "group_policy", id="group-policy-is-missing"),
        pytest.param("store\tlocal\t1\t1", "store\tlocal\t1\t2", "2 values", id="a-rule-is-missing"),
        pytest.param("\tv2.31|", "\t2.31|", "no rule", id="a-rule-without-version"),
        pytest.param("asked\tproxies\n", "asked\tproxies\nx\n", "no row of the Windows firewall", id="another-row"),
        pytest.param("BFE\tRunning\n", "BFE\tRunning\nservice\tbfe\tStopped\n", "second service", id="told-twice"),
    ],
)
def test_what_is_not_whole_is_no_ruleset(old: str, new: str, reason: str) -> None:
    text = _whole("v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5900|")
    assert old in text
    with pytest.raises(ValueError, match=reason):
        read_windows(text.replace(old, new))


def test_a_section_that_is_not_there_is_no_ruleset() -> None:
    with pytest.raises(ValueError, match="was not asked about"):
        DIALECT.read({})
    assert DIALECT.read({"firewall.windows": _whole()}).doubts == ()


def test_a_host_without_any_profile_is_no_ruleset() -> None:
    with pytest.raises(ValueError, match="no profile is in the local store"):
        read_windows(listing({"id": "", "settings": {"local": {}}}))


def test_an_empty_section_is_no_ruleset() -> None:
    with pytest.raises(ValueError, match="not told to its end"):
        read_windows("")


def test_a_thousand_rules_fit_and_are_answered() -> None:
    """Windows 11 comes with hundreds of rules, and each application adds its own."""
    head = "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|"
    rules = [f"{head}LPort={port}|App=C:\\{port}.exe|Name={'x' * 200}|" for port in range(1, 1001)]
    text = _whole(*rules)
    assert len(text) < ProbeLimits().section_bytes / 4
    case = {"id": "many", "rules": rules, "packet": {"dport": 900}, "process": {"program": "c:\\900.EXE"}}
    assert Answers().answer(question(case))["verdict"] == "accept"
    assert Answers().answer(question({**case, "packet": {"dport": 901}}))["verdict"] == "drop"
