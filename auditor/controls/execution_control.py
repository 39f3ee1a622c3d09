"""What nobody approved cannot be run, where the policy asks for that.

## What it checks

What the policy demands with `settings.execution_control`:

* `none` (the default): nothing, and the control does not apply.
* `user_places`: nothing can be started from where ordinary users write: `/tmp`, `/var/tmp`, `/dev/shm`, `/home` and the
  homes of accounts elsewhere lie on file systems that are mounted `noexec`, or an allowlist is in force.
* `allowlist`: fapolicyd runs, is not permissive, and a rule refuses every program that neither a rule nor a trust
  database names. A remote-access product that runs without an approval was evidently not refused, and breaks it.

On Windows it is AppLocker, where its rules for programs are enforced and its service AppIDSvc runs: they are weighed
for a user without an administrator's rights, and must refuse an unknown program in `Downloads`, on the desktop, in
`AppData`, `Public` and `ProgramData` (`user_places`), and in any folder that nobody named (`allowlist`). Software
restriction policies count where they disallow by default. WDAC that enforces for programs of users is not enough by
itself: what its policy lets run stands in a signed file that is not read, so the verdict is unknown. With `allowlist`
the programs of each product without an approval are weighed too: one that runs was not refused, one that AppLocker
would let run breaks the control, and one of which that cannot be told (a rule by hash or publisher) makes it unknown.

On macOS it is Santa, where its daemon runs in the mode Lockdown and no pattern of paths (`AllowedPathRegex`) lets run
what lies there; that is enough for both demands. Its mode is unknown where a server sets it (`SyncBaseURL`) and it was
not asked itself. A profile that lets only listed apps be opened (`com.apple.applicationaccess.new`) leaves it unknown:
what it does with other programs is not said. **Gatekeeper is no allowlist**: it asks only about files that the program
which fetched them marked as downloaded, and lets run whatever Apple notarised. A downloaded AnyDesk starts from any
folder, and what `curl` fetched is not asked about. So a Mac that has Gatekeeper alone breaks this control, and the
reason says whether it is on.

AppArmor and SELinux count for neither: an AppArmor profile confines the program that it is made for, and SELinux's
`targeted` policy confines services; whoever downloads AnyDesk into a home folder starts it under both. What they do
stands in the reason.

## Why it matters

Most remote-access programs need no installation. M1038 asks to keep unapproved ones from running (ATT&CK T1219,
T1219.001, T1219.002).

## How to fix

For `user_places`, mount the places with `noexec` (`/etc/fstab`; `systemctl edit tmp.mount`). For `allowlist`, install
fapolicyd, keep its rules (`fapolicyd-cli --check-config`), try them with `permissive = 1`, then set `permissive = 0`
and `systemctl enable --now fapolicyd`. On macOS install Santa, write rules while it monitors, then set `ClientMode` 2
by a profile. A host that cannot do so needs an exception.

## What it needs

fapolicyd's state and rules, mounts, accounts, and processes; on Windows AppLocker's rules and service, software
restriction policies, WDAC's state, processes, who signed them, and services; on macOS the state of Gatekeeper and
Santa, configuration profiles, processes and sockets.
"""

from collections.abc import Iterator

from auditor.controls.control import Control
from auditor.controls.macos_execution import assess_macos
from auditor.controls.windows_execution import assess_windows
from auditor.model.case import Case
from auditor.model.facts.accounts import Account
from auditor.model.facts.appcontrol import ExecutionControl
from auditor.model.host import OsFamily
from auditor.model.policy import ExecutionDemand
from auditor.model.reading import Found
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence, Quote, Role, SightingState
from auditor.model.verdict import Assessment, Demand, Inapplicable, Limit, Mitigation, Severity, Violation

