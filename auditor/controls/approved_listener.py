"""Approved remote-access software listens only where its approval says.

## What it checks

Each listening socket of a product that an approval is for: whether the `listen` scope of that approval holds its port
and its binding. An approval that says nothing of it lets the product listen on loopback alone. It does not matter here
whether a packet filter keeps others from the socket: who reaches it is what `exposed_listener` says, and a filter that
closes it leaves it outside of what was approved. Sockets of products that nobody approved for this host, or that are of
another tenant, are left to the controls that say so. No approval is for this host: not applicable.

## Why it matters

A second port, or a binding to every address, is a second door that nobody looked at when the product was approved
(ATT&CK T1021.005, T1219). A filter in front of it is one rule away from opening it.

## How to fix

Bind the product to loopback, or to the port that was approved, in its own settings; or look at the socket, and approve
it (`listen.ports`, `listen.loopback_only`).

## What it needs

What `exposed_listener` needs, but for the packet filters.
"""

from auditor.controls import exposed_listener
from auditor.controls.approved import approval_of, owner_of, without
from auditor.controls.control import Control
from auditor.model.breach import Breach, Term
from auditor.model.case import Case
from auditor.model.sighting import Exposure, Reachability
from auditor.model.verdict import Assessment, Demand, Mitigation, Severity, Violation

_QUIET = (Reachability.LOOPBACK_ONLY, Reachability.BLOCKED)


def _assess(case: Case) -> Assessment:
    nothing = without(case, Term.LISTEN)
    if nothing is not None:
        return nothing
    sure: dict[str, Violation] = {}
    unsure: dict[str, Violation] = {}
    for exposure in case.exposures:
        if exposure.breach is None:
            continue
        violation = _violation(exposure, exposure.breach, case)
        into = unsure if exposure.is_suspected else sure
        # A port that is bound for IPv4 and for IPv6 is one finding, with both quoted.
        earlier = into.get(violation.subject)
        into[violation.subject] = violation if earlier is None else _merged(earlier, violation)
    return Assessment(violations=tuple(sure.values()), suspected=tuple(unsure.values()))


def _violation(exposure: Exposure, breach: Breach, case: Case) -> Violation:
    name = exposure.product_name or exposure.product or ""
    address = f"[{exposure.address}]" if ":" in exposure.address else exposure.address
    approval = approval_of(case, breach.approval)
    ports = () if approval is None else approval.listen.ports
    elsewhere = f"or on an approved port ({_ports(ports)})" if ports else "or have it listen on nothing"
    return Violation(
        subject=f"listener:{exposure.protocol}/{exposure.port}",
        reason=f"{name} listens on {address}:{exposure.port}/{exposure.protocol}, outside of what was approved: "
        f"approval '{breach.approval}' {breach.text}.",
        proof=() if exposure.proof is None else (exposure.proof,),
        remediation=(
            f"Bind {name} to 127.0.0.1 and ::1 in its settings, {elsewhere}.",
            f"If it has to listen there, have {owner_of(case, breach.approval)} change `listen`.",
        ),
        severity=Severity.LOW if exposure.reachability in _QUIET else Severity.HIGH,
        product=exposure.product,
    )


def _ports(ranges: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def _merged(one: Violation, other: Violation) -> Violation:
    graver = one if one.severity is Severity.HIGH else other
    return Violation(
        subject=graver.subject,
        reason=graver.reason,
        proof=(*one.proof, *other.proof),
        remediation=graver.remediation,
        severity=graver.severity,
        product=graver.product,
    )


CONTROL = Control(
    id="approved_listener",
    title="Approved remote-access software listens only where its approval says",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7", "AC-17"),
        "CIS Controls v8.1": ("4.8",),
        "PCI DSS v4": ("1.2.5",),
    },
    demand=Demand.FORBIDS,
    needs=exposed_listener.CONTROL.needs,
    assess=_assess,
    manual=__doc__,
)
