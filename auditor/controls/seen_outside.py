"""Whatever records show to use remote access is inventoried, and shows it itself.

## What it checks

Records from outside the audit that were brought to the run (`--sightings`): flow exports, and events of other tools.
A product that they show on a device, that no approval names for it, and that the device's own evidence does not show,
breaks this control where nobody looked: the audit did not reach the host, or no host of the inventory is known to have
the address. Such an address stands in the ledger under itself, as `not_inventoried`. On a host that was reached it
breaks the control where the records are sure, and is a suspicion where they are not: a port alone never proves a
product.

A product that the host shows too is one finding, of `unapproved_product`, which quotes the records as well. What is
approved for the host, what a suppression covers, and records older than `settings.max_age` break nothing. Where no
records were brought, the control does not apply.

## Why it matters

An inventory that lacks a machine vouches for nothing on it, and what ran while nobody asked leaves its trace in what
others recorded (ATT&CK M1047).

## How to fix

Find the device by its address, put it into the inventory and audit it; or reach the host. Approve the product for it in
the policy, or remove it there.

## What it needs

Records that were brought to the run, and, of a host that was reached, an answer.
"""

from collections.abc import Iterable, Sequence

from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.host import OsFamily
from auditor.model.outside import Certainty, OutsideUse
from auditor.model.sighting import Quote
from auditor.model.verdict import Assessment, Demand, Inapplicable, Mitigation, Severity, Violation

_QUOTED = 20


def _assess(case: Case) -> Assessment:
    if case.outside is None:
        return Assessment(
            inapplicable=Inapplicable(reason="no records from outside were brought to this run", proof=())
        )
    sure: list[Violation] = []
    suspected: list[Violation] = []
    for uses in _by_product(case.outside):
        violation = _violation(uses, f"and nothing that the host answered shows {uses[0].name}")
        (sure if _is_sure(uses) else suspected).append(violation)
    return Assessment(violations=tuple(sure), suspected=tuple(suspected))


def unlooked(uses: Iterable[OutsideUse], *, is_inventoried: bool) -> tuple[Violation, ...]:
    """Return what breaks the control on a device that gave no evidence: that it was not looked at is certain."""
    why = "and the audit did not reach it" if is_inventoried else "and no host of the inventory is known to have it"
    return tuple(_violation(found, why) for found in _by_product(uses))


def _by_product(uses: Iterable[OutsideUse]) -> list[list[OutsideUse]]:
    found: dict[str, list[OutsideUse]] = {}
    for use in uses:
        if use.is_open:
            found.setdefault(use.sighting.product, []).append(use)
    return [found[product] for product in sorted(found)]


def _is_sure(uses: Sequence[OutsideUse]) -> bool:
    return any(use.sighting.strength is Certainty.CONFIRMED for use in uses)


def _violation(uses: Sequence[OutsideUse], why: str) -> Violation:
    name, product = uses[0].name, uses[0].sighting.product
    first = min(use.sighting.first_seen for use in uses)
    last = max(use.sighting.last_seen for use in uses)
    sure = _is_sure(uses)
    shown = "show" if sure else "are of what may be"
    return Violation(
        subject=f"product:{product}",
        reason=f"Records from outside {shown} {name} here, from {first:%F %T} to {last:%F %T} UTC, {why}.",
        proof=tuple(Quote(section=use.section, quote=use.sighting.proof) for use in uses[:_QUOTED]),
        remediation=(
            "Find out which machine the records are of, and who uses it.",
            "See that the inventory has it and that an audit reaches it; then audit it.",
            f"If {name} is needed there, add an approval for `{product}` to the policy; if not, have it removed.",
        ),
        severity=Severity.HIGH if sure else Severity.MEDIUM,
        product=product,
    )


def quotes_of(case: Case, product: str) -> tuple[Quote, ...]:
    """Return what records from outside show of a product that the host shows too."""
    return tuple(
        Quote(section=use.section, quote=use.sighting.proof)
        for use in case.outside or ()
        if use.on_host == product and use.sighting.suppressed_by is None
    )[:_QUOTED]


CONTROL = Control(
    id="seen_outside",
    title="Whatever records show to use remote access is inventoried",
    mitigation=Mitigation.M1047,
    techniques=("T1021.005",),
    programme=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-8", "CM-8(3)", "SI-4"),
        "CIS Controls v8.1": ("1.1", "13.6"),
    },
    looks_at_what_is_brought=True,
    demand=Demand.FORBIDS,
    needs=dict.fromkeys(OsFamily, ("system.*",)),
    assess=_assess,
    manual=__doc__,
)
