"""Remote-access software starts by itself only where that is approved.

## What it checks

What starts a remote-access product without anybody asking: a service or unit that is enabled, a socket or timer that a
manager of services keeps for it, an init script, a job of launchd, a login item, an entry of a session's autostart, a
Run key, a scheduled task, a crontab. A product that nobody approved breaks this control by any of these; an approved
one where its approval says `start: on_demand`. Whether it runs at this moment is of no account: what is stopped and
enabled is back after the next boot.

How it stands beside `unapproved_product`: that one says that the product is there, and is answered by removing or
approving it. This one says that it comes back, and is answered by disabling what starts it, which can be done at once
and by whoever runs the host. A product has one finding of this control, whatever the number of its entries, and it
closes when the last of them is disabled, while the other one stays open until the product is gone.

Features of the operating system (Remote Desktop of Windows, Screen Sharing and Remote Management of macOS) are on or
off, and come with each boot where they are on: `unapproved_product`, `remote_desktop` and `screen_sharing` judge them,
not this control. Pure viewers and remains of removed software count where the policy says so
(`settings.clients_are_violations`, `settings.residual_is_violation`): a unit that is enabled and whose program is not
there any more starts nothing, and is such a remain.

## Why it matters

Who wants to come back installs what starts by itself; who was helped once by remote support keeps its service for ever.
M1042 asks to disable or remove what is not needed (ATT&CK T1219.002, T1021.005, T1133).

## How to fix

Disable what the finding names: `systemctl disable --now`, `launchctl disable` and `bootout`, `Set-Service -StartupType
Disabled`, `Disable-ScheduledTask`; take the entry out of the Run key, the crontab or the autostart folder. Or approve
the product, with `start: automatic`, which is what an approval says where it says nothing.

## What it needs

What starts programs on the host, and what tells the products apart: software, services, processes.
"""

from collections.abc import Iterator

from auditor.catalogue.activation import started_units
from auditor.controls.approved import nearest_of, needs_approval, subject_of
from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.result import ProductUse
from auditor.model.sighting import Category, Confidence, SightingState
from auditor.model.verdict import Assessment, Demand, Limit, Mitigation, Severity, Violation

_STARTED_BY_OTHERS = Limit(
    id="started-by-others",
    text="What another program starts (a bus of messages, a portal of a desktop, a script that a script of the boot "
    "calls) is not seen, nor what a domain's log-on script starts.",
)
_IDLE = (StartMode.DISABLED, StartMode.MASKED)
_SHOWN, _NAMED = 60, 4
_MANAGERS = {
    ServiceManager.SYSTEMD: "systemd",
    ServiceManager.SYSTEMD_USER: "systemd, in a user's session",
    ServiceManager.SYSV: "an init script",
    ServiceManager.OPENRC: "OpenRC",
    ServiceManager.XINETD: "xinetd",
    ServiceManager.INITTAB: "inittab",
    ServiceManager.RC_LOCAL: "a script of the boot",
    ServiceManager.RUNIT: "runit",
    ServiceManager.UPSTART: "upstart",
    ServiceManager.CRON: "cron",
    ServiceManager.AUTOSTART: "what a session starts",
    ServiceManager.LAUNCHD: "launchd",
    ServiceManager.LOGIN_ITEM: "a login item",
    ServiceManager.WINDOWS_SERVICE: "a service",
    ServiceManager.SCHEDULED_TASK: "a scheduled task",
    ServiceManager.RUN_KEY: "a Run key",
}


def _assess(case: Case) -> Assessment:
    violations: list[Violation] = []
    suspected: list[Violation] = []
    for use in case.products:
        if (use.is_allowed and use.may_start) or not needs_approval(use, case):
            continue
        if use.sighting.category is Category.BUILTIN:
            continue
        sure, unsure = _starts(use, case)
        if sure and use.sighting.confidence is Confidence.CONFIRMED:
            violations.append(_violation(use, case, sure, is_certain=True))
        elif sure or unsure:
            suspected.append(_violation(use, case, sure or unsure, is_certain=bool(sure)))
    return Assessment(violations=tuple(violations), suspected=tuple(suspected))


