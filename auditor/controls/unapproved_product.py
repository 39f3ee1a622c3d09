"""Only approved remote-access software is on the host.

## What it checks

Each product that the catalogue recognises as a remote-access server or agent: running, or installed and
not running. Every one needs an approval in the policy that names it, covers this host, and is not past
its review date. Remains of removed software and pure viewers are reported, and break this control only
where the policy says so (`settings.residual_is_violation`, `settings.clients_are_violations`).

## Why it matters

A tool nobody approved is a door nobody watches. Attackers install legitimate remote-support software
because it blends in (ATT&CK T1219.002, T1021.005).

## How to fix

Remove the software, or approve it in the policy with a business reason, an owner and a review date.

## What it needs

Software, services, processes, listening sockets, containers and browser extensions; on Windows the uninstall keys,
packages of the Store, services, tasks and traces, processes, what Sysmon recorded where it is installed,
sockets, and whether Remote Desktop is on. At least one source of installed software must have answered:
where none that this version reads is found, or a package manager that it knows of and does not read, the
verdict is unknown.
"""

from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.result import ProductUse
from auditor.model.sighting import Category, Confidence, Role, Sighting, SightingState
from auditor.model.verdict import Assessment, Demand, Gap, Limit, Mitigation, Severity, Violation

_SOURCES = Limit(
    id="software-sources",
    text="Software that none of the sources of the section `software` lists is seen only while it runs, listens or "
    "has a service, or by its name where portable programs are looked for.",
)
_WALK = Limit(
    id="walk-places",
    text="Portable programs are looked for by name in people's home folders, /opt, /usr/local, /srv, /tmp, /var/tmp "
    "and /dev/shm, eight folders deep, not in node_modules, .git or file systems mounted below.",
    systems=(OsFamily.LINUX,),
)
_TRACES = Limit(
    id="program_traces",
    text="Portable programs on Windows are seen while they run, or by the traces that Windows and Sysmon keep of what "
    "was started (of Sysmon's the newest 3,000 events of a kind): one that was never started leaves none, and no "
    "folder is searched.",
    systems=(OsFamily.WINDOWS,),
)
_LISTS = ("software.uninstall", "software.appx")
_COMMAND = 200
# A host that has one of these has a system beneath it, which some package manager installed.
_BESIDE_A_SYSTEM = (
    "software.flatpak",
    "software.logged_off",
    "software.npm",
    "software.portable",
    "software.pypi",
    "software.snap",
)


def _assess(case: Case) -> Assessment:
    confirmed: list[Violation] = []
    suspected: list[Violation] = []
    for use in case.products:
        if use.approval is not None or not _counts(use, case):
            continue
        violation = _violation(use, case)
        (confirmed if use.sighting.confidence is Confidence.CONFIRMED else suspected).append(violation)
    return Assessment(violations=tuple(confirmed), suspected=tuple(suspected), gaps=_unread_sources(case))


def _counts(use: ProductUse, case: Case) -> bool:
    if use.sighting.state is SightingState.RESIDUAL and not case.settings.residual_is_violation:
        return False
    return use.sighting.role is not Role.CLIENT or case.settings.clients_are_violations


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
        subject=f"product:{seen.product}" + (f"/{seen.tenant}" if seen.tenant else ""),
        reason=f"{seen.name} {state}{'' if seen.version is None else f' (version {seen.version})'}. {objection}",
        proof=seen.proof,
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
    if {quote.section for quote in seen.proof} == {"software.portable"}:
        return "delete the files that the proof names, after keeping what an investigation may ask for"
    return f"remove {seen.name} with the package manager or its own uninstaller"


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


def _unread_sources(case: Case) -> tuple[Gap, ...]:
    """Find the gap that no section states: every source is absent, so nothing was listed at all."""
    sources = [
        section
        for name, section in case.reading.sections.items()
        if name.startswith("software.") and name not in _BESIDE_A_SYSTEM
    ]
    if any(section.outcome is not Outcome.ABSENT for section in sources):
        return ()
    return (
        Gap(
            section="software.*",
            outcome=Outcome.FAILED,
            reason="nothing that lists installed software and that this version reads is on the host",
            advice="Use a version of the auditor that reads this host's package manager.",
        ),
    )


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
    needs={
        OsFamily.LINUX: (
            "software.*",
            "services.*",
            "processes.*",
            "sockets.*",
            "containers.*",
            "remote_config.extensions",
        ),
        OsFamily.WINDOWS: (
            "software.*",
            "services.*",
            "processes.windows",
            "processes.sysmon",
            "sockets.*",
            "remote_config.rdp",
        ),
    },
    limits=(_SOURCES, _WALK, _TRACES),
    assess=_assess,
    manual=__doc__,
)
