"""Approved remote-access software is removed from hosts that do not use it.

## What it checks

Each remote-access server or agent that an approval covers: whether it was installed and not running in as many complete
runs in a row, this one included, as `settings.idle_runs` says (3 where nothing is said; 0 asks nothing). A run sees a
host at one instant: the more runs, the surer that nobody uses it.

## Why it matters

An approval says that a tool may be used, not that it must lie on every host. What nobody uses is only a door (ATT&CK
M1042: disable or remove what is not needed).

## How to fix

Ask the owner of the host. Remove the software where nobody needs it; where it is needed, raise `settings.idle_runs` or
except the host.

## What it needs

What `unapproved_product` needs, and as many complete runs as the policy asks.
"""

from auditor.controls import unapproved_product
from auditor.controls.control import Control
from auditor.controls.product_past import present
from auditor.model.case import Case
from auditor.model.past import ProductPast
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence, SightingState
from auditor.model.verdict import Assessment, Demand, Inapplicable, Limit, Mitigation, Severity, Violation

_INSTANTS = Limit(
    id="instants",
    text="A run sees what runs at that moment: software that is started for a session only, and was not running then, "
    "looks unused.",
)


def _assess(case: Case) -> Assessment:
    wanted = case.settings.idle_runs
    if not wanted:
        return Assessment(inapplicable=Inapplicable(reason="the policy asks nothing of idle software", proof=()))
    runs = case.history.complete_runs + 1
    if runs < wanted:
        reason = f"the policy asks for {wanted} complete runs, and this is number {runs} of this host at most"
        return Assessment(inapplicable=Inapplicable(reason=reason, proof=()))
    return Assessment(
        violations=tuple(
            _violation(use, past, case)
            for use, past in present(case)
            if past is not None and _is_idle(use, past, wanted)
        )
    )


def _is_idle(use: ProductUse, past: ProductPast, wanted: int) -> bool:
    return (
        use.approval is not None
        and use.sighting.confidence is Confidence.CONFIRMED
        and use.sighting.state is SightingState.INSTALLED
        and past.gone_since is None
        and past.idle_runs + 1 >= wanted
    )


def _violation(use: ProductUse, past: ProductPast, case: Case) -> Violation:
    seen = use.sighting
    since, runs = past.idle_since or case.as_of, past.idle_runs + 1
    return Violation(
        subject=f"product:{seen.product}",
        reason=f"{seen.name} is approved ('{use.approval}') and was not running in {runs} complete audits in a row, "
        f"since {since:%Y-%m-%d}.",
        proof=seen.proof,
        remediation=(
            f"Ask the owner of the host whether {seen.name} is still needed there.",
            f"Remove {seen.name} if it is not.",
        ),
        severity=Severity.LOW,
        product=seen.product,
    )


CONTROL = Control(
    id="idle_product",
    title="Approved remote-access software is removed from hosts that do not use it",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7", "CM-7(1)"),
        "CIS Controls v8.1": ("4.8",),
    },
    demand=Demand.REQUIRES,
    needs=unapproved_product.CONTROL.needs,
    limits=(*unapproved_product.CONTROL.limits, _INSTANTS),
    assess=_assess,
    manual=__doc__,
)