def _starts(use: ProductUse, case: Case) -> tuple[list[Found[Service]], list[Found[Service]]]:
    """Return what starts a product by itself, and what may: the manager does not say."""
    held = set(_held(case))
    shadowed = _shadowed(case)
    sure, unsure = [], []
    for found in case.reading.found(Service):
        if (found.section, found.line) not in use.sighting.places or "not-found" in found.fact.state.split():
            continue
        if found.fact.is_left_over and use.sighting.state is not SightingState.RESIDUAL:
            # It starts nothing; of a product that is nothing but remains the policy counts these.
            continue
        if found.fact.manager is ServiceManager.SYSV and found.fact.name in shadowed:
            continue
        if found.fact.start is StartMode.AUTOMATIC or id(found.fact) in held:
            sure.append(found)
        elif found.fact.start is StartMode.UNKNOWN:
            unsure.append(found)
    return sure, unsure


def _shadowed(case: Case) -> frozenset[str]:
    """Return the init scripts that systemd, where it runs, passes over for a unit (systemd-sysv-generator(8))."""
    units = (one for one in case.reading.of(Service) if one.manager is ServiceManager.SYSTEMD)
    return frozenset(one.name.removesuffix(".service") for one in units if one.is_running is not None)


def _held(case: Case) -> Iterator[int]:
    """Give the services that a connection, a time or a file starts, by ``id``: a manager waits from the boot on."""
    services = case.reading.of(Service)
    by_name: dict[tuple[ServiceManager, str], list[Service]] = {}
    for one in services:
        by_name.setdefault((one.manager, one.name), []).append(one)
    for one in services:
        if one.manager is ServiceManager.LAUNCHD and one.ports and one.start not in _IDLE:
            yield id(one)
        if one.start is StartMode.AUTOMATIC:
            stem = one.name.removesuffix(".timer").removesuffix(".path")
            names = started_units(one) if stem == one.name else (one.starts or f"{stem}.service",)
            for name in names:
                yield from (
                    id(other) for other in by_name.get((one.manager, name), ()) if other.start is not StartMode.MASKED
                )


def _violation(use: ProductUse, case: Case, starts: list[Found[Service]], *, is_certain: bool) -> Violation:
    seen = use.sighting
    more = len(starts) - _NAMED
    named = ", ".join(_named(one.fact) for one in starts[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    rule = (
        f"Approval '{nearest_of(use)}' wants it started on demand."
        if use.is_allowed
        else f"{use.objection}."
        if use.objection
        else "No approval in the policy names it for this host."
    )
    if all(one.fact.is_left_over for one in starts):
        does = "would start by itself if its program were put back, which is not there any more"
    else:
        does = "starts by itself" if is_certain else "may start by itself, which its manager does not say"
    return Violation(
        subject=subject_of(seen),
        reason=f"{seen.name} {does}: {named}. {rule}",
        proof=tuple(dict.fromkeys(case.reading.quote(one) for one in starts[:_NAMED])),
        remediation=(
            f"Disable what starts it, which the proof names: {_disabling(case)}.",
            f"If {seen.name} is needed all the time, approve it with `start: automatic`; if not at all, remove it.",
        ),
        severity=Severity.MEDIUM,
        product=seen.product,
    )


def _named(service: Service) -> str:
    name = service.name if len(service.name) <= _SHOWN else service.name[: _SHOWN - 1] + "…"
    whose = f", for {service.user[:_SHOWN]!a}" if service.user and service.manager in _OF_USERS else ""
    return f"{name!a} ({_MANAGERS[service.manager]}{whose})"


_OF_USERS = (ServiceManager.SYSTEMD_USER, ServiceManager.AUTOSTART, ServiceManager.CRON, ServiceManager.LOGIN_ITEM,
             ServiceManager.RUN_KEY)  # fmt: skip


def _disabling(case: Case) -> str:
    if case.head.os is OsFamily.WINDOWS:
        return (
            "`Stop-Service NAME; Set-Service NAME -StartupType Disabled`, `Disable-ScheduledTask`, or take the value "
            "out of the Run key"
        )
    if case.head.os is OsFamily.MACOS:
        return "`launchctl disable`, then `bootout` for a job; System Settings > General > Login Items for an item"
    return "`systemctl disable --now UNIT` for a unit and its socket, or delete the entry of cron, xinetd or autostart"


CONTROL = Control(
    id="remote_access_at_boot",
    title="Remote-access software starts by itself only where that is approved",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005", "T1133", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7", "AC-17"),
        "CIS Controls v8.1": ("4.8",),
        "PCI DSS v4": ("2.2.4",),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: ("services.*", "software.*", "processes.*"),
        OsFamily.WINDOWS: ("services.*", "software.*", "processes.windows", "processes.signers"),
        OsFamily.MACOS: ("services.*", "software.*", "processes.macos"),
    },
    limits=(_STARTED_BY_OTHERS,),
    assess=_assess,
    manual=__doc__,
)