_LIMIT = Limit(
    id="interpreters",
    text="A program that an interpreter reads (`sh file`, `java -jar file`) is not refused by noexec, and by fapolicyd "
    "as far as its rules say. Programs that are trusted by hand, and IMA, dm-verity and Landlock are not judged.",
    systems=(OsFamily.LINUX,),
)
_MACOS_LIMIT = Limit(
    id="macos_interpreters",
    text="A script that an interpreter of macOS reads (`sh file`, `osascript file`) is refused by no allowlist. What "
    "rules of Santa's own let run (hashes, teams, signing ids) is not weighed: they stand in a database of its own.",
    systems=(OsFamily.MACOS,),
)
_WINDOWS_LIMIT = Limit(
    id="windows_interpreters",
    text="Rules for programs are judged: what an interpreter or a program of Windows loads (scripts, packages of "
    "Windows Installer, libraries) is refused by rules of its own, which are not.",
    systems=(OsFamily.WINDOWS,),
)
_OWN_FOLDERS = Limit(
    id="windows_own_folders",
    text="Folders inside of Windows' own to which users may write (Temp, Tasks, spool\\drivers\\color) are let run by "
    "the default rules, and not judged.",
    systems=(OsFamily.WINDOWS,),
)
_PLACES = ("/dev/shm", "/home", "/tmp", "/var/tmp")  # noqa: S108 — places that are looked at
_FIRST_USER, _NOBODY = 1000, 65_534


def _assess(case: Case) -> Assessment:
    demand = case.settings.execution_control
    if demand is ExecutionDemand.NONE:
        reason = "The policy does not ask for execution control."
        return Assessment(inapplicable=Inapplicable(reason=reason, proof=()))
    if case.head.os is OsFamily.WINDOWS:
        return assess_windows(case)
    if case.head.os is OsFamily.MACOS:
        return assess_macos(case)
    lacking = _lacking_allowlist(case)
    if demand is ExecutionDemand.USER_PLACES:
        return Assessment(violations=tuple(_open_places(case)) if lacking is not None else ())
    running = [use for use in case.products if _runs_unapproved(use)]
    told = {use.sighting.product: _not_refused(use, has_allowlist=lacking is None) for use in running}
    sure = [use.sighting.product for use in running if use.sighting.confidence is Confidence.CONFIRMED]
    return Assessment(
        violations=(*(() if lacking is None else (lacking,)), *(told[product] for product in sure)),
        suspected=tuple(one for product, one in told.items() if product not in sure),
    )


def _lacking_allowlist(case: Case) -> Violation | None:
    """Return what keeps fapolicyd from refusing what nobody listed; None where nothing does."""
    entries = [found for found in case.reading.found(ExecutionControl) if found.fact.mechanism == "fapolicyd"]
    whole = next((found for found in entries if not found.fact.subject), None)
    unlisted = next((found for found in entries if found.fact.subject), None)
    if whole is None:
        return _violation(case, "no program is kept from running: fapolicyd is not installed", None)
    if whole.fact.mode != "enforcing":
        return _violation(case, f"fapolicyd refuses nothing: {whole.fact.detail}", whole)
    if unlisted is None:
        return _violation(case, "fapolicyd runs, and no rule refuses a program that nobody listed", whole)
    if unlisted.fact.mode != "enforcing":
        said = f"fapolicyd runs, and a rule lets every program run: {unlisted.fact.detail}"
        return _violation(case, said, unlisted)
    return None


def _violation(case: Case, reason: str, found: Found[ExecutionControl] | None) -> Violation:
    return Violation(
        subject="mechanism:fapolicyd",
        reason=f"{reason}{_beside(case)}.",
        proof=() if found is None else (case.reading.quote(found),),
        remediation=(
            "Install fapolicyd, with a last rule `deny_audit perm=execute all : all` and what is needed above it.",
            "Try the rules with `permissive = 1` for as long as it logs what people need, then set `permissive = 0`.",
            "Start it for good: `systemctl enable --now fapolicyd`.",
        ),
        severity=Severity.MEDIUM,
    )


def _beside(case: Case) -> str:
    """Say what AppArmor and SELinux do, since a reader will ask."""
    said = []
    facts = case.reading.of(ExecutionControl)
    profiles = sum(1 for one in facts if one.mechanism == "apparmor" and one.subject and one.mode == "enforcing")
    if profiles:
        said.append(f"AppArmor confines what its {profiles} profiles are made for, and lets others run")
    if any(one.mechanism == "selinux" and not one.subject and one.mode == "enforcing" for one in facts):
        said.append("SELinux enforces, and lets users who are not confined run what they like")
    return "".join(f"; {one}" for one in said)


