from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from auditor.controls.complete_inventory import CONTROL
from auditor.controls.control import needed_sections
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.past import History
from auditor.model.policy import Settings
from auditor.model.record import replace
from auditor.model.verdict import Verdict
from tests.controls.cases import NOW, a_host

Make = Callable[..., Any]
ALLOWED = Settings(max_age=timedelta(days=35))


def test_complete_evidence_breaks_nothing_whatever_the_past(a_case: Make, now: datetime) -> None:
    old = History(first_seen=now - timedelta(days=900), last_complete=None)
    assert CONTROL.assess(a_case(history=old)).violations == ()


@pytest.mark.parametrize(
    ("first_seen", "last_complete", "violated"),
    [
        pytest.param(None, None, False, id="the-first-run-is-in-time"),
        pytest.param(34, None, False, id="not-yet-too-long"),
        pytest.param(36, None, True, id="never-complete-and-known-too-long"),
        pytest.param(900, 35, False, id="complete-on-the-last-day-allowed"),
        pytest.param(900, 36, True, id="complete-too-long-ago"),
    ],
)
def test_incomplete_evidence_breaks_it_once_it_is_too_old(
    a_case: Make, a_section: Make, now: datetime, first_seen: int | None, last_complete: int | None, violated: bool
) -> None:
    def ago(days: int | None) -> datetime | None:
        return None if days is None else now - timedelta(days=days)

    case = a_case(
        sections=(a_section("accounts.sudoers", Outcome.DENIED, reason="needs root", advice="use sudo"),),
        settings=ALLOWED,
        history=History(first_seen=ago(first_seen), last_complete=ago(last_complete)),
    )
    found = CONTROL.assess(case)
    assert [violation.subject for violation in found.violations] == (["evidence"] if violated else [])
    for violation in found.violations:
        assert violation.remediation == ("use sudo",)
        assert violation.proof[0].quote == "needs root"


def test_it_needs_every_section_of_the_host(a_case: Make) -> None:
    case = a_case()
    assert needed_sections(CONTROL, case) == tuple(case.reading.sections)


@pytest.mark.parametrize(("days", "violated"), [(35, False), (36, True)])
def test_complete_evidence_that_is_too_old_breaks_it(a_case: Make, now: datetime, days: int, violated: bool) -> None:
    case = a_case(settings=ALLOWED)
    case = replace(case, as_of=now + timedelta(days=days))
    assert [one.subject for one in CONTROL.assess(case).violations] == (["evidence"] if violated else [])


def _with_a_gap(days: int) -> Case:
    history = History(first_seen=NOW - timedelta(days=900), last_complete=NOW - timedelta(days=days))
    return a_host({}, blind=("accounts.sudoers",), history=history)


CASES: dict[Verdict, Callable[[], Case]] = {
    # What is too old is so although nothing is missing: an exception for it leaves no gap behind.
    Verdict.FAIL: lambda: a_host({}, as_of=NOW + timedelta(days=36)),
    Verdict.PASS: lambda: a_host({}),
    Verdict.UNKNOWN: lambda: _with_a_gap(1),
}
ALWAYS_APPLIES = "evidence is asked of every host"
