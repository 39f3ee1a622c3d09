"""Approved software that nobody uses."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from auditor.controls.idle_product import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.past import History, ProductPast
from auditor.model.policy import Settings
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
def idle(now: datetime) -> History:
    """Give what is known of a host on which x11vnc was idle in two complete runs."""
    past = ProductPast(first_seen=now - 5 * MONTH, last_seen=now - MONTH, idle_runs=2, idle_since=now - 2 * MONTH)
    return History(first_seen=now - 6 * MONTH, last_complete=now - MONTH, complete_runs=5, products={"x11vnc": past})


@pytest.fixture
def unused(a_use: Make) -> Make:
    def make(**more: Any) -> Any:
        return a_use(**{"approval": "support", "state": SightingState.INSTALLED, **more})

    return make


def test_the_third_idle_run_in_a_row_is_one_too_many(a_case: Make, unused: Make, idle: History) -> None:
    found = judged(a_case(products=(unused(),), history=idle))
    assert found.verdict is Verdict.FAIL
    (violation,) = found.violations
    assert violation.reason == (
        "x11vnc is approved ('support') and was not running in 3 complete audits in a row, since 2026-09-22."
    )


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"state": SightingState.RUNNING}, id="it runs"),
        pytest.param({"approval": None}, id="it is not approved, which is another control's"),
        pytest.param({"role": Role.CLIENT}, id="a viewer"),
        pytest.param({"confidence": Confidence.SUSPECTED}, id="a suspicion"),
        pytest.param({"product": "anydesk"}, id="it is new"),
    ],
)
def test_what_is_used_or_no_door_passes(a_case: Make, unused: Make, idle: History, more: dict[str, Any]) -> None:
    assert judged(a_case(products=(unused(**more),), history=idle)).verdict is Verdict.PASS


def test_the_policy_says_how_many_runs(a_case: Make, unused: Make, idle: History) -> None:
    def verdict(runs: int) -> Verdict:
        return judged(a_case(products=(unused(),), history=idle, settings=Settings(idle_runs=runs))).verdict

    assert [verdict(runs) for runs in (0, 3, 4, 7)] == [
        Verdict.NOT_APPLICABLE,
        Verdict.FAIL,
        Verdict.PASS,
        Verdict.NOT_APPLICABLE,  # this is the sixth complete run at most
    ]


def test_without_all_evidence_it_is_not_called_idle(a_case: Make, unused: Make, a_section: Make, idle: History) -> None:
    sections = (a_section("processes.procfs", Outcome.PARTIAL),)
    assert judged(a_case(products=(unused(),), history=idle, sections=sections)).verdict is Verdict.UNKNOWN


def test_it_is_excepted_like_any_other(a_case: Make, unused: Make, idle: History) -> None:
    assert judged(a_case(products=(unused(),), history=idle), "EX-1").verdict is Verdict.EXCEPTED


def _past(**more: Any) -> History:
    past = ProductPast(first_seen=NOW - 5 * MONTH, last_seen=NOW - 3 * MONTH, **more)
    return History(last_complete=NOW - MONTH, complete_runs=5, products={"x11vnc": past})


def _lies_there(runs: int, **more: Any) -> Case:
    use = cases.a_use(approval="support", state=SightingState.INSTALLED)
    return a_host({}, products=(use,), history=_past(idle_runs=runs, idle_since=NOW - 2 * MONTH), **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _lies_there(2),
    Verdict.PASS: lambda: _lies_there(1),
    Verdict.UNKNOWN: lambda: _lies_there(2, blind=("processes.procfs",)),
    Verdict.NOT_APPLICABLE: lambda: _lies_there(2, settings=Settings(idle_runs=0)),
}
