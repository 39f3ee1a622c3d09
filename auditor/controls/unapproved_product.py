"""Only approved remote-access software is on the host.

## What it checks

Each product that the catalogue recognises as a remote-access server or agent: running, or installed and
not running. Every one needs an approval in the policy that names it and is for this host, and, where the
approval says so, for the accounts as which it runs and in whose folders it lies, and for who signed it.
Remains of removed software and pure viewers are reported, and break this control only where the policy
says so (`settings.residual_is_violation`, `settings.clients_are_violations`).

A product that an approval is for and that does not keep what the approval says further does not break
this control but one of its own: another tenant `approved_tenant`, another version `approved_version`, a
socket elsewhere `approved_listener`, a review that is over `approval_review`. Of several approvals the
nearest one counts.

On macOS a receipt of an installer alone counts as remains: apps are removed by dragging them into the bin, which leaves
it behind. Copies in a user's own folders count like those of all. Screen Sharing and Remote Management count where they
are switched on.

## Why it matters

A tool nobody approved is a door nobody watches. Attackers install legitimate remote-support software
because it blends in (ATT&CK T1219.002, T1021.005).

## How to fix

Remove the software, or approve it in the policy with a business reason, an owner and a review date.

## What it needs

Software, services, processes, listening sockets, containers and browser extensions; on Windows the uninstall keys,
packages of the Store, services, tasks and traces, processes and who signed them, what Sysmon recorded where it is
installed, sockets, and whether Remote Desktop is on; on macOS apps, receipts and Homebrew, jobs of launchd and login
items, processes, sockets, browser extensions, and whether Screen Sharing and Remote Management are on. At least one
source of installed software must have answered: where none that this version reads is found, or a package manager that
it knows of and does not read, the verdict is unknown.
"""

from auditor.controls.approved import LIMITS, PRODUCTS, needs_approval, subject_of, unread_sources
from auditor.controls.control import Control
from auditor.controls.seen_outside import quotes_of
from auditor.model.case import Case
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.result import ProductUse
from auditor.model.sighting import Category, Confidence, Role, Sighting, SightingState
from auditor.model.verdict import Assessment, Demand, Mitigation, Severity, Violation

_LISTS = ("software.uninstall", "software.appx")
_COMMAND = 200


def _assess(case: Case) -> Assessment:
    confirmed: list[Violation] = []
    suspected: list[Violation] = []
    for use in case.products:
        if use.approval is not None or use.breaches or not needs_approval(use, case):
            continue
        violation = _violation(use, case)
        (confirmed if use.sighting.confidence is Confidence.CONFIRMED else suspected).append(violation)
    return Assessment(violations=tuple(confirmed), suspected=tuple(suspected), gaps=unread_sources(case))


def _violation(use: ProductUse, case: Case) -> Violation:
    seen = use.sighting
    running = seen.state is SightingState.RUNNING
    objection = f"{use.objection}." if use.objection else "No approval in the policy names it for this host."
    state = {
        SightingState.RUNNING: "is running",
        SightingState.INSTALLED: "is installed",
        SightingState.RESIDUAL: "has left remains",
    }[seen.state]
    stop = (f"Stop and disable {seen.name} so that nobody can connect in the meantime.",) if running else ()
    return Violation(
        subject=subject_of(seen),
        reason=f"{seen.name} {state}{'' if seen.version is None else f' (version {seen.version})'}. {objection}",
        proof=(*seen.proof, *quotes_of(case, seen.product)),
        remediation=(
            f"Ask the owner of the host whether {seen.name} is needed, and by whom.",
            *stop,
            f"If it is not needed, {_removal(use, case)}.",
            f"If it is needed, add an approval for `{seen.product}` to the policy: reason, owner, review date.",
        ),
        severity=Severity.HIGH if running else Severity.MEDIUM,
        product=seen.product,
    )


def _removal(use: ProductUse, case: Case) -> str:
    seen = use.sighting
    if case.head.os is OsFamily.WINDOWS:
        return _removal_from_windows(seen, case)
    if case.head.os is OsFamily.MACOS:
        return _removal_from_a_mac(seen)
    if {quote.section for quote in seen.proof} == {"software.portable"}:
        return "delete the files that the proof names, after keeping what an investigation may ask for"
    return f"remove {seen.name} with the package manager or its own uninstaller"


def _removal_from_a_mac(seen: Sighting) -> str:
    sections = {quote.section for quote in seen.proof}
    if seen.category is Category.BUILTIN:
        return f"switch {seen.name} off (System Settings, General, Sharing; or by MDM)"
    if sections <= {"software.portable"}:
        return "delete the files that the proof names, after keeping what an investigation may ask for"
    if sections <= {"software.homebrew"}:
        return f"remove {seen.name} as the account that owns Homebrew (`brew uninstall`)"
    if sections <= {"software.receipts"}:
        return "see that its files are gone, and forget the receipt (`pkgutil --forget` with the id in the proof)"
    return (
        f"remove {seen.name} with its own uninstaller, or unload its jobs (`launchctl bootout`) and delete its app "
        "wherever the proof names it"
    )


def _removal_from_windows(seen: Sighting, case: Case) -> str:
    """Say how a product goes; the command that the host gives for it is quoted as its own word, and never run."""
    if seen.category in (Category.BUILTIN, Category.RDP) and seen.role is Role.SERVER:
        return f"switch {seen.name} off (`SystemPropertiesRemote.exe`, or by group policy)"
    said = [
        found.fact.removal
        for found in case.reading.found(Software)
        if found.fact.removal and case.reading.quote(found) in seen.proof
    ]
    if not any(quote.section in _LISTS for quote in seen.proof):
        return "delete the program that the proof names, after keeping what an investigation may ask for"
    command = f"; the host says that {said[0][:_COMMAND]!a} does it: read that before anybody runs it" if said else ""
    return f"uninstall {seen.name} in Settings > Apps{command}"


CONTROL = Control(
    id="unapproved_product",
    title="Only approved remote-access software is on the host",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7", "CM-7(5)", "CM-11", "AC-17"),
        "CIS Controls v8.1": ("2.3", "2.5", "4.8"),
        "PCI DSS v4": ("1.2.5",),
    },
    demand=Demand.FORBIDS,
    needs=PRODUCTS,
    limits=LIMITS,
    assess=_assess,
    manual=__doc__,
)
