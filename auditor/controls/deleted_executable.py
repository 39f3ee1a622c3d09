"""No remote-access program runs whose file is gone.

## What it checks

Each process of a remote-access product, approved or not, and each process that listens on a port of remote access and
is of no known product: whether the file that it was started from is still there. Linux says of a process whose file was
deleted, replaced, or never was a file (`memfd_create(2)`), that its program is `(deleted)` (proc(5)).

The upgrade of a package leaves that behind too, until the program is started again: it puts another file in the place
of the one that runs. It is told apart, and graded low:

* where the walk for portable programs found a file at the same path again;
* where the program lies where packages put programs, and a package of the product is installed, and not on a day before
  the one on which the process began, as far as the package manager tells the day;
* where it is an interpreter that lies where packages put programs, for then the product's package is not its own;
* where it is of no known product, and lies where packages put programs.

It stays a violation: what runs is not what is installed, and lacks what the upgrade mended. Everything else is graded
high.

## Why it matters

To start a program and delete its file leaves nothing on the disk for an inventory, a scanner or an investigation to
find (ATT&CK T1070.004 beside T1219.002). M1042 asks to remove programs, and this one only looks removed.

## How to fix

After an upgrade, start the program again. Else keep a copy of it (`cp /proc/PID/exe`) and of what started it, end it,
and find out who deleted the file.

## What it needs

Processes and sockets of a Linux host. On macOS and Windows it is not judged.
"""

from collections.abc import Iterator

from auditor.catalogue.programs import base, is_interpreter
from auditor.controls.control import Control
from auditor.controls.program_places import is_packaged
from auditor.model.case import Case
from auditor.model.facts.network import Listener, Protocol
from auditor.model.facts.processes import Process
from auditor.model.facts.software import InstallState, ProgramFile, Scope, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence, Quote, Role
from auditor.model.verdict import Assessment, Demand, Limit, Mitigation, Severity, Violation

_NAMED_SO = Limit(
    id="deleted-by-name",
    text="A program that was deleted, and whose process took another's name and arguments and listens on no port of "
    "remote access, is not recognised as remote access.",
)
_MEMORY = "/memfd:"
_ADDED = ("/opt/",)
_DAY = len("2026-11-21")
_SHOWN = 120


def _assess(case: Case) -> Assessment:
    violations: dict[str, Violation] = {}
    suspected: dict[str, Violation] = {}
    by_pid = _uses(case)
    ports = _ports(case)
    for found in case.reading.found(Process):
        process = found.fact
        if not process.deleted:
            continue
        use = by_pid.get(process.pid)
        is_confirmed = use is not None and use.sighting.confidence is Confidence.CONFIRMED
        if process.pid in ports and not is_confirmed:
            violation = _of_nobody(case, found, *ports[process.pid])
            violations.setdefault(violation.subject, violation)
        elif use is not None and use.sighting.role is not Role.CLIENT:
            violation = _of_product(case, found, use)
            (violations if is_confirmed else suspected).setdefault(violation.subject, violation)
    return Assessment(violations=tuple(violations.values()), suspected=tuple(suspected.values()))


def _uses(case: Case) -> dict[int, ProductUse]:
    """Map processes to their products, those that are certain first."""
    found: dict[int, ProductUse] = {}
    for use in sorted(case.products, key=lambda one: one.sighting.confidence is not Confidence.CONFIRMED):
        for pid in use.sighting.pids:
            found.setdefault(pid, use)
    return found


def _ports(case: Case) -> dict[int, tuple[int, Quote]]:
    """Map processes to the first port of remote access that each listens on, and where that stands."""
    found: dict[int, tuple[int, Quote]] = {}
    for socket in case.reading.found(Listener):
        if socket.fact.protocol is Protocol.TCP and ("tcp", socket.fact.port) in case.known_ports:
            for owner in socket.fact.owners:
                found.setdefault(owner.pid, (socket.fact.port, case.reading.quote(socket)))
    return found


