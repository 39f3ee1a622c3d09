"""Approved remote-access software belongs to the tenant that its approval names.

## What it checks

Each product that an approval with a `tenant` is for: whose instance it is, as its settings, its command line and the
names of its services tell. Another tenant breaks this control; so does one that could not be told although everything
was seen, for nothing is allowed that is not shown to be. Where a section is missing that may have told it, the verdict
is unknown. Of several approvals the nearest one counts. No approval for this host names a tenant: not applicable.

## Why it matters

An agent of an approved product that reports to somebody else's console is somebody else's door: lists of forbidden
names, signers and ports let it pass, and that is why intruders bring it (ATT&CK T1219.002).

## How to fix

Find out who installed the instance, remove it, and look for what else that person did. If the tenant is yours, approve
it by another entry of the policy.

## What it needs

What `unapproved_product` needs, and the settings of products, which name most tenants.
"""

from auditor.controls.approved import LIMITS, PRODUCTS, broken, owner_of, subject_of, unread_sources, untold, without
from auditor.controls.control import Control, needed_sections
from auditor.model.breach import Breach, Term
from auditor.model.case import Case
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence, SightingState
from auditor.model.verdict import Assessment, Demand, Gap, Mitigation, Severity, Violation


def _assess(case: Case) -> Assessment:
    nothing = without(case, Term.TENANT)
    if nothing is not None:
        return nothing
    sure: list[Violation] = []
    unsure: list[Violation] = []
    gaps: list[Gap] = list(unread_sources(case))
    for use, breach in broken(case, Term.TENANT):
        missing = () if breach.is_told else untold(case, use, breach, needed_sections(CONTROL, case))
        if missing:
            gaps += missing
            continue
        violation = _foreign(use, breach, case) if breach.is_told else _unknown(use, breach, case)
        (sure if use.sighting.confidence is Confidence.CONFIRMED else unsure).append(violation)
    return Assessment(violations=tuple(sure), suspected=tuple(unsure), gaps=tuple(gaps))


def _foreign(use: ProductUse, breach: Breach, case: Case) -> Violation:
    seen = use.sighting
    runs = seen.state is SightingState.RUNNING
    stop = (f"Stop and disable this instance of {seen.name} so that its console loses the host.",) if runs else ()
    return Violation(
        subject=subject_of(seen),
        reason=f"{seen.name} {'runs' if runs else 'is there'} for a tenant that nobody approved: approval "
        f"'{breach.approval}' {breach.text}.",
        proof=seen.proof,
        remediation=(
            *stop,
            "Find out who installed it, and treat the host as compromised if nobody has a reason.",
            f"Remove this instance of {seen.name}; one that belongs to the approved tenant may stay.",
            f"If the tenant is the organisation's own, have {owner_of(case, breach.approval)} add an approval for it.",
        ),
        severity=Severity.CRITICAL if runs else Severity.HIGH,
        product=seen.product,
    )


def _unknown(use: ProductUse, breach: Breach, case: Case) -> Violation:
    seen = use.sighting
    return Violation(
        subject=subject_of(seen),
        reason=f"Whose {seen.name} is does not show: approval '{breach.approval}' {breach.text}.",
        proof=seen.proof,
        remediation=(
            f"Look on the host whose console {seen.name} reports to, and remove it if that is nobody's of yours.",
            f"If no host can tell that, have {owner_of(case, breach.approval)} approve it by signer, not by tenant.",
        ),
        severity=Severity.HIGH if seen.state is SightingState.RUNNING else Severity.MEDIUM,
        product=seen.product,
    )


CONTROL = Control(
    id="approved_tenant",
    title="Approved remote-access software belongs to the approved tenant",
    mitigation=Mitigation.M1042,
    techniques=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7(5)", "AC-17"),
        "CIS Controls v8.1": ("2.3",),
        "PCI DSS v4": ("1.2.5",),
    },
    demand=Demand.FORBIDS,
    needs={os: (*sections, "remote_config.products") for os, sections in PRODUCTS.items()},
    limits=LIMITS,
    assess=_assess,
    manual=__doc__,
)
