"""Every control has each verdict that it can give: a fail, a pass, an unknown, an excepted, and a not-applicable one.

The test module of a control gives the hosts: ``CASES`` maps *fail*, *pass* and *unknown* to what makes the case, and
*not applicable* where something of a host or of the policy makes it so. What names a system in ``not_on`` does not
apply there; what can be not applicable nowhere says in ``ALWAYS_APPLIES`` why. *Excepted* is the failing host with an
exception.
"""

import importlib
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from auditor.controls.control import Control
from auditor.controls.registry import controls
from auditor.model.case import Case
from auditor.model.policy import ExceptionRecord
from auditor.model.record import replace
from auditor.model.standing import Standing, WeighedException
from auditor.model.verdict import Judgement, Verdict, Violation
from auditor.policy.exceptions import exception_for
from auditor.policy.judge import judge
from tests.controls.cases import NOW

_GIVEN = (Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN)
_ALL = [pytest.param(control, id=name) for name, control in controls().items()]


def _cases(control: Control) -> Mapping[Verdict, Callable[[], Case]]:
    cases: Mapping[Verdict, Callable[[], Case]] = importlib.import_module(f"tests.controls.test_{control.id}").CASES
    return cases


def _judged(control: Control, case: Case, *, days: int | None = None, of: str | None = None) -> Judgement:
    """Judge a case; with an exception for all subjects, or for one, that ends in a number of days."""
    today = NOW.date()
    records = () if days is None else (_exception(of or control.id, days),)

    def excuse(name: str, violation: Violation) -> str | None:
        found = exception_for(name, case.host, violation, records, today)
        return None if found is None else found.id

    return judge(control, case, excuse)


def _exception(control: str, days: int) -> WeighedException:
    record = ExceptionRecord(
        id="EX-1", control=control, hosts=("*",), reason="needed", requested_by="Ada", approved_by="Grace",
        start=NOW.date() - timedelta(days=30), end=NOW.date() + timedelta(days=days),
    )  # fmt: skip
    return WeighedException(record=record, standing=Standing.VERIFIED)


@pytest.mark.parametrize("control", _ALL)
@pytest.mark.parametrize("verdict", _GIVEN)
def test_each_verdict_is_given(control: Control, verdict: Verdict) -> None:
    cases = _cases(control)
    assert set(_GIVEN) <= set(cases) <= {*_GIVEN, Verdict.NOT_APPLICABLE}
    assert _judged(control, cases[verdict]()).verdict is verdict


@pytest.mark.parametrize("control", _ALL)
def test_what_fails_says_why_where_and_what_to_do(control: Control) -> None:
    found = _judged(control, _cases(control)[Verdict.FAIL]())
    for violation in found.violations:
        assert violation.reason.strip()
        assert violation.remediation
        assert violation.subject.strip()


@pytest.mark.parametrize("control", _ALL)
def test_an_exception_makes_the_failing_host_excepted_until_it_ends(control: Control) -> None:
    case = _cases(control)[Verdict.FAIL]()
    assert _judged(control, case, days=0).verdict is Verdict.EXCEPTED
    assert _judged(control, case, days=-1).verdict is Verdict.FAIL
    other = next(name for name in controls() if name != control.id)
    assert _judged(control, case, days=30, of=other).verdict is Verdict.FAIL


@pytest.mark.parametrize("control", _ALL)
def test_an_unknown_says_what_was_not_seen(control: Control) -> None:
    found = _judged(control, _cases(control)[Verdict.UNKNOWN]())
    assert found.gaps or found.suspected
    assert all(gap.reason.strip() for gap in found.gaps)


@pytest.mark.parametrize("control", _ALL)
def test_a_pass_says_what_it_rests_on(control: Control) -> None:
    assert _judged(control, _cases(control)[Verdict.PASS]()).rests_on


@pytest.mark.parametrize("control", _ALL)
def test_what_can_be_not_applicable_is(control: Control) -> None:
    cases = _cases(control)
    always = getattr(importlib.import_module(f"tests.controls.test_{control.id}"), "ALWAYS_APPLIES", "")
    made = cases.get(Verdict.NOT_APPLICABLE)
    if made is not None:
        judged = _judged(control, made())
        assert judged.verdict is Verdict.NOT_APPLICABLE
        assert judged.inapplicable is not None
    for os in control.not_on:
        # Whatever was seen there, and even what would fail elsewhere.
        elsewhere = cases[Verdict.FAIL]()
        judged = _judged(control, replace(elsewhere, head=replace(elsewhere.head, os=os)))
        assert judged.verdict is Verdict.NOT_APPLICABLE
        assert judged.inapplicable is not None
        assert judged.inapplicable.reason == control.not_on[os]
    has_case = made is not None or bool(control.not_on)
    assert has_case is not bool(always.strip()), "a not-applicable case, or in ALWAYS_APPLIES why there is none"