def _of_product(case: Case, found: Found[Process], use: ProductUse) -> Violation:
    seen, process = use.sighting, found.fact
    path = process.executable or ""
    upgrade = _upgrade(case, process, use)
    if upgrade is not None:
        return Violation(
            subject=f"program:{seen.product}:{path}",
            reason=f"{seen.name} runs from a file that was replaced ({_shown(path)}), as an upgrade does: {upgrade}.",
            proof=(case.reading.quote(found),),
            remediation=(f"Start {seen.name} again, so that what is installed is what runs.",),
            severity=Severity.LOW,
            product=seen.product,
        )
    return Violation(
        subject=f"program:{seen.product}:{'memory' if path.startswith(_MEMORY) else path}",
        reason=f"{seen.name} runs, and {_gone(path)}.",
        proof=(case.reading.quote(found),),
        remediation=_KEEP,
        severity=Severity.HIGH,
        product=seen.product,
    )


def _of_nobody(case: Case, found: Found[Process], port: int, quote: Quote) -> Violation:
    process = found.fact
    path = process.executable or ""
    products = case.known_ports["tcp", port].products
    known = f", on which {products[0]} listens as a rule" if products else ""
    is_replaced = is_packaged(path, case) or _is_there_again(case, path)
    gone = f"its file was replaced ({_shown(path)}), as an upgrade does" if is_replaced else _gone(path)
    return Violation(
        subject=f"listener:tcp/{port}",
        reason=f"{process.name[:_SHOWN]!a} listens on port {port}/tcp{known}, and {gone}.",
        proof=(case.reading.quote(found), quote),
        remediation=("Start the program again, if its package was upgraded.",) if is_replaced else _KEEP,
        severity=Severity.LOW if is_replaced else Severity.HIGH,
    )


_KEEP = (
    "Keep the program (`cp /proc/PID/exe`, the pid from the proof) and what started it: perhaps evidence of an attack.",
    "End it, and find out who started it and deleted its file.",
)


def _gone(path: str) -> str:
    if path.startswith(_MEMORY):
        return f"never was a file: it was started from memory ({_shown(path)})"
    return f"the file that it was started from is gone from the disk ({_shown(path)})"


def _shown(path: str) -> str:
    return ascii(path if len(path) <= _SHOWN else path[: _SHOWN - 1] + "…")


def _upgrade(case: Case, process: Process, use: ProductUse) -> str | None:
    """Return what shows that a file was replaced by a newer one and not deleted; None where nothing does."""
    path = process.executable or ""
    if _is_there_again(case, path):
        return "there is a file at the same path again"
    if is_packaged(path, case) and is_interpreter(base(path)):
        return "it is an interpreter, where packages put them"
    if not is_packaged(path, case) and not path.startswith(_ADDED):
        return None
    for package in _packages(case, use):
        day = (package.installed_on or "")[:_DAY]
        began = process.started[:_DAY]
        if not day:
            return f"its package {package.name[:_SHOWN]!a} is installed"
        if not began or day >= began:
            return f"its package {package.name[:_SHOWN]!a} was installed on {day}"
    return None


def _packages(case: Case, use: ProductUse) -> Iterator[Software]:
    """Give the packages of a product that are installed for all."""
    for found in case.reading.found(Software):
        is_its = (found.section, found.line) in use.sighting.places
        if is_its and found.fact.state is InstallState.INSTALLED and found.fact.scope is Scope.SYSTEM:
            yield found.fact


def _is_there_again(case: Case, path: str) -> bool:
    """Tell whether the walk for portable programs found a file at a path."""
    return any(one.path == path for one in case.reading.of(ProgramFile))


CONTROL = Control(
    id="deleted_executable",
    title="No remote-access program runs whose file is gone",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7", "SI-4", "SI-7"),
        "CIS Controls v8.1": ("2.3",),
    },
    demand=Demand.FORBIDS,
    needs={OsFamily.LINUX: ("processes.*", "sockets.*")},
    not_on={
        OsFamily.WINDOWS: "Windows refuses to delete the file of a program that runs, and what goes round that is not "
        "asked about.",
        OsFamily.MACOS: "macOS names the file that a program was started from, and nothing that is asked there tells "
        "whether it is still on the disk.",
    },
    limits=(_NAMED_SO,),
    assess=_assess,
    manual=__doc__,
)