def _runs_unapproved(use: ProductUse) -> bool:
    seen = use.sighting
    return not use.is_allowed and seen.state is SightingState.RUNNING and seen.role is not Role.CLIENT


def _not_refused(use: ProductUse, *, has_allowlist: bool) -> Violation:
    seen = use.sighting
    why = "although an allowlist is in force: it is trusted there, or was started before" if has_allowlist else ""
    return Violation(
        subject=f"product:{seen.product}" + (f"/{seen.tenant}" if seen.tenant else ""),
        reason=f"{seen.name} runs without an approval{' ' if why else ''}{why}.",
        proof=seen.proof,
        remediation=(
            f"Stop {seen.name}.",
            "Deny its programs by a rule of fapolicyd above those that allow what is trusted, or remove it.",
            f"If it is needed, add an approval for `{seen.product}` to the policy: reason, owner, review date.",
        ),
        severity=Severity.HIGH,
        product=seen.product,
    )


def _open_places(case: Case) -> Iterator[Violation]:
    mounts = {
        found.fact.subject: found
        for found in case.reading.found(ExecutionControl)
        if found.fact.mechanism == "noexec mount"
    }
    for place in (*_PLACES, *_other_homes(case)):
        found = _mount_of(place, mounts)
        if found is not None and found.fact.mode != "enforcing":
            yield _open_place(place, found.fact, case.reading.quote(found))


def _other_homes(case: Case) -> list[str]:
    """Return homes of people that do not lie in one of the places."""
    homes = {
        account.home.rstrip("/")
        for account in case.reading.of(Account)
        if account.uid is not None
        and _FIRST_USER <= account.uid < _NOBODY
        and not account.is_disabled
        and account.home.startswith("/")
    }
    return sorted(home for home in homes if home and not home.startswith(tuple(f"{place}/" for place in _PLACES)))


def _mount_of(place: str, mounts: dict[str, Found[ExecutionControl]]) -> Found[ExecutionControl] | None:
    """Return the mount that a folder lies on."""
    while place not in mounts and place:
        place = place.rpartition("/")[0]
    return mounts.get(place or "/")


def _open_place(place: str, mount: ExecutionControl, proof: Quote) -> Violation:
    return Violation(
        subject=f"place:{place}",
        reason=f"Whoever may write to {place} can start any program from there: it lies on {mount.subject}, which is "
        "not mounted noexec.",
        proof=(proof,),
        remediation=(
            f"Give {place} a file system of its own, or a bind mount, with the options `nodev,nosuid,noexec`.",
            "Where people need to run what they build, use an allowlist (fapolicyd), or grant an exception.",
        ),
        severity=Severity.MEDIUM,
    )


CONTROL = Control(
    id="execution_control",
    title="What nobody approved cannot be run, where the policy asks for that",
    mitigation=Mitigation.M1038,
    techniques=("T1219", "T1219.001", "T1219.002"),
    programme=("T1021.005",),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7(5)", "CM-7", "CM-11"),
        "CIS Controls v8.1": ("2.5", "2.6"),
    },
    demand=Demand.REQUIRES,
    needs={
        OsFamily.LINUX: (
            "appcontrol.fapolicyd",
            "appcontrol.mounts",
            "accounts.users",
            "processes.procfs",
            "sockets.ss",
        ),
        OsFamily.WINDOWS: (
            "appcontrol.windows",
            "processes.windows",
            "processes.signers",
            "services.windows",
            "sockets.windows",
        ),
        OsFamily.MACOS: ("appcontrol.macos", "remote_config.profiles", "processes.macos", "sockets.macos"),
    },
    limits=(_LIMIT, _MACOS_LIMIT, _WINDOWS_LIMIT, _OWN_FOLDERS),
    assess=_assess,
    manual=__doc__,
)
