"""Software that came between two audits: a change, where the earlier one would have seen it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from auditor.controls.new_product import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.past import History, ProductPast
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence, Role, SightingState
from auditor.model.verdict import Judgement, Verdict
from auditor.policy.judge import judge
from tests.controls import cases
from tests.controls.cases import NOW, a_host

Make = Callable[..., Any]
MONTH = timedelta(days=30)


def judged(case: Case, exception: str | None = None) -> Judgement:
    return judge(CONTROL, case, lambda _control, _violation: exception)


@pytest.fixture
def earlier(now: datetime) -> History:
    return History(first_seen=now - MONTH, last_complete=now - MONTH, complete_runs=1)


def of(history: History, **products: ProductPast) -> History:
    return History(
        first_seen=history.first_seen, last_complete=history.last_complete, complete_runs=1, products=products
    )


def test_what_the_last_audit_did_not_see_is_told_with_both_days(a_case: Make, a_use: Make, earlier: History) -> None:
    found = judged(a_case(products=(a_use(),), history=earlier))
    assert found.verdict is Verdict.FAIL
    (violation,) = found.violations
    assert violation.subject == "product:x11vnc"
    assert "the one of 2026-10-22 did not see it, the one of 2026-11-21 did" in violation.reason


def test_what_came_earlier_stays_told_by_the_days_of_then(
    a_case: Make, a_use: Make, now: datetime, earlier: History
) -> None:
    past = ProductPast(first_seen=now - 3 * MONTH, last_seen=now - MONTH, absent_before=now - 4 * MONTH)
    (violation,) = judged(a_case(products=(a_use(),), history=of(earlier, x11vnc=past))).violations
    assert "the one of 2026-07-24 did not see it, the one of 2026-08-23 did" in violation.reason


def test_what_was_there_before_anybody_looked_is_not_new(
    a_case: Make, a_use: Make, now: datetime, earlier: History
) -> None:
    past = ProductPast(first_seen=now - MONTH, last_seen=now - MONTH)
    assert judged(a_case(products=(a_use(),), history=of(earlier, x11vnc=past))).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"approval": "support"}, id="approved"),
        pytest.param({"role": Role.CLIENT}, id="a viewer"),
        pytest.param({"state": SightingState.RESIDUAL}, id="remains"),
    ],
)
def test_what_is_no_door_is_not_asked_about(a_case: Make, a_use: Make, earlier: History, more: dict[str, Any]) -> None:
    assert judged(a_case(products=(a_use(**more),), history=earlier)).verdict is Verdict.PASS


def test_the_first_run_has_nothing_to_compare_with(a_case: Make, a_use: Make) -> None:
    assert judged(a_case(products=(a_use(),), history=History())).verdict is Verdict.NOT_APPLICABLE


def test_what_an_older_catalogue_may_not_have_known_is_not_called_new(a_case: Make, a_use: Make, now: datetime) -> None:
    history = History(first_seen=now - MONTH, last_complete=now - MONTH, complete_runs=1, same_rules=False)
    found = judged(a_case(products=(a_use(),), history=history))
    assert found.verdict is Verdict.UNKNOWN
    assert "knew products by another catalogue" in found.suspected[0].reason
    assert judged(a_case(products=(a_use(approval="support"),), history=history)).verdict is Verdict.PASS


def test_a_suspicion_is_no_violation(a_case: Make, a_use: Make, earlier: History) -> None:
    suspected: ProductUse = a_use(confidence=Confidence.SUSPECTED)
    assert judged(a_case(products=(suspected,), history=earlier)).verdict is Verdict.UNKNOWN
    both = a_case(products=(suspected, a_use(tenant="theirs")), history=earlier)
    assert judged(both).verdict is Verdict.FAIL


def test_it_is_excepted_like_any_other(a_case: Make, a_use: Make, earlier: History) -> None:
    assert judged(a_case(products=(a_use(),), history=earlier), "EX-1").verdict is Verdict.EXCEPTED


def test_what_was_not_looked_at_is_unknown(a_case: Make, a_section: Make, earlier: History) -> None:
    case = a_case(sections=(a_section("software.dpkg", Outcome.DENIED),), history=earlier)
    assert judged(case).verdict is Verdict.UNKNOWN


def _now(history: History, **more: Any) -> Case:
    return a_host({}, products=(cases.a_use(**more),), history=history)


_EARLIER = History(first_seen=NOW - MONTH, last_complete=NOW - MONTH, complete_runs=1)
CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _now(_EARLIER),
    Verdict.PASS: lambda: _now(_EARLIER, approval="support"),
    Verdict.UNKNOWN: lambda: _now(_EARLIER, confidence=Confidence.SUSPECTED),
    Verdict.NOT_APPLICABLE: lambda: _now(History()),
}
