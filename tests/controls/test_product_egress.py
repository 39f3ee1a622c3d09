from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.product_egress import CONTROL
from auditor.model.case import Case
from auditor.model.facts.network import Family, Protocol
from auditor.model.filtering import Filtering, Passage
from auditor.model.policy import Networks
from auditor.model.sighting import Reachability
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host

Make = Callable[..., Any]
ASKED = Networks(filter_outbound=True)


@pytest.mark.parametrize(
    ("word", "violations", "gaps"),
    [
        pytest.param(Reachability.FROM_ANYWHERE, 1, 0, id="every-address"),
        pytest.param(Reachability.FROM_NETWORKS, 1, 0, id="some-addresses"),
        pytest.param(Reachability.BLOCKED, 0, 0, id="blocked"),
        pytest.param(Reachability.UNDECIDED, 0, 1, id="undecided-is-never-blocked"),
    ],
)
def test_what_breaks_it(a_case: Make, word: Reachability, violations: int, gaps: int) -> None:
    one = Passage(
        protocol=Protocol.TCP, port=5938, family=Family.IP, reachability=word, networks=("8.0.0.0/8",), rule="the rule"
    )
    found = CONTROL.assess(a_case(filtering=Filtering(outbound=(one,)), networks=ASKED))
    assert (len(found.violations), len(found.gaps)) == (violations, gaps)


def test_a_violation_names_products_and_the_rule_of_either_family(a_case: Make) -> None:
    both = tuple(
        Passage(
            protocol=Protocol.UDP,
            port=5938,
            family=family,
            reachability=Reachability.FROM_ANYWHERE,
            rule=f"{family} filter output: policy accept",
            products=("teamviewer",),
            known_for=("TeamViewer (*.teamviewer.com)",),
        )
        for family in Family
    )
    (found,) = CONTROL.assess(a_case(filtering=Filtering(outbound=both), networks=ASKED)).violations
    assert (found.subject, found.product) == ("egress:udp/5938", "teamviewer")
    for said in (
        "TeamViewer (*.teamviewer.com)",
        "ip filter output: policy accept",
        "ip6 filter output: policy accept",
    ):
        assert said in found.reason


def test_it_does_not_apply_where_the_policy_does_not_ask(a_case: Make) -> None:
    assert CONTROL.assess(a_case()).inapplicable is not None


def test_filters_that_could_not_be_read_are_a_gap(a_case: Make) -> None:
    assert len(CONTROL.assess(a_case(filtering=Filtering(problem="cut"), networks=ASKED)).gaps) == 1


def _out(word: Reachability, networks: Networks = ASKED) -> Case:
    one = Passage(protocol=Protocol.TCP, port=5938, family=Family.IP, reachability=word, rule="the rule")
    return a_host({}, filtering=Filtering(outbound=(one,)), networks=networks)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _out(Reachability.FROM_ANYWHERE),
    Verdict.PASS: lambda: _out(Reachability.BLOCKED),
    Verdict.UNKNOWN: lambda: _out(Reachability.UNDECIDED),
    Verdict.NOT_APPLICABLE: lambda: _out(Reachability.FROM_ANYWHERE, Networks()),
}
