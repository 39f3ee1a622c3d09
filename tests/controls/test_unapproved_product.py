import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.unapproved_product import CONTROL
from auditor.model.breach import Breach, Term
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.processes import Process
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.policy import Settings
from auditor.model.reading import Found, SectionReading
from auditor.model.record import replace
from auditor.model.result import ProductUse
from auditor.model.sighting import Category, Confidence, Quote, Role, SightingState
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host, an_approval

Make = Callable[..., Any]
_OLD = Breach(approval="support", term=Term.VERSIONS, text="is for versions >=8, and this is '7'")


@pytest.mark.parametrize(
    ("seen", "violated"),
    [
        pytest.param({}, True, id="running-and-nobody-approved-it"),
        pytest.param({"state": SightingState.INSTALLED}, True, id="installed-is-enough"),
        pytest.param({"approval": "support"}, False, id="approved"),
        pytest.param({"breaches": (_OLD,)}, False, id="approved-in-another-version-is-said-elsewhere"),
        pytest.param({"state": SightingState.RESIDUAL}, False, id="remains-are-only-reported"),
        pytest.param({"role": Role.CLIENT}, False, id="a-viewer-is-only-reported"),
        pytest.param({"role": Role.AGENT}, True, id="an-agent-counts"),
    ],
)
def test_what_breaks_it(a_case: Make, a_use: Callable[..., ProductUse], seen: dict[str, Any], violated: bool) -> None:
    found = CONTROL.assess(a_case(products=(a_use(**seen),)))
    assert [violation.subject for violation in found.violations] == (["product:x11vnc"] if violated else [])
    assert found.suspected == ()


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        (Settings(residual_is_violation=True), {"state": SightingState.RESIDUAL}),
        (Settings(clients_are_violations=True), {"role": Role.CLIENT}),
    ],
)
def test_a_policy_may_be_stricter(a_case: Make, a_use: Make, settings: Settings, seen: dict[str, Any]) -> None:
    assert len(CONTROL.assess(a_case(products=(a_use(**seen),), settings=settings)).violations) == 1


def test_a_suspicion_is_kept_apart_from_what_is_confirmed(a_case: Make, a_use: Make) -> None:
    found = CONTROL.assess(a_case(products=(a_use(confidence=Confidence.SUSPECTED),)))
    assert (found.violations, len(found.suspected)) == ((), 1)


def test_the_reason_says_why_an_approval_does_not_hold(a_case: Make, a_use: Make) -> None:
    (violation,) = CONTROL.assess(
        a_case(products=(a_use(objection="approval a1 ended its review", version="1.2"),))
    ).violations
    assert violation.reason == "x11vnc is running (version 1.2). approval a1 ended its review."
    assert violation.proof[0].quote == "x11vnc -forever"


def test_tenants_are_findings_of_their_own(a_case: Make, a_use: Make) -> None:
    found = CONTROL.assess(a_case(products=(a_use(tenant="ours"), a_use(tenant="theirs"))))
    assert {violation.subject for violation in found.violations} == {"product:x11vnc/ours", "product:x11vnc/theirs"}


def test_a_host_whose_software_no_reader_lists_is_a_gap(
    a_case: Callable[..., Case], a_section: Callable[..., SectionReading]
) -> None:
    found = CONTROL.assess(a_case(sections=(a_section("software.dpkg", Outcome.ABSENT),)))
    assert [gap.section for gap in found.gaps] == ["software.*"]
    assert CONTROL.assess(a_case()).gaps == ()
    # What users and vendors add stands beside a system that something else installed.
    beside = tuple(a_section(f"software.{name}") for name in ("snap", "flatpak", "pypi", "npm", "portable"))
    found = CONTROL.assess(a_case(sections=(a_section("software.dpkg", Outcome.ABSENT), *beside)))
    assert [gap.section for gap in found.gaps] == ["software.*"]


@pytest.mark.parametrize(
    ("section", "step"), [("software.portable", "delete the files"), ("software.dpkg", "remove x")]
)
def test_a_portable_program_is_removed_by_hand(a_case: Make, a_use: Make, section: str, step: str) -> None:
    (violation,) = CONTROL.assess(a_case(products=(a_use(proof=(Quote(section=section, quote="x11vnc"),)),))).violations
    assert any(step in one for one in violation.remediation)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        pytest.param({"product": "microsoft-rdp", "category": Category.RDP}, "switch", id="a-feature-is-switched-off"),
        pytest.param(
            {"product": "microsoft-quick-assist", "category": Category.BUILTIN, "role": Role.AGENT},
            "delete the program",
            id="a-program-that-no-list-names",
        ),
        pytest.param(
            {"proof": (Quote(section="software.uninstall", quote="a line of evidence"),)},
            "'MsiExec.exe /X{1}' does it: read that before anybody runs it",
            id="what-the-host-says-removes-it-is-quoted",
        ),
    ],
)
def test_removal_in_the_words_of_windows(a_case: Make, a_use: Make, seen: dict[str, Any], words: str) -> None:
    program = Software(name="x", version="1", source="software.uninstall", removal="MsiExec.exe /X{1}")
    case = a_case(program, products=(a_use(**seen),))
    section = SectionReading(id="software.uninstall", outcome=Outcome.COLLECTED, lines=("a line of evidence",))
    facts = {kind: tuple(Found(one.fact, section.id, 1) for one in found) for kind, found in case.reading.facts.items()}
    reading = dataclasses.replace(case.reading, sections={**case.reading.sections, section.id: section}, facts=facts)
    case = replace(case, head=replace(case.head, os=OsFamily.WINDOWS), reading=reading)
    (violation,) = CONTROL.assess(case).violations
    assert any(words in step for step in violation.remediation)
    assert not any("package manager" in step for step in violation.remediation)


def _runs(**more: Any) -> Case:
    process = Process(pid=7, parent=1, user="root", uid=0, name="x11vnc", executable="/usr/bin/x11vnc")
    return a_host({"processes.procfs": [process]}, **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: _runs,
    Verdict.PASS: lambda: _runs(approvals=(an_approval(),)),
    Verdict.UNKNOWN: lambda: a_host({}, blind=("software.dpkg",)),
}
ALWAYS_APPLIES = "every system can have remote-access software"
