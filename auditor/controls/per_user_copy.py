r"""No user has a copy of remote-access software of their own.

## What it checks

Remote-access products that lie, or run, where users put programs and what manages software does not: home folders and
what is in them (Downloads, AppData, ~/.local), temporary files, removable media; and those that a source of software
lists as installed for one user alone (uninstall keys of a user, packages of pip, npm and flatpak in a home, apps in
~/Applications). An approval of the product does not cover such a copy, unless it says `portable: true`. A program of an
interpreter counts where its script lies. What runs in a container lies in the container.

Packages of the Microsoft Store are registered user by user, whoever brought them: `windows_installer_policy` judges it.
Remains that a record alone tells of (a program that ran once) are no copy. A small file that has no more of a product
than its name may be somebody's script: it is a suspicion. Viewers count where the policy says so
(`settings.clients_are_violations`).

How it stands beside `unapproved_product`: that one asks whether the product may be here, this one by which way it came.
An approved product breaks this control where a user brought his own copy of it; of one that nobody approved both are
told, for to uninstall the product does not remove the copies.

## Why it matters

A portable program needs no right to install, no update reaches it, and no inventory of software lists it; it is how
remote support comes at the telephone (ATT&CK T1219.002). M1042 asks to remove what is not needed.

## How to fix

Delete the copy, after keeping what an investigation may ask for, and install the approved product for all users if it
is needed. Where the policy means portable copies, say `portable: true` in the approval. What keeps copies from starting
is `execution_control`'s business.

## What it needs

The sources of installed software, of which the walk for portable programs is one on Linux and macOS, and the processes.
On Windows no folder is searched: a copy is seen where it is listed or runs.
"""

from collections.abc import Iterator

from auditor.catalogue.belonging import Belongings
from auditor.catalogue.programs import program_of_process
from auditor.controls.approved import nearest_of, needs_approval
from auditor.controls.control import Control
from auditor.controls.program_places import users_place
from auditor.model.case import Case
from auditor.model.facts.processes import Process
from auditor.model.facts.software import InstallState, ProgramFile, Scope, Software
from auditor.model.host import OsFamily
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence, Quote, SightingState
from auditor.model.verdict import Assessment, Demand, Limit, Mitigation, Severity, Violation

_NOT_SEARCHED = Limit(
    id="copies-that-rest",
    text="No folder of Windows is searched: a copy that no list names, and that does not run, is not seen.",
    systems=(OsFamily.WINDOWS,),
)
_PLACES = Limit(
    id="copies-in-the-walk",
    text="Copies that do not run are looked for by name, eight folders deep, in home folders and among temporary "
    "files; a renamed one, one in an archive or on a disk that is not mounted is not seen.",
    systems=(OsFamily.LINUX, OsFamily.MACOS),
)
_STORE = "software.appx"
_QUOTES = 4
_SHOWN = 120


def _assess(case: Case) -> Assessment:
    violations: list[Violation] = []
    suspected: list[Violation] = []
    belongings = Belongings(case.reading)
    for use in case.products:
        seen = use.sighting
        if use.may_be_portable or seen.state is SightingState.RESIDUAL or not needs_approval(use, case):
            continue
        sure: dict[str, list[tuple[str, Quote]]] = {}
        unsure: dict[str, list[tuple[str, Quote]]] = {}
        for place, what, quote, is_certain in (*_listed(use, case), *_running(use, case, belongings)):
            is_sure = is_certain and seen.confidence is Confidence.CONFIRMED
            (sure if is_sure else unsure).setdefault(place, []).append((what, quote))
        violations += [_violation(use, place, found) for place, found in sure.items()]
        suspected += [_violation(use, place, found) for place, found in unsure.items() if place not in sure]
    return Assessment(violations=tuple(violations), suspected=tuple(suspected))


def _listed(use: ProductUse, case: Case) -> Iterator[tuple[str, str, Quote, bool]]:
    """Give what lies in a user's place: the place, what it is, where it stands, and whether it is a program at all."""
    places = use.sighting.places
    lines = {line for _, line in places}
    for software in case.reading.found(Software):
        if software.line not in lines:
            # So it is with nearly every package.
            continue
        fact = software.fact
        if (software.section, software.line) not in places or fact.state is not InstallState.INSTALLED:
            continue
        place = users_place(fact.location, case) if fact.location else None
        if place is None and fact.scope is Scope.USER and software.section != _STORE:
            place = f"user {fact.user}" if fact.user else "a user"
        if place is not None:
            yield place, fact.location or fact.name, case.reading.quote(software), True
    for file in case.reading.found(ProgramFile):
        place = users_place(file.fact.path, case) if (file.section, file.line) in places else None
        if place is not None:
            yield place, file.fact.path, case.reading.quote(file), file.fact.is_large


def _running(use: ProductUse, case: Case, belongings: Belongings) -> Iterator[tuple[str, str, Quote, bool]]:
    """Give what runs from a user's place, by its program or by the script of its interpreter."""
    pids = frozenset(use.sighting.pids)
    for found in case.reading.found(Process):
        process = found.fact
        if process.pid not in pids or (found.section, found.line) not in use.sighting.places:
            continue
        if belongings.is_contained(process):
            continue
        for path in _programs(process, case):
            place = users_place(path, case)
            if place is not None:
                yield place, path, case.reading.quote(found), True
                break


def _programs(process: Process, case: Case) -> tuple[str, ...]:
    """Return the paths that a process was started from, as far as it cannot have made them up."""
    if case.head.os is OsFamily.WINDOWS:
        return (process.executable,) if process.executable else ()
    known = program_of_process(process.executable, process.name, process.arguments)
    return tuple(path for path, is_trusted in known.paths.items() if is_trusted)


def _violation(use: ProductUse, place: str, found: list[tuple[str, Quote]]) -> Violation:
    seen = use.sighting
    what = found[0][0]
    more = len({one for one, _ in found}) - 1
    rule = (
        f"Approval '{nearest_of(use)}' does not let users have copies of their own."
        if use.is_allowed
        else "Nobody approved the product, nor copies of it."
    )
    runs = any(quote.section.startswith("processes.") for _, quote in found)
    shown = what if len(what) <= _SHOWN else what[: _SHOWN - 1] + "…"
    return Violation(
        subject=f"copy:{seen.product}:{place}",
        reason=f"A copy of {seen.name} {'runs from' if runs else 'lies in'} a place of a user's own ({place!a}): "
        f"{shown!a}{f' and {more} more' if more else ''}. {rule}",
        proof=tuple(dict.fromkeys(quote for _, quote in found))[:_QUOTES],
        remediation=(
            f"Find out how the copy came to {place!a}, and who asked for it.",
            "Keep what an investigation may ask for, then end what runs and delete the copy.",
            f"If {seen.name} is needed, install it for all users by what manages software"
            + (", or say `portable: true` in its approval." if use.is_allowed else ", and approve it."),
        ),
        severity=Severity.HIGH if runs else Severity.MEDIUM,
        product=seen.product,
    )


CONTROL = Control(
    id="per_user_copy",
    title="No user has a copy of remote-access software of their own",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7", "CM-8(3)", "CM-11"),
        "CIS Controls v8.1": ("2.3", "2.5"),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: ("software.*", "processes.*"),
        OsFamily.WINDOWS: ("software.*", "processes.windows", "processes.signers"),
        OsFamily.MACOS: ("software.*", "processes.macos"),
    },
    limits=(_NOT_SEARCHED, _PLACES),
    assess=_assess,
    manual=__doc__,
)
