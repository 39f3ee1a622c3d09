from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.quoted_rule import rule_quote

Make = Callable[..., Any]


_WINDOWS = (
    "value\tlocal\tStandardProfile\tEnableFirewall\t0",
    "value\tgroup_policy\tPublicProfile\tDefaultInboundAction\t1",
    "rule\tlocal\tan id: with a colon\tv2.31|Action=Allow|Active=TRUE|Dir=In|",
    "rule\tbroken",
)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        pytest.param("local rule an id: with a colon: v2.31|Action=Allow|Active=TRUE|Dir=In|", 2, id="a-rule"),
        pytest.param(
            "local rule an id: with a colon: v2.31|Action=Allow|Active=TRUE|Dir=In| (only for peers that IPsec "
            "authenticates)",
            2,
            id="a-conditional-rule",
        ),
        pytest.param("private profile: EnableFirewall=0 (local setting)", 0, id="a-local-setting"),
        pytest.param("public profile: DefaultInboundAction=1 (set by group policy)", 1, id="a-setting-of-group-policy"),
        pytest.param("public profile: DefaultInboundAction=1 (the default)", None, id="a-default-stands-nowhere"),
        pytest.param("domain profile: EnableFirewall=0 (local setting)", None, id="of-another-profile"),
        pytest.param("firewall: loopback is not filtered", None, id="no-rule"),
    ],
)
def test_what_decided_on_windows_is_quoted_from_the_registry(
    a_case: Make, a_section: Make, rule: str, line: int | None
) -> None:
    case = a_case(sections=(a_section("firewall.windows", lines=_WINDOWS),))
    expected = [] if line is None else [("firewall.windows", _WINDOWS[line])]
    assert [(one.section, one.quote) for one in rule_quote(case, f"windows {rule}")] == expected


@pytest.mark.parametrize(
    ("rule", "quotes"),
    [
        pytest.param(
            "iptables filter: -A INPUT -j ACCEPT", [("firewall.iptables_legacy", "-A INPUT -j ACCEPT")], id="iptables"
        ),
        pytest.param(
            "iptables filter: -A INPUT -j ACCEPT, published as port 80 of this host: iptables nat: -A DOCKER -j DNAT",
            [("firewall.iptables_legacy", "-A INPUT -j ACCEPT")],
            id="with-what-else-decided",
        ),
        pytest.param(
            "iptables filter: policy DROP of INPUT", [("firewall.iptables_legacy", ":INPUT DROP [0:0]")], id="a-policy"
        ),
        pytest.param(
            "inet filter input: tcp dport 5900 accept",
            [("firewall.nft", "inet filter input: tcp dport 5900 accept")],
            id="nft-in-its-own-words",
        ),
        pytest.param("no packet filter is loaded", [], id="no-rule-at-all"),
        pytest.param("ip6tables filter: -A INPUT -j ACCEPT", [], id="in-a-section-that-is-not-there"),
    ],
)
def test_a_rule_is_quoted_where_it_stands(
    a_case: Make, a_section: Make, rule: str, quotes: list[tuple[str, str]]
) -> None:
    lines = ("*filter", ":INPUT DROP [0:0]", "-A INPUT -j ACCEPT", "COMMIT")
    case = a_case(sections=(a_section("firewall.iptables_legacy", lines=lines),))
    assert [(one.section, one.quote) for one in rule_quote(case, rule)] == quotes


_PF = ("# rules\t", "block drop in all", "anchor in on en0 all {", "  pass in quick all flags S/SA keep state", "}")
_APPLICATION = (
    "# allowsigned",
    "Automatically allow downloaded signed software DISABLED.",
    "# listapps",
    "1 :  /Applications/A : B.app ",
    " \t ( Block incoming connections ) ",
)


@pytest.mark.parametrize(
    ("rule", "quotes"),
    [
        pytest.param("pf main: block drop in all", [("firewall.pf", _PF[1])], id="a-rule-of-pf"),
        pytest.param("pf anchor a/b: block drop in all", [("firewall.pf", _PF[1])], id="a-rule-of-an-anchor"),
        pytest.param("pf main: block drop in all, by pf main: rdr", [("firewall.pf", _PF[1])], id="with-another"),
        pytest.param("pf main: anchor in on en0 all", [("firewall.pf", _PF[2])], id="a-call-with-braces"),
        pytest.param("pf main: pass in quick all flags S/SA keep state", [("firewall.pf", _PF[3].strip())], id="inner"),
        pytest.param("pf default: what no rule matches passes", [], id="the-default-of-pf"),
        pytest.param(
            "application firewall: Automatically allow downloaded signed software DISABLED.",
            [("firewall.application", _APPLICATION[1])],
            id="an-answer",
        ),
        pytest.param(
            "application firewall: /Applications/A : B.app (Block incoming connections)",
            [("firewall.application", _APPLICATION[3].strip())],
            id="a-program",
        ),
        pytest.param("application firewall: loopback is not filtered", [], id="no-answer"),
    ],
)
def test_what_decided_on_macos_is_quoted_from_the_answers(
    a_case: Make, a_section: Make, rule: str, quotes: list[tuple[str, str]]
) -> None:
    sections = (a_section("firewall.pf", lines=_PF), a_section("firewall.application", lines=_APPLICATION))
    found = rule_quote(a_case(sections=sections), rule)
    assert [(one.section, one.quote) for one in found] == quotes
