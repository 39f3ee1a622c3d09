from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.approved_version import CONTROL
from auditor.model.breach import Breach, Term
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.record import replace
from auditor.model.sighting import Confidence, SightingState
from auditor.model.verdict import Verdict
from auditor.policy.judge import judge
from tests.controls import cases

Make = Callable[..., Any]
_OLD = Breach(approval="support", term=Term.VERSIONS, text="is for versions >=8, and this is '7.1'")
_UNTOLD = replace(_OLD, is_told=False, text="is for versions >=8, and which version this is could not be told")


@pytest.fixture
def a_host(a_case: Callable[..., Case], a_section: Make, an_approval: Make) -> Callable[..., Case]:
    """Give a function that makes a host whose every section was seen, under an approval that names versions."""

    def make(*products: Any, outcome: Outcome = Outcome.COLLECTED, versions: str | None = ">=8", **more: Any) -> Case:
        sections = (
            a_section("containers.docker"),
            a_section("remote_config.extensions"),
            a_section("software.dpkg", outcome, reason=None if outcome is Outcome.COLLECTED else "no right"),
        )
        approvals = (an_approval(versions=versions),)
        return a_case(**{"sections": sections, "products": products, "approvals": approvals, **more})

    return make


def verdict(case: Case, exception: str | None = None) -> Verdict:
    return judge(CONTROL, case, lambda _control, _violation: exception).verdict


def test_an_approved_version_passes(a_host: Make, a_use: Make) -> None:
    assert verdict(a_host(a_use(version="8.1", approval="support"))) is Verdict.PASS


@pytest.mark.parametrize(
    ("breach", "words"),
    [
        (_OLD, "x11vnc has a version that nobody approved: approval 'support' is for versions >=8, and this is '7.1'."),
        (_UNTOLD, "Which version of x11vnc this is does not show: approval 'support' is for versions >=8, and which"),
    ],
)
def test_another_version_and_one_that_does_not_show_break_it(
    a_host: Make, a_use: Make, breach: Breach, words: str
) -> None:
    case = a_host(a_use(breaches=(breach,)))
    (violation,) = CONTROL.assess(case).violations
    assert verdict(case) is Verdict.FAIL
    assert violation.subject == "product:x11vnc"
    assert violation.reason.startswith(words)


def test_what_a_missing_list_may_have_told_is_unknown(a_host: Make, a_use: Make) -> None:
    assert verdict(a_host(a_use(breaches=(_UNTOLD,)), outcome=Outcome.PARTIAL)) is Verdict.UNKNOWN
    assert verdict(a_host(a_use(breaches=(_OLD,)), outcome=Outcome.PARTIAL)) is Verdict.FAIL
    assert verdict(a_host(outcome=Outcome.PARTIAL)) is Verdict.UNKNOWN


def test_a_suspicion_is_unknown_and_an_exception_excepts(a_host: Make, a_use: Make) -> None:
    assert verdict(a_host(a_use(breaches=(_OLD,), confidence=Confidence.SUSPECTED))) is Verdict.UNKNOWN
    assert verdict(a_host(a_use(breaches=(_OLD,))), exception="EX-1") is Verdict.EXCEPTED


def test_remains_and_other_terms_are_not_its_business(a_host: Make, a_use: Make) -> None:
    review = Breach(approval="support", term=Term.REVIEW, text="was to be reviewed")
    assert verdict(a_host(a_use(breaches=(_OLD,), state=SightingState.RESIDUAL))) is Verdict.PASS
    assert verdict(a_host(a_use(breaches=(review,)))) is Verdict.PASS


def test_without_an_approval_that_names_versions_it_does_not_apply(a_host: Make) -> None:
    assert verdict(a_host(approvals=())) is Verdict.NOT_APPLICABLE
    found = CONTROL.assess(a_host(versions=None)).inapplicable
    assert found is not None
    assert found.reason == "no approval of the policy for this host names versions"


def _is_of(versions: str | None = ">=8", **more: Any) -> Case:
    return cases.a_host({}, approvals=(cases.an_approval(versions=versions),), **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _is_of(products=(cases.a_use(breaches=(_OLD,)),)),
    Verdict.PASS: lambda: _is_of(products=(cases.a_use(version="8.1", approval="support"),)),
    Verdict.UNKNOWN: lambda: _is_of(blind=("software.dpkg",)),
    Verdict.NOT_APPLICABLE: lambda: _is_of(versions=None),
}
