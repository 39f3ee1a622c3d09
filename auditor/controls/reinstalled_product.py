"""No unapproved remote-access software came back after it was removed.

## What it checks

Each remote-access server or agent that is on the host and that nobody approved: whether a run with complete evidence
had found it gone since it was first seen. It stays a violation until it is gone again or approved.

## Why it matters

Software that returns after its removal is put back by something: a management tool that still deploys it, a user with
the rights to install, or an intruder who holds on to the host (ATT&CK M1042 asks to disable or remove; a removal that
does not last is none).

## How to fix

Look for what installs it (deployment tools, scheduled tasks, another agent, users) and stop that first. Then remove
the software.

## What it needs

What `unapproved_product` needs, and earlier runs: one that saw the product, and a complete one that did not.
"""

from auditor.controls import unapproved_product
from auditor.controls.control import Control
from auditor.controls.product_past import baseline, present
from auditor.model.case import Case
from auditor.model.past import ProductPast
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence
from auditor.model.verdict import Assessment, Demand, Mitigation, Severity, Violation


def _assess(case: Case) -> Assessment:
    if (nothing := baseline(case)) is not None:
        return Assessment(inapplicable=nothing)
    back: list[Violation] = []
    suspected: list[Violation] = []
    for use, past in present(case):
        if use.is_allowed or past is None or (past.gone_since is None and past.returned is None):
            continue
        is_sure = use.sighting.confidence is Confidence.CONFIRMED
        (back if is_sure else suspected).append(_violation(use, past, case))
    return Assessment(violations=tuple(back), suspected=tuple(suspected))


def _violation(use: ProductUse, past: ProductPast, case: Case) -> Violation:
    seen = use.sighting
    gone, back = (past.was_gone, past.returned) if past.gone_since is None else (past.gone_since, case.as_of)
    return Violation(
        subject=f"product:{seen.product}",
        reason=f"{seen.name} came back: the audit of {gone:%Y-%m-%d} found it gone, the one of {back:%Y-%m-%d} found "
        f"it again. It was first seen on {past.first_seen:%Y-%m-%d}.",
        proof=seen.proof,
        remediation=(
            f"Find what puts {seen.name} back (deployment tools, scheduled tasks, other agents, users) and stop it.",
            f"Remove {seen.name}, and audit the host again.",
        ),
        severity=Severity.HIGH,
        product=seen.product,
    )


CONTROL = Control(
    id="reinstalled_product",
    title="No unapproved remote-access software came back after it was removed",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7", "CM-11"),
        "CIS Controls v8.1": ("2.3",),
    },
    demand=Demand.FORBIDS,
    needs=unapproved_product.CONTROL.needs,
    limits=unapproved_product.CONTROL.limits,
    assess=_assess,
    manual=__doc__,
)
