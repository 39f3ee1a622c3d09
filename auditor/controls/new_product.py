"""No remote-access software came to the host between audits without an approval.

## What it checks

Each remote-access server or agent that is on the host and that nobody approved: whether an earlier run with complete
evidence of the host did not see it. If so, it came while the host was being audited: between the run that did not see
it and the one that did. It stays a violation until it is gone or approved. What was there when the host was first seen
completely came before anybody looked, and breaks `unapproved_product` alone.

## Why it matters

ATT&CK M1047 asks to look for remote-access software again and again, because one inventory says nothing of the next
month. A tool that appears between two audits is either a change that nobody put down or an intrusion.

## How to fix

Find out who installed it and when: the two runs give the span in which to search the host's logs. Then remove it or
approve it.

## What it needs

What `unapproved_product` needs, and an earlier run with complete evidence. Where that run knew products by another
catalogue or version of the auditor, an unapproved product that is seen for the first time may have been there before:
the verdict of that one run is unknown, and from the next on the product counts as there before.
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
    came: list[Violation] = []
    doubtful: list[Violation] = []
    for use, past in present(case):
        if use.is_allowed or (past is not None and past.absent_before is None):
            continue
        violation = _violation(use, past, case)
        is_sure = use.sighting.confidence is Confidence.CONFIRMED and (past is not None or case.history.same_rules)
        (came if is_sure else doubtful).append(violation)
    return Assessment(violations=tuple(came), suspected=tuple(doubtful))


def _violation(use: ProductUse, past: ProductPast | None, case: Case) -> Violation:
    seen = use.sighting
    before = case.history.last_complete if past is None else past.absent_before
    first = case.as_of if past is None else past.first_seen
    known = "" if past is not None or case.history.same_rules else ", which knew products by another catalogue,"
    return Violation(
        subject=f"product:{seen.product}",
        reason=f"{seen.name} came to the host between two audits, and nobody approved it: the one of "
        f"{before:%Y-%m-%d}{known} did not see it, the one of {first:%Y-%m-%d} did.",
        proof=seen.proof,
        remediation=(
            f"Find out who installed {seen.name} between {before:%Y-%m-%d} and {first:%Y-%m-%d}, and why.",
            f"Remove it, or approve `{seen.product}` in the policy: reason, owner, review date.",
        ),
        severity=Severity.MEDIUM,
        product=seen.product,
    )


CONTROL = Control(
    id="new_product",
    title="No remote-access software came to the host between audits without an approval",
    mitigation=Mitigation.M1047,
    techniques=("T1021.005",),
    programme=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-8(3)", "CM-11", "CA-7"),
        "CIS Controls v8.1": ("2.3", "2.4"),
    },
    demand=Demand.FORBIDS,
    needs=unapproved_product.CONTROL.needs,
    limits=unapproved_product.CONTROL.limits,
    assess=_assess,
    manual=__doc__,
)
