from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.quoted_rule import rule_quote

Make = Callable[..., Any]


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
