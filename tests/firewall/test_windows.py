"""The Windows firewall: no verdict is another than its documentation gives (windows_vectors.yml)."""

from typing import Any

import pytest

from auditor.firewall.dialects.windows import DIALECT, read_windows
from auditor.firewall.dialects.windows_grammar import is_version
from auditor.firewall.dialects.windows_rules import program_path
from auditor.firewall.dialects.windows_text import read_listing
from auditor.firewall.protocol import Answers
from auditor.model.probe import ProbeLimits
from tests.firewall.documented import assert_answered, assert_sourced
from tests.firewall.windows_case import listing, question, vectors

_CASES = vectors()
_CONDITIONAL = "only for peers that IPsec authenticates"


def _verdict(answer: dict[str, Any]) -> str:
    is_conditional = answer.get("verdict") == "unknown" and _CONDITIONAL in answer["rule"]
    return "conditional" if is_conditional else str(answer.get("verdict"))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in _CASES])
def test_what_is_documented_is_what_is_answered(case: dict[str, Any]) -> None:
    answer = Answers().answer(question(case))
    assert_answered(case, answer, _verdict(answer))


def test_the_vectors_say_where_they_come_from() -> None:
    assert_sourced(_CASES, DIALECT, least=150)


def test_every_verdict_is_among_them() -> None:
    assert {case["expect"] for case in _CASES if "expect" in case} == {"accept", "drop", "conditional", "unknown"}


_SETTING = "value\tlocal\tPublicProfile\tDefaultInboundAction\t"


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
        pytest.param("store\tmdm\t0", "store\tcloud\t0", "unknown store 'cloud'", id="a-store-that-is-not-known"),
        pytest.param("mdm\tPublicProfile\tabsent", "mdm\tPublicProfile\tgone", "unknown word", id="there-or-not"),
        pytest.param(f"{_SETTING}0\n", f"{_SETTING}0\n{_SETTING}1\n", "told before", id="a-setting-told-twice"),
        pytest.param(
            "network\t12\t", "network\tx12\t", "no number of an interface", id="an-interface-without-a-number"
        ),
        pytest.param("network\t12\t", "network\t\u0661\t", "no number of an interface", id="digits-of-another-script"),
        pytest.param("network\t12\t", "network\t12345678901\t", "no number of an interface", id="a-number-too-long"),
    ],
)
def test_what_is_not_whole_is_no_ruleset(old: str, new: str, reason: str) -> None:
    text = _whole("v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5900|").replace(
        "profile\tlocal\tPublicProfile\tpresent\n", f"profile\tlocal\tPublicProfile\tpresent\n{_SETTING}0\n"
    )
    assert old in text
    with pytest.raises(ValueError, match=reason):
        read_windows(text.replace(old, new))


def test_an_interface_may_have_any_number_that_windows_counts_to() -> None:
    text = _whole().replace("network\t12\t", f"network\t{(1 << 32) - 1}\t")
    assert [network.index for network in read_listing(text).networks] == [(1 << 32) - 1]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("System", ("system", True)),
        (r"%SystemRoot%\System32\svchost.exe", (r"c:\windows\system32\svchost.exe", True)),
        (r"%USERPROFILE%\app.exe", (r"%userprofile%\app.exe", False)),
        (r"\\server\share\app.exe", (r"\\server\share\app.exe", True)),
        (r"\\?\C:\app.exe", (r"\\?\c:\app.exe", False)),
        (r"\device\harddiskvolume1\app.exe", (r"\device\harddiskvolume1\app.exe", False)),
    ],
)
def test_a_path_says_whether_it_is_all_that_there_is_to_say(text: str, whole: tuple[str, bool]) -> None:
    assert program_path(text, {"systemroot": r"C:\Windows"}) == whole


@pytest.mark.parametrize("text", ["v2.31", "V2.0", "v100.999"])
def test_a_rule_begins_with_its_version(text: str) -> None:
    assert is_version(text)


@pytest.mark.parametrize("text", ["", "v", "v2", "2.31", "v2.", "v.31", "v2.1000", "v1000.2", "v2.3x", "v\u0662.31"])
def test_what_is_no_version_begins_no_rule(text: str) -> None:
    assert not is_version(text)


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


@pytest.mark.parametrize("process", ["svchost.exe", ["svchost.exe"], {"services": "termservice"}, {"services": {}}])
def test_who_holds_a_socket_is_told_by_name_or_not_at_all(process: Any) -> None:
    case = {"id": "x", "rules": [], "packet": {"dport": 3389}, "process": process}
    assert "process is not an object" in Answers().answer(question(case))["error"]
