"""Software that was gone and is back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from auditor.controls.reinstalled_product import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.past import History, ProductPast
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
def removed(now: datetime) -> History:
    """Give what is known of a host from which x11vnc was removed two months ago."""
    past = ProductPast(first_seen=now - 5 * MONTH, last_seen=now - 3 * MONTH, gone_since=now - 2 * MONTH)
    return History(first_seen=now - 6 * MONTH, last_complete=now - MONTH, complete_runs=5, products={"x11vnc": past})


def test_what_is_back_is_told_with_the_days_of_both_audits(a_case: Make, a_use: Make, removed: History) -> None:
    found = judged(a_case(products=(a_use(),), history=removed))
    assert found.verdict is Verdict.FAIL
    (violation,) = found.violations
    assert violation.subject == "product:x11vnc"
    assert violation.reason == (
        "x11vnc came back: the audit of 2026-09-22 found it gone, the one of 2026-11-21 found it again. "
        "It was first seen on 2026-06-24."
    )


def test_what_came_back_in_an_earlier_run_stays_a_violation(
    a_case: Make, a_use: Make, now: datetime, removed: History
) -> None:
    past = ProductPast(
        first_seen=now - 5 * MONTH, last_seen=now - MONTH, was_gone=now - 3 * MONTH, returned=now - 2 * MONTH
    )
    history = History(last_complete=removed.last_complete, complete_runs=5, products={"x11vnc": past})
    (violation,) = judged(a_case(products=(a_use(),), history=history)).violations
    assert "the audit of 2026-08-23 found it gone, the one of 2026-09-22 found it again" in violation.reason


def test_what_never_left_did_not_come_back(a_case: Make, a_use: Make, now: datetime, removed: History) -> None:
    past = ProductPast(first_seen=now - 5 * MONTH, last_seen=now - MONTH)
    history = History(last_complete=removed.last_complete, complete_runs=5, products={"x11vnc": past})
    assert judged(a_case(products=(a_use(),), history=history)).verdict is Verdict.PASS
    assert judged(a_case(products=(a_use(product="anydesk"),), history=removed)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"approval": "support"}, id="approved"),
        pytest.param({"role": Role.CLIENT}, id="a viewer"),
        pytest.param({"state": SightingState.RESIDUAL}, id="remains"),
    ],
)
def test_what_is_no_door_is_not_asked_about(a_case: Make, a_use: Make, removed: History, more: dict[str, Any]) -> None:
    assert judged(a_case(products=(a_use(**more),), history=removed)).verdict is Verdict.PASS


def test_a_suspicion_an_exception_a_gap_and_a_first_run(
    a_case: Make, a_use: Make, a_section: Make, removed: History
) -> None:
    suspected = a_case(products=(a_use(confidence=Confidence.SUSPECTED),), history=removed)
    assert judged(suspected).verdict is Verdict.UNKNOWN
    assert judged(a_case(products=(a_use(),), history=removed), "EX-1").verdict is Verdict.EXCEPTED
    denied = a_case(sections=(a_section("software.dpkg", Outcome.DENIED),), history=removed)
    assert judged(denied).verdict is Verdict.UNKNOWN
    assert judged(a_case(products=(a_use(),), history=History())).verdict is Verdict.NOT_APPLICABLE


def _past(**more: Any) -> History:
    past = ProductPast(first_seen=NOW - 5 * MONTH, last_seen=NOW - 3 * MONTH, **more)
    return History(last_complete=NOW - MONTH, complete_runs=5, products={"x11vnc": past})


def _is_there(history: History, **more: Any) -> Case:
    return a_host({}, products=(cases.a_use(),), history=history, **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _is_there(_past(gone_since=NOW - 2 * MONTH)),
    Verdict.PASS: lambda: _is_there(_past()),
    Verdict.UNKNOWN: lambda: _is_there(_past(), blind=("software.dpkg",)),
    Verdict.NOT_APPLICABLE: lambda: _is_there(History()),
}
