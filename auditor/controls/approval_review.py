"""No remote-access software rests on an approval that is past its review date.

## What it checks

Each product, and each listening socket of one, that an approval would cover if its `review_by` were not over. There is
one violation for each such approval: the product is not reported as unapproved besides, and its sockets within the
approval's scope are not reported as exposed. Of several approvals the nearest one counts, so that one that was reviewed
goes before one that was not. No approval is for this host: not applicable.

## Why it matters

A reason to let somebody in from outside ends without anybody noticing: the contract, the project, the person. The
review is when somebody looks (ATT&CK M1047).

## How to fix

Ask the owner of the approval whether the product is still needed. If so, give the approval a new `review_by`; if not,
remove the approval, and the product.

## What it needs

What `unapproved_product` needs.
"""

from auditor.controls.approved import (
    LIMITS,
    PRODUCTS,
    approval_of,
    broken,
    owner_of,
    unread_sources,
    without,
)
from auditor.controls.control import Control
from auditor.model.breach import Term
from auditor.model.case import Case
from auditor.model.sighting import Confidence, Quote
from auditor.model.verdict import Assessment, Demand, Mitigation, Severity, Violation

_QUOTES = 12
"""Quotes of what rests on an approval, at most."""


def _assess(case: Case) -> Assessment:
    nothing = without(case, Term.REVIEW)
    if nothing is not None:
        return nothing
    sure: dict[str, dict[Quote, None]] = {}
    unsure: dict[str, dict[Quote, None]] = {}
    for use, breach in broken(case, Term.REVIEW):
        into = unsure if use.sighting.confidence is Confidence.SUSPECTED else sure
        into.setdefault(breach.approval, {}).update(dict.fromkeys(use.sighting.proof))
    over = {one.id for one in case.approvals if one.review_by < case.as_of.date()}
    for exposure in case.exposures:
        if exposure.approval in over:
            into = unsure if exposure.is_suspected else sure
            quotes = () if exposure.proof is None else (exposure.proof,)
            into.setdefault(exposure.approval or "", {}).update(dict.fromkeys(quotes))
    return Assessment(
        violations=tuple(_violation(name, tuple(quotes), case) for name, quotes in sorted(sure.items())),
        suspected=tuple(
            _violation(name, tuple(quotes), case) for name, quotes in sorted(unsure.items()) if name not in sure
        ),
        gaps=unread_sources(case),
    )


def _violation(name: str, proof: tuple[Quote, ...], case: Case) -> Violation:
    approval = approval_of(case, name)
    product = None if approval is None else approval.product
    day = "" if approval is None else f" by {approval.review_by.isoformat()}"
    return Violation(
        subject=f"approval:{name}",
        reason=f"Approval '{name}', which {product} rests on here, was to be reviewed{day} and has not been.",
        proof=proof[:_QUOTES],
        remediation=(
            f"Ask {owner_of(case, name)} whether `{product}` is still needed on this host, and for what.",
            "If it is, write down a new `review_by`; if not, remove the approval, and then the product.",
        ),
        severity=Severity.MEDIUM,
        product=product,
    )


CONTROL = Control(
    id="approval_review",
    title="No remote-access software rests on an approval past its review date",
    mitigation=Mitigation.M1047,
    techniques=("T1021.005",),
    programme=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7(1)", "AC-17"),
        "CIS Controls v8.1": ("2.2", "2.3"),
    },
    demand=Demand.FORBIDS,
    needs=PRODUCTS,
    limits=LIMITS,
    assess=_assess,
    manual=__doc__,
)
