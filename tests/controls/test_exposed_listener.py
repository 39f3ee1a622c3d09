from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.exposed_listener import CONTROL
from auditor.model.case import Case
from auditor.model.policy import Networks
from auditor.model.sighting import Reachability
from auditor.model.verdict import Verdict
from tests.controls import cases
from tests.controls.cases import a_host

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("socket", "violations", "gaps"),
    [
        pytest.param({}, 1, 0, id="open-to-anywhere"),
        pytest.param(
            {"reachability": Reachability.FROM_NETWORKS, "sources": ("10.2.0.0/16",)}, 1, 0, id="open-to-some-networks"
        ),
        pytest.param(
            {"reachability": Reachability.FROM_NETWORKS, "sources": ("10.1.2.0/24",)}, 0, 0, id="open-to-trusted-ones"
        ),
        pytest.param(
            {"reachability": Reachability.UNDECIDED, "sources": ("10.2.0.0/16",)},
            1,
            0,
            id="undecided-but-open-to-some-for-certain",
        ),
        pytest.param({"reachability": Reachability.LOOPBACK_ONLY}, 0, 0, id="loopback"),
        pytest.param({"reachability": Reachability.BLOCKED}, 0, 0, id="certainly-blocked"),
        pytest.param({"reachability": Reachability.UNDECIDED}, 0, 1, id="undecided-is-never-blocked"),
        pytest.param({"product": None}, 0, 0, id="not-remote-access-software"),
        pytest.param({"approval": "support"}, 0, 0, id="approved-there"),
        pytest.param(
            {"approval": "support", "reachability": Reachability.UNDECIDED}, 0, 0, id="approved-needs-no-firewall"
        ),
    ],
)
def test_what_breaks_it(a_case: Make, an_exposure: Make, socket: dict[str, Any], violations: int, gaps: int) -> None:
    case = a_case(exposures=(an_exposure(**socket),), networks=Networks(trusted=("10.1.0.0/16",)))
    found = CONTROL.assess(case)
    assert (len(found.violations), len(found.gaps), found.suspected) == (violations, gaps, ())


def test_both_address_families_of_a_port_are_one_finding_with_both_quoted(a_case: Make, an_exposure: Make) -> None:
    (violation,) = CONTROL.assess(a_case(exposures=(an_exposure(), an_exposure(family="ip6", address="::")))).violations
    assert (violation.subject, len(violation.proof)) == ("listener:tcp/5900", 2)


def test_a_suspected_product_makes_a_suspicion(a_case: Make, an_exposure: Make) -> None:
    found = CONTROL.assess(a_case(exposures=(an_exposure(is_suspected=True),)))
    assert (found.violations, len(found.suspected)) == ((), 1)


def test_who_gets_in_and_by_which_rule_is_said(a_case: Make, an_exposure: Make) -> None:
    socket = an_exposure(reachability=Reachability.FROM_NETWORKS, sources=("10.2.0.0/16",), rule="the rule")
    (violation,) = CONTROL.assess(a_case(exposures=(socket,))).violations
    assert "reachable from 10.2.0.0/16: the rule" in violation.reason


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: a_host({}, exposures=(cases.an_exposure(),)),
    Verdict.PASS: lambda: a_host({}, exposures=(cases.an_exposure(reachability=Reachability.BLOCKED),)),
    Verdict.UNKNOWN: lambda: a_host({}, exposures=(cases.an_exposure(reachability=Reachability.UNDECIDED),)),
}
ALWAYS_APPLIES = "on every system programs listen"
