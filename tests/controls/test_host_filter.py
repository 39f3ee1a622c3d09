from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.host_filter import CONTROL
from auditor.model.case import Case
from auditor.model.facts.network import Family, Protocol
from auditor.model.filtering import Filtering, Passage
from auditor.model.policy import Networks
from auditor.model.sighting import Reachability
from auditor.model.verdict import Severity, Verdict
from tests.controls.cases import a_host

Make = Callable[..., Any]
OPEN, CLOSED = Reachability.FROM_ANYWHERE, Reachability.BLOCKED


def default(family: Family, reachability: Reachability, *networks: str, rule: str = "policy") -> Passage:
    return Passage(
        protocol=Protocol.TCP, port=47001, family=family, reachability=reachability, networks=networks, rule=rule
    )


@pytest.mark.parametrize(
    ("defaults", "subjects", "gaps"),
    [
        pytest.param((), [], 0, id="a-host-without-an-address"),
        pytest.param((default(Family.IP, OPEN), default(Family.IP6, OPEN)), ["firewall:off"], 0, id="off"),
        pytest.param((default(Family.IP, OPEN),), ["firewall:off"], 0, id="off-without-ipv6"),
        pytest.param((default(Family.IP, CLOSED), default(Family.IP6, CLOSED)), [], 0, id="closed"),
        pytest.param((default(Family.IP, CLOSED), default(Family.IP6, OPEN)), ["firewall:ip6"], 0, id="ipv6-forgotten"),
        pytest.param((default(Family.IP, OPEN), default(Family.IP6, CLOSED)), ["firewall:ip"], 0, id="ipv4-open"),
        pytest.param((default(Family.IP, Reachability.UNDECIDED),), [], 1, id="undecided-is-never-closed"),
        pytest.param(
            (default(Family.IP, Reachability.FROM_NETWORKS, "10.1.2.0/24"),), [], 0, id="open-to-trusted-networks"
        ),
        pytest.param(
            (default(Family.IP, Reachability.FROM_NETWORKS, "10.2.0.0/16"),), ["firewall:off"], 0, id="open-to-others"
        ),
    ],
)
def test_what_breaks_it(a_case: Make, defaults: tuple[Passage, ...], subjects: list[str], gaps: int) -> None:
    case = a_case(filtering=Filtering(defaults=defaults), networks=Networks(trusted=("10.1.0.0/16",)))
    found = CONTROL.assess(case)
    assert ([one.subject for one in found.violations], len(found.gaps)) == (subjects, gaps)


def test_a_forgotten_ipv6_matters_more(a_case: Make) -> None:
    filtering = Filtering(defaults=(default(Family.IP, CLOSED), default(Family.IP6, OPEN, rule="no chain sees it")))
    (violation,) = CONTROL.assess(a_case(filtering=filtering)).violations
    assert violation.severity is Severity.HIGH
    assert "although IPv4 is closed to anywhere" in violation.reason
    assert "no chain sees it" in violation.reason


def test_filters_that_could_not_be_read_are_a_gap(a_case: Make) -> None:
    found = CONTROL.assess(a_case(filtering=Filtering(problem="cut")))
    assert (found.violations, len(found.gaps)) == ((), 1)


def test_a_policy_that_does_not_ask_makes_it_inapplicable(a_case: Make) -> None:
    case = a_case(filtering=Filtering(problem="cut"), networks=Networks(require_filter=False))
    assert CONTROL.assess(case).inapplicable is not None


def _default(word: Reachability, networks: Networks | None = None) -> Case:
    return a_host({}, filtering=Filtering(defaults=(default(Family.IP, word),)), networks=networks)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _default(OPEN),
    Verdict.PASS: lambda: _default(CLOSED),
    Verdict.UNKNOWN: lambda: _default(Reachability.UNDECIDED),
    Verdict.NOT_APPLICABLE: lambda: _default(OPEN, Networks(require_filter=False)),
}
