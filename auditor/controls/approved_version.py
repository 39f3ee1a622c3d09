"""Approved remote-access software has a version that its approval names.

## What it checks

Each product that an approval with `versions` is for: the version that its package or its bundle states, in the order
that the policy documents. A version outside of the range breaks this control; so does one that could not be told
although everything was seen, as of a copy that no package brought. Where a section is missing that may have told it,
the verdict is unknown. Of several approvals the nearest one counts. No approval for this host names versions: not
applicable.

## Why it matters

An approval was given to what somebody looked at. Remote-access servers of old versions have been ways in by themselves
(CVE-2024-1709 of ScreenConnect), and a portable copy of whatever age passes for the approved product by its name
(ATT&CK T1219.002, T1021.005).

## How to fix

Bring the product to a version of the range; or look at the version that is there, and widen the range.

## What it needs

What `unapproved_product` needs; the version itself stands in the lists of installed software.
"""

from auditor.controls.approved import LIMITS, PRODUCTS, broken, owner_of, subject_of, unread_sources, untold, without
from auditor.controls.control import Control, needed_sections
from auditor.model.breach import Breach, Term
from auditor.model.case import Case
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence
from auditor.model.verdict import Assessment, Demand, Gap, Mitigation, Severity, Violation


def _assess(case: Case) -> Assessment:
    nothing = without(case, Term.VERSIONS)
    if nothing is not None:
        return nothing
    sure: list[Violation] = []
    unsure: list[Violation] = []
    gaps: list[Gap] = list(unread_sources(case))
    for use, breach in broken(case, Term.VERSIONS):
        missing = () if breach.is_told else untold(case, use, breach, needed_sections(CONTROL, case))
        if missing:
            gaps += missing
            continue
        into = sure if use.sighting.confidence is Confidence.CONFIRMED else unsure
        into.append(_violation(use, breach, case))
    return Assessment(violations=tuple(sure), suspected=tuple(unsure), gaps=tuple(gaps))


def _violation(use: ProductUse, breach: Breach, case: Case) -> Violation:
    seen = use.sighting
    if breach.is_told:
        said = f"{seen.name} has a version that nobody approved"
        step = f"Bring {seen.name} to a version of that range, with what installed it."
    else:
        said = f"Which version of {seen.name} this is does not show"
        step = f"Find out where this copy of {seen.name} came from, and replace it with one that a package brings."
    return Violation(
        subject=subject_of(seen),
        reason=f"{said}: approval '{breach.approval}' {breach.text}.",
        proof=seen.proof,
        remediation=(
            step,
            f"If this one is to be approved too, have {owner_of(case, breach.approval)} change `versions`.",
        ),
        severity=Severity.MEDIUM,
        product=seen.product,
    )


CONTROL = Control(
    id="approved_version",
    title="Approved remote-access software has an approved version",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7(5)", "SI-2"),
        "CIS Controls v8.1": ("2.2", "2.3"),
    },
    demand=Demand.FORBIDS,
    needs=PRODUCTS,
    limits=LIMITS,
    assess=_assess,
    manual=__doc__,
)
