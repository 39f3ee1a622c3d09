"""Only administrators may write to the folders that programs are started from.

## What it checks

The folders of PATH that logins get (`/etc/environment`, `/etc/login.defs` and the usual ones), every folder above one
of them, and each folder of `/opt` and `/usr/local` from which root runs a program or a service. Nobody but root may
write there, by the folder's owner, its group or its permissions for everybody. A group nobody is in opens nothing.
Accounts and groups of `settings.installers` and `settings.service_accounts` are approved.

On macOS it is the folders of `/etc/paths` and `/etc/paths.d`, those that Homebrew and MacPorts put into everybody's
PATH, the folders that launchd starts jobs from, and each folder from which root runs something. Homebrew's prefix
belongs to whoever installed it: `/opt/homebrew/bin` is then a finding about that account, unless the policy lets it
install software. Who is in an approved group (`admin`) counts as approved there wherever he owns a folder.

## Why it matters

Who may write to such a folder needs no right to install: a program that lies there is run by everybody who types its
name, root among them. M1033 asks to restrict the installation of software (ATT&CK T1021.005).

## How to fix

`chown root:root` (`root:wheel` on macOS) and `chmod go-w` the folder, or take the member out of the group. An account
that has to write there belongs into `settings.installers` of the policy.

It is not judged on Windows, where folders have access lists that are not asked, and where per-user installation makes
the question another one: `windows_installer_policy` and `execution_control` put it.

## What it needs

The folders with their owners and permissions, accounts and groups, processes and services. On macOS access lists are
weighed where the folders are looked at: an entry that lets somebody write makes the folder one of these.
"""

from auditor.controls.control import Control
from auditor.controls.installer_ways import members
from auditor.controls.macos_installers import mac_members
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.accounts import Account, Group
from auditor.model.facts.appcontrol import WritableProgramPath
from auditor.model.facts.processes import Process
from auditor.model.facts.services import Service
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.verdict import Assessment, Demand, Gap, Limit, Mitigation, Severity, Violation

_PROFILES = Limit(
    id="shell-profiles",
    text="What a shell's profile adds to PATH is not seen, nor are programs in a folder that are themselves open to "
    "others.",
)
_IN_PATH = "in PATH"
_START_UP = "start-up folder"
_PREFIXES = ("/opt/homebrew/", "/opt/local/", "/usr/local/")
_PROGRAMS = ("/bin", "/sbin")
_OTHERS, _STICKY, _GROUP = 8, 9, 5


def _assess(case: Case) -> Assessment:
    by_number = {one.uid: one.name for one in case.reading.of(Account) if one.uid is not None}
    groups = {one.gid: one for one in case.reading.of(Group) if one.gid is not None}
    approved = _approved(case)
    is_mac = case.head.os is OsFamily.MACOS
    violations, gaps = [], []
    for found in case.reading.found(WritableProgramPath):
        folder = found.fact
        if not _matters(folder, case):
            continue
        owner = by_number.get(_number(folder.owner), f"user number {folder.owner}")
        writers = [] if folder.owner == "0" or owner in approved else [owner]
        if folder.mode[_GROUP] == "w" and (folder.group != "0" or is_mac):
            group = groups.get(_number(folder.group))
            if group is None:
                gaps.append(_group_gap(found))
            elif group.name not in case.settings.installers.groups:
                inside = mac_members(group, case) if is_mac else members(group, case)
                writers += [name for name in inside if name not in approved and name != owner]
        is_for_all = folder.mode[_OTHERS] == "w"
        if is_for_all or writers:
            violations.append(_violation(case, found, ("everybody",) if is_for_all else tuple(writers)))
        elif folder.mode.endswith("+") and folder.mode[_GROUP] == "w" and not is_mac:
            gaps.append(_list_gap(found))
    return Assessment(violations=tuple(violations), gaps=tuple(gaps))


