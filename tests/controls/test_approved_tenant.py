import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.approved_tenant import CONTROL
from auditor.model.breach import Breach, Term
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.host import OsFamily
from auditor.model.reading import SectionReading
from auditor.model.record import replace
from auditor.model.sighting import Confidence, Role, SightingState
from auditor.model.verdict import Severity, Verdict
from auditor.policy.judge import judge
from tests.controls import cases

Make = Callable[..., Any]
_FOREIGN = Breach(approval="rmm", term=Term.TENANT, text="is for tenant 'ours', and this is 'theirs'")
_UNTOLD = replace(_FOREIGN, is_told=False, text="is for tenant 'ours', and which tenant this is could not be told")
_OLD = Breach(approval="rmm", term=Term.VERSIONS, text="is for versions >=8, and this is '7'")
_SECTIONS = ("containers.docker", "remote_config.extensions", "remote_config.products")


@pytest.fixture
def a_host(a_case: Callable[..., Case], a_section: Make, an_approval: Make) -> Callable[..., Case]:
    """Give a function that makes a host whose every section was seen, under an approval that names a tenant."""

    def make(*products: Any, outcome: Outcome = Outcome.COLLECTED, tenant: str | None = "ours", **more: Any) -> Case:
        sections = tuple(a_section(name) for name in _SECTIONS[:-1])
        sections += (a_section(_SECTIONS[-1], outcome, reason=None if outcome is Outcome.COLLECTED else "no right"),)
        approvals = (an_approval(id="rmm", tenant=tenant),)
        return a_case(**{"sections": sections, "products": products, "approvals": approvals, **more})

    return make


def verdict(case: Case, exception: str | None = None) -> Verdict:
    return judge(CONTROL, case, lambda _control, _violation: exception).verdict


def test_the_approved_tenant_passes(a_host: Make, a_use: Make) -> None:
    assert verdict(a_host(a_use(tenant="ours", approval="rmm"))) is Verdict.PASS
    assert verdict(a_host()) is Verdict.PASS


@pytest.mark.parametrize(
    ("state", "severity"), [(SightingState.RUNNING, Severity.CRITICAL), (SightingState.INSTALLED, Severity.HIGH)]
)
def test_a_foreign_tenant_is_the_gravest(a_host: Make, a_use: Make, state: SightingState, severity: Severity) -> None:
    case = a_host(a_use(tenant="theirs", breaches=(_FOREIGN,), state=state))
    (violation,) = CONTROL.assess(case).violations
    assert verdict(case) is Verdict.FAIL
    assert (violation.subject, violation.severity, violation.product) == ("product:x11vnc/theirs", severity, "x11vnc")
    assert "approval 'rmm' is for tenant 'ours', and this is 'theirs'." in violation.reason
    assert any("the owner of approval 'rmm' (Service desk)" in step for step in violation.remediation)


def test_a_foreign_tenant_fails_however_little_was_seen(a_host: Make, a_use: Make) -> None:
    case = a_host(a_use(tenant="theirs", breaches=(_FOREIGN,)), outcome=Outcome.DENIED)
    assert verdict(case) is Verdict.FAIL


def test_a_tenant_that_nothing_tells_is_not_approved(a_host: Make, a_use: Make) -> None:
    case = a_host(a_use(breaches=(_UNTOLD,)))
    (violation,) = CONTROL.assess(case).violations
    assert verdict(case) is Verdict.FAIL
    assert (violation.subject, violation.severity) == ("product:x11vnc", Severity.HIGH)
    assert violation.reason.startswith("Whose x11vnc is does not show: approval 'rmm' ")


def test_what_a_missing_section_may_have_told_is_unknown(a_host: Make, a_use: Make) -> None:
    case = a_host(a_use(breaches=(_UNTOLD,)), outcome=Outcome.DENIED)
    found = judge(CONTROL, case, lambda _control, _violation: None)
    assert (found.verdict, found.violations) == (Verdict.UNKNOWN, ())
    assert any("which tenant this is could not be told" in gap.reason for gap in found.gaps)


def test_a_suspicion_is_unknown_and_an_exception_excepts(a_host: Make, a_use: Make) -> None:
    assert verdict(a_host(a_use(breaches=(_FOREIGN,), confidence=Confidence.SUSPECTED))) is Verdict.UNKNOWN
    assert verdict(a_host(a_use(breaches=(_FOREIGN,))), exception="EX-1") is Verdict.EXCEPTED


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param({"state": SightingState.RESIDUAL}, id="remains"),
        pytest.param({"role": Role.CLIENT}, id="a-viewer"),
        pytest.param({"breaches": (_OLD,)}, id="another-term"),
        pytest.param({"breaches": ()}, id="a-product-that-nobody-approved"),
    ],
)
def test_what_is_not_its_business(a_host: Make, a_use: Make, seen: dict[str, Any]) -> None:
    assert verdict(a_host(a_use(**{"breaches": (_FOREIGN,), **seen}))) is Verdict.PASS


def test_without_an_approval_that_names_a_tenant_it_does_not_apply(a_host: Make) -> None:
    assert verdict(a_host(approvals=())) is Verdict.NOT_APPLICABLE
    case = a_host(tenant=None)
    found = CONTROL.assess(case).inapplicable
    assert found is not None
    assert found.reason == "no approval of the policy for this host names a tenant"


def test_a_host_whose_software_no_reader_lists_is_unknown(a_host: Make) -> None:
    case = a_host()
    unlisted = SectionReading(id="software.dpkg", outcome=Outcome.ABSENT)
    reading = dataclasses.replace(case.reading, sections={**case.reading.sections, "software.dpkg": unlisted})
    case = replace(case, reading=reading)
    assert verdict(case) is Verdict.UNKNOWN


def test_settings_are_needed_on_every_system() -> None:
    assert all("remote_config.products" in CONTROL.needs[os] for os in OsFamily)


def _reports(tenant: str | None = "ours", **more: Any) -> Case:
    return cases.a_host({}, approvals=(cases.an_approval(id="rmm", tenant=tenant),), **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _reports(products=(cases.a_use(tenant="theirs", breaches=(_FOREIGN,)),)),
    Verdict.PASS: lambda: _reports(products=(cases.a_use(tenant="ours", approval="rmm"),)),
    Verdict.UNKNOWN: lambda: _reports(blind=("remote_config.products",)),
    Verdict.NOT_APPLICABLE: lambda: _reports(tenant=None),
}
