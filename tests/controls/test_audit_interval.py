"""A month that was left out is seen by the audit after it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from auditor.controls.audit_interval import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.past import History
from auditor.model.policy import Settings
from auditor.model.verdict import Judgement, Verdict
from auditor.policy.judge import judge
from tests.controls.cases import NOW, a_host

Make = Callable[..., Any]


@pytest.fixture
def judged(a_case: Make, a_section: Make, now: datetime) -> Callable[..., Judgement]:
    def make(
        age: timedelta | None, exception: str | None = None, outcome: Outcome = Outcome.COLLECTED, **settings: Any
    ) -> Judgement:
        history = History() if age is None else History(last_complete=now - age, complete_runs=1)
        sections = (a_section("system.os", outcome),)
        case = a_case(history=history, settings=Settings(**settings), sections=sections)
        return judge(CONTROL, case, lambda _control, _violation: exception)

    return make


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        pytest.param(None, Verdict.NOT_APPLICABLE, id="the first audit has none before it"),
        pytest.param(timedelta(days=30), Verdict.PASS, id="a month"),
        pytest.param(timedelta(days=35), Verdict.PASS, id="to the second"),
        pytest.param(timedelta(days=35, seconds=1), Verdict.FAIL, id="a second more"),
        pytest.param(timedelta(days=61), Verdict.FAIL, id="a month was left out"),
        pytest.param(timedelta(days=-1), Verdict.PASS, id="an audit that is judged anew, as of before the last"),
    ],
)
def test_an_audit_of_this_age_before_it_gives(
    judged: Callable[..., Judgement], age: timedelta | None, verdict: Verdict
) -> None:
    assert judged(age).verdict is verdict


def test_it_names_the_day_and_what_is_allowed(judged: Callable[..., Judgement]) -> None:
    (violation,) = judged(timedelta(days=61), audit_interval=timedelta(days=40)).violations
    assert violation.subject == "interval"
    assert violation.reason == (
        "The last complete audit before this one was on 2026-09-21, 61 days ago, where the policy allows 40."
    )


def test_an_exception_and_a_host_that_does_not_say_what_it_is(judged: Callable[..., Judgement]) -> None:
    assert judged(timedelta(days=61), "EX-1").verdict is Verdict.EXCEPTED
    assert judged(timedelta(days=1), outcome=Outcome.FAILED).verdict is Verdict.UNKNOWN


def _after(days: int, **more: Any) -> Case:
    return a_host({}, history=History(last_complete=NOW - timedelta(days=days), complete_runs=1), **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _after(61),
    Verdict.PASS: lambda: _after(30),
    Verdict.UNKNOWN: lambda: _after(30, blind=("system.os",)),
    Verdict.NOT_APPLICABLE: lambda: a_host({}, history=History()),
}