def _matters(folder: WritableProgramPath, case: Case) -> bool:
    """Tell whether what somebody puts into a folder is run by others: it is in PATH, or root runs what lies there."""
    if folder.reason in (_IN_PATH, _START_UP):
        return True
    if case.head.os is OsFamily.MACOS and folder.path.startswith(_PREFIXES) and folder.path.endswith(_PROGRAMS):
        # Whoever uses Homebrew or MacPorts has it in PATH, by his shell's profile.
        return True
    if folder.mode[_STICKY] in "tT":
        # There one may add, but not take the place of what another owns.
        return False
    return "above" in folder.reason or _root_runs_from(folder.path, case)


def _approved(case: Case) -> frozenset[str]:
    """Return the accounts that may write there; on macOS who is in an approved group, since he may install anyway."""
    installers = case.settings.installers
    found = {"root", *installers.users, *case.settings.service_accounts}
    if case.head.os is OsFamily.MACOS:
        for group in case.reading.of(Group):
            found.update(mac_members(group, case) if group.name in installers.groups else ())
    return frozenset(found)


def _number(text: str) -> int:
    """Return a number as ls writes it; -1, which nobody has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() else -1


def _root_runs_from(path: str, case: Case) -> bool:
    inside = f"{path.rstrip('/')}/"
    runs = any((one.executable or "").startswith(inside) and one.uid == 0 for one in case.reading.of(Process))
    return runs or any(
        (one.command or "").lstrip("-+!@:").startswith(inside) and one.user in (None, "", "root")
        for one in case.reading.of(Service)
    )


def _violation(case: Case, found: Found[WritableProgramPath], writers: tuple[str, ...]) -> Violation:
    folder = found.fact
    what = folder.reason if folder.reason != "folder of programs" else "a folder from which root runs programs"
    is_for_all = writers == ("everybody",)
    return Violation(
        subject=f"path:{folder.path}",
        reason=f"{', '.join(writers)} may write to {folder.path}, which is {what}: it is {folder.mode}, of owner "
        f"{folder.owner} and group {folder.group}.",
        proof=(case.reading.quote(found),),
        remediation=(
            f"Look for programs in {folder.path} that nobody installed.",
            f"Take the right to write away: `{_chown(case)} {folder.path}` and `chmod go-w {folder.path}`.",
            "If an account has to write there, add it to `settings.installers` in the policy.",
        ),
        severity=Severity.HIGH if is_for_all else Severity.MEDIUM,
    )


def _chown(case: Case) -> str:
    return f"chown root:{'wheel' if case.head.os is OsFamily.MACOS else 'root'}"


def _group_gap(found: Found[WritableProgramPath]) -> Gap:
    return Gap(
        section=found.section,
        outcome=Outcome.PARTIAL,
        reason=f"group number {found.fact.group} may write to {found.fact.path}, and who is in it stands in no file of "
        "the host",
        advice=f"Give {found.fact.path} to group root, or to a group of /etc/group.",
    )


def _list_gap(found: Found[WritableProgramPath]) -> Gap:
    return Gap(
        section=found.section,
        outcome=Outcome.PARTIAL,
        reason=f"who may write to {found.fact.path} is said by an access list, which is not read",
        advice=f"Take the list off (`setfacl -b {found.fact.path}`), or take the right to write from its mask.",
    )


CONTROL = Control(
    id="writable_program_path",
    title="Only administrators may write to the folders that programs are started from",
    mitigation=Mitigation.M1033,
    techniques=("T1021.005",),
    programme=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-11", "CM-5", "AC-6"),
        "CIS Controls v8.1": ("2.5", "3.3"),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: (
            "appcontrol.program_paths",
            "accounts.users",
            "accounts.groups",
            "processes.procfs",
            "services.systemd",
            "services.sysv",
        ),
        OsFamily.MACOS: ("appcontrol.macos_modes", "accounts.macos", "processes.macos", "services.launchd"),
    },
    not_on={
        OsFamily.WINDOWS: "Who may write to a folder of Windows is said by access lists, which are not asked: "
        "execution_control judges what can be started from where users write.",
    },
    limits=(_PROFILES,),
    assess=_assess,
    manual=__doc__,
)
