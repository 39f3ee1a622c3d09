"""No control passes on a system that it says nothing of, or of which nothing was asked."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from auditor.collect.probe import sections_of
from auditor.controls.control import Control, limits_on
from auditor.controls.registry import controls
from auditor.model.case import Case
from auditor.model.evidence import Outcome, Proof
from auditor.model.host import OsFamily
from auditor.model.policy import Approval, ExecutionDemand, Networks, Settings
from auditor.model.reading import Reading, SectionReading
from auditor.model.record import replace
from auditor.model.verdict import Assessment, Demand, Mitigation, Verdict
from auditor.policy.judge import judge

Make = Callable[..., Any]
_PAIRS = [pytest.param(control, os, id=f"{name} on {os}") for name, control in controls().items() for os in OsFamily]
_APPROVAL = Approval(
    id="a", product="x11vnc", versions=">=1", tenant="t", reason="r", owner="o", review_by=date(2027, 1, 1)
)
_ASKED = Settings(execution_control=ExecutionDemand.ALLOWLIST, user_installs=False)


def _on(case: Case, os: OsFamily, sections: dict[str, SectionReading]) -> Case:
    reading = Reading(os=os, rights=case.reading.rights, sections=sections, facts={})
    networks = Networks(filter_outbound=True)
    asked = replace(case, settings=_ASKED, networks=networks, approvals=(_APPROVAL,))
    return replace(asked, head=replace(case.head, os=os), reading=reading)


def _answered(os: OsFamily) -> dict[str, SectionReading]:
    return {name: SectionReading(id=name, outcome=Outcome.COLLECTED, proof=Proof.LAB) for name in sections_of(os)}


def _verdict(control: Control, case: Case) -> Verdict:
    return judge(control, case, lambda _control, _violation: None).verdict


@pytest.mark.parametrize(("control", "os"), _PAIRS)
def test_a_host_that_was_asked_nothing_passes_nothing(a_case: Make, control: Control, os: OsFamily) -> None:
    found = _verdict(control, _on(a_case(), os, {}))
    # A requirement of which nothing was seen is unknown, and so is what forbids; only a reason makes it inapplicable.
    assert found is (Verdict.NOT_APPLICABLE if os in control.not_on else Verdict.UNKNOWN)


@pytest.mark.parametrize(("control", "os"), _PAIRS)
def test_each_section_that_a_control_needs_can_keep_it_from_passing(
    a_case: Make, control: Control, os: OsFamily
) -> None:
    whole = _answered(os)
    for name in judge(control, _on(a_case(), os, whole), lambda _control, _violation: None).rests_on:
        without = {one: section for one, section in whole.items() if one != name}
        blind = whole | {name: replace(whole[name], outcome=Outcome.DENIED, reason="no right")}
        assert _verdict(control, _on(a_case(), os, blind)) not in (Verdict.PASS, Verdict.EXCEPTED)
        if name in control.needs[os]:
            # Not even a version that does not ask it any more makes it a pass.
            assert _verdict(control, _on(a_case(), os, without)) not in (Verdict.PASS, Verdict.EXCEPTED)


@pytest.mark.parametrize(("control", "os"), _PAIRS)
def test_a_system_that_is_not_named_is_unknown_whatever_was_answered(
    a_case: Make, control: Control, os: OsFamily
) -> None:
    if os not in control.needs and os not in control.not_on:
        assert _verdict(control, _on(a_case(), os, _answered(os))) is Verdict.UNKNOWN


@pytest.mark.parametrize("os", OsFamily)
@pytest.mark.parametrize("control", controls().values(), ids=controls())
def test_what_is_needed_is_asked_on_that_system(control: Control, os: OsFamily) -> None:
    asked = sections_of(os)
    missing = [
        want
        for want in control.needs.get(os, ())
        if want != "*" and not any(one == want or one.startswith(want.removesuffix("*")) for one in asked)
    ]
    assert missing == []
    assert os in control.needs or control.not_on[os]


def test_a_control_cannot_be_both_judged_and_not_judged_on_a_system() -> None:
    with pytest.raises(ValueError, match="needs or a reason"):
        Control(
            id="x",
            title="x",
            mitigation=Mitigation.M1042,
            techniques=(),
            demand=Demand.FORBIDS,
            needs={OsFamily.LINUX: ("*",)},
            not_on={OsFamily.LINUX: "no reason"},
            assess=lambda _case: Assessment(),
            manual="",
        )


def test_limits_are_told_on_the_systems_that_they_are_about() -> None:
    control = controls()["unapproved_product"]
    by_system = {os: {limit.id for limit in limits_on(control, os)} for os in OsFamily}
    assert {"walk-places", "program_traces"} & by_system[OsFamily.LINUX] == {"walk-places"}
    assert {"walk-places", "program_traces"} & by_system[OsFamily.WINDOWS] == {"program_traces"}
