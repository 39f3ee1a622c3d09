from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from auditor.controls.approval_review import CONTROL
from auditor.model.breach import Breach, Term
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.sighting import Confidence, Quote, Role, SightingState
from auditor.model.verdict import Verdict
from auditor.policy.judge import judge
from tests.controls import cases

Make = Callable[..., Any]
_OVER = Breach(approval="support", term=Term.REVIEW, text="was to be reviewed by 2026-11-20 and has not been")


@pytest.fixture
def a_host(a_case: Callable[..., Case], a_section: Make, an_approval: Make) -> Callable[..., Case]:
    """Give a function that makes a host whose every section was seen, with an approval that ended its review."""

    def make(*products: Any, outcome: Outcome = Outcome.COLLECTED, **more: Any) -> Case:
        sections = (
            a_section("containers.docker"),
            a_section("remote_config.extensions"),
            a_section("software.dpkg", outcome, reason=None if outcome is Outcome.COLLECTED else "no right"),
        )
        approvals = (an_approval(review_by=date(2026, 11, 20)),)
        return a_case(**{"sections": sections, "products": products, "approvals": approvals, **more})

    return make


def verdict(case: Case, exception: str | None = None) -> Verdict:
    return judge(CONTROL, case, lambda _control, _violation: exception).verdict


def test_an_approval_that_nothing_rests_on_breaks_nothing(a_host: Make, a_use: Make) -> None:
    assert verdict(a_host()) is Verdict.PASS
    assert verdict(a_host(a_use(approval="another"))) is Verdict.PASS
    assert verdict(a_host(a_use())) is Verdict.PASS


def test_a_product_that_rests_on_it_breaks_it(a_host: Make, a_use: Make) -> None:
    case = a_host(a_use(breaches=(_OVER,)))
    (violation,) = CONTROL.assess(case).violations
    assert verdict(case) is Verdict.FAIL
    assert (violation.subject, violation.product) == ("approval:support", "x11vnc")
    assert violation.reason == (
        "Approval 'support', which x11vnc rests on here, was to be reviewed by 2026-11-20 and has not been."
    )
    assert violation.remediation[0].startswith("Ask the owner of approval 'support' (Service desk) whether `x11vnc`")


def test_two_instances_and_a_socket_are_one_finding(a_host: Make, a_use: Make, an_exposure: Make) -> None:
    more = Quote(section="services.systemd", quote="x11vnc@2.service")
    uses = (a_use(tenant="a", breaches=(_OVER,)), a_use(tenant="b", breaches=(_OVER,), proof=(more,)))
    (violation,) = CONTROL.assess(a_host(*uses, exposures=(an_exposure(approval="support"),))).violations
    assert [quote.section for quote in violation.proof] == ["processes.procfs", "services.systemd", "sockets.ss"]


def test_a_socket_alone_that_rests_on_it_breaks_it(a_host: Make, an_exposure: Make) -> None:
    assert verdict(a_host(exposures=(an_exposure(approval="support"),))) is Verdict.FAIL


def test_on_its_last_day_an_approval_holds(a_host: Make, an_exposure: Make, an_approval: Make, now: Any) -> None:
    holds = (an_approval(review_by=now.date()),)
    assert verdict(a_host(exposures=(an_exposure(approval="support"),), approvals=holds)) is Verdict.PASS


def test_a_suspicion_a_gap_and_an_exception(a_host: Make, a_use: Make) -> None:
    suspected = a_use(breaches=(_OVER,), confidence=Confidence.SUSPECTED)
    assert verdict(a_host(suspected)) is Verdict.UNKNOWN
    assert verdict(a_host(outcome=Outcome.DENIED)) is Verdict.UNKNOWN
    assert verdict(a_host(a_use(breaches=(_OVER,)), outcome=Outcome.DENIED)) is Verdict.FAIL
    assert verdict(a_host(a_use(breaches=(_OVER,))), exception="EX-1") is Verdict.EXCEPTED
    # What is sure is said once.
    found = CONTROL.assess(a_host(suspected, a_use(breaches=(_OVER,))))
    assert (len(found.violations), found.suspected) == (1, ())


def test_remains_and_viewers_need_no_approval(a_host: Make, a_use: Make) -> None:
    assert verdict(a_host(a_use(breaches=(_OVER,), state=SightingState.RESIDUAL))) is Verdict.PASS
    assert verdict(a_host(a_use(breaches=(_OVER,), role=Role.CLIENT))) is Verdict.PASS


def test_without_an_approval_for_the_host_it_does_not_apply(a_host: Make) -> None:
    assert verdict(a_host(approvals=())) is Verdict.NOT_APPLICABLE


def _rests(day: int, **more: Any) -> Case:
    approvals = (cases.an_approval(review_by=date(2026, 11, day)),)
    uses = (cases.a_use(breaches=(_OVER,)) if day < cases.NOW.day else cases.a_use(approval="support"),)
    return cases.a_host({}, **{"approvals": approvals, "products": uses, **more})


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _rests(20),
    Verdict.PASS: lambda: _rests(21),
    Verdict.UNKNOWN: lambda: _rests(20, products=(), blind=("software.dpkg",)),
    Verdict.NOT_APPLICABLE: lambda: _rests(20, approvals=()),
}
