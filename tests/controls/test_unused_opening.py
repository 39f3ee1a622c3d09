from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.unused_opening import CONTROL
from auditor.model.case import Case
from auditor.model.facts.network import Family, Protocol
from auditor.model.filtering import Filtering, Passage
from auditor.model.policy import Networks
from auditor.model.sighting import Reachability
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host

Make = Callable[..., Any]


def opening(port: int, *networks: str, family: Family = Family.IP, unsure: bool = False) -> Passage:
    word = Reachability.FROM_NETWORKS if networks else Reachability.FROM_ANYWHERE
    word = Reachability.UNDECIDED if unsure else word
    return Passage(
        protocol=Protocol.TCP, port=port, family=family, reachability=word, networks=networks, rule="the rule"
    )


@pytest.mark.parametrize(
    ("openings", "subjects"),
    [
        pytest.param((), [], id="nothing-is-open"),
        pytest.param((opening(5901),), ["opening:tcp/5901"], id="open-and-nothing-there"),
        pytest.param((opening(5900),), [], id="open-and-used"),
        pytest.param((opening(5902),), ["opening:tcp/5902"], id="a-listener-on-loopback-does-not-use-it"),
        pytest.param((opening(5901), opening(5901, family=Family.IP6)), ["opening:tcp/5901"], id="both-are-one"),
        pytest.param((opening(5901, "10.1.0.0/24"),), [], id="open-to-trusted-networks"),
        pytest.param((opening(5901, "10.2.0.0/24"),), ["opening:tcp/5901"], id="open-to-others"),
    ],
)
def test_what_breaks_it(a_case: Make, an_exposure: Make, openings: tuple[Passage, ...], subjects: list[str]) -> None:
    sockets = (an_exposure(), an_exposure(port=5902, reachability=Reachability.LOOPBACK_ONLY))
    case = a_case(filtering=Filtering(inbound=openings), exposures=sockets, networks=Networks(trusted=("10.1.0.0/16",)))
    found = CONTROL.assess(case)
    assert [one.subject for one in found.violations] == subjects
    assert all("the rule" in one.reason for one in found.violations)


@pytest.mark.parametrize(
    ("port", "networks", "gaps"),
    [(5901, ("10.2.0.0/24",), 1), (5901, ("10.1.2.0/24",), 0), (5900, ("10.2.0.0/24",), 0)],
    ids=["to-others", "to-trusted-networks", "used"],
)
def test_what_may_be_open_is_no_pass(
    a_case: Make, an_exposure: Make, port: int, networks: tuple[str], gaps: int
) -> None:
    case = a_case(
        filtering=Filtering(inbound=(opening(port, *networks, unsure=True),)),
        exposures=(an_exposure(),),
        networks=Networks(trusted=("10.1.0.0/16",)),
    )
    found = CONTROL.assess(case)
    assert (found.violations, len(found.gaps)) == ((), gaps)


def test_filters_that_could_not_be_read_are_a_gap(a_case: Make) -> None:
    assert len(CONTROL.assess(a_case(filtering=Filtering(problem="cut"))).gaps) == 1


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: a_host({}, filtering=Filtering(inbound=(opening(5901),))),
    Verdict.PASS: lambda: a_host({}, filtering=Filtering()),
    Verdict.UNKNOWN: lambda: a_host({}, filtering=Filtering(inbound=(opening(5901, "10.2.0.0/24", unsure=True),))),
}
ALWAYS_APPLIES = "a host without a packet filter is open, and has no opening to close: that is a pass"
