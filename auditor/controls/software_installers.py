r"""Only approved accounts may install software.

## What it checks

Who can act as root, and so install anything: accounts with user number 0; users whom sudoers or doas.conf lets run
everything, a shell, or a package manager; users to whom polkit gives such an action, or whom it counts as
administrators; and members of the groups that open the host as a whole (`disk`, and `docker`, `lxd`, `incus-admin`,
`libvirt` or `microk8s` where what they are for is there). Groups are resolved to their members. Accounts
and groups listed in the policy under `settings.installers`, and the audit's own accounts under
`settings.service_accounts`, are approved.

On Windows it is who is in the local Administrators, found by its SID (S-1-5-32-544): accounts and groups of the host
and of its domain. `installers` names them as `EXAMPLE\jane` or by SID, the host's own accounts by the name alone, and
`Domain Admins` whatever they are called there; the built-in Administrator (RID 500) is approved where `root` is. What
lets others install is `windows_installer_policy`'s.

On macOS it is the group `admin`, with the members of groups nested in it: they may write to `/Applications`, and their
password opens every installer; and whom sudoers lets be root. Approving the group `admin` approves whoever is in it. A
standard user may install into his home only: that is `unapproved_product`'s and `execution_control`'s to see.

## Why it matters

A VNC server must be installed by somebody. M1033 asks to restrict installation to the groups that need it
(ATT&CK T1021.005).

## How to fix

Take the entry of sudoers or doas.conf, the polkit rule or the group membership away, or add the account or group to
`settings.installers` in the policy.

## What it needs

Accounts, groups, every sudoers file, doas.conf, and polkit's actions and rules. Reading sudoers and polkit's own
rules needs root. A polkit rule that computes its answer is a gap: a person has to read it. On Windows the members of
the local Administrators; a domain controller has none, so who may install there is unknown. On macOS accounts, groups
and every sudoers file.
"""

from auditor.controls.control import Control
from auditor.controls.installer_ways import Grant, grants
from auditor.controls.macos_installers import mac_strangers
from auditor.controls.windows_administrators import strangers
from auditor.model.case import Case
from auditor.model.host import OsFamily
from auditor.model.verdict import Assessment, Demand, Gap, Limit, Mitigation, Severity, Violation

_OTHER_WAYS = Limit(
    id="other-ways-to-root",
    text="Rights gained through capabilities, programs with the setuid bit, services that listen, or a flaw are not "
    "judged.",
    systems=(OsFamily.LINUX, OsFamily.MACOS),
)
_PRIVILEGES = Limit(
    id="windows_privileges",
    text="Rights gained through privileges of an account (backup, debugging), services whose programs others may "
    "replace, tasks, management agents, or a flaw are not judged.",
    systems=(OsFamily.WINDOWS,),
)
_NESTED = Limit(
    id="domain_groups",
    text="Who is in a group of the domain stands in the directory, which is not asked: it is judged by its name.",
    systems=(OsFamily.WINDOWS,),
)
_MACOS_WAYS = Limit(
    id="macos_management",
    text="What a management server installs, what the App Store lets users install, changed rights of the authorization"
    " database (`system.install.*`), and members of groups of a directory are not judged.",
    systems=(OsFamily.MACOS,),
)


def _assess(case: Case) -> Assessment:
    if case.head.os is OsFamily.WINDOWS:
        return strangers(case)
    if case.head.os is OsFamily.MACOS:
        return mac_strangers(case)
    approved = {*case.settings.installers.users, *case.settings.service_accounts}
    gaps: list[Gap] = []
    violations: dict[str, Violation] = {}
    for grant in grants(case, frozenset(case.settings.installers.groups), gaps):
        if grant.principal not in approved:
            violation = _violation(grant)
            violations.setdefault(violation.subject, violation)
    return Assessment(violations=tuple(violations.values()), gaps=tuple(gaps))


def _violation(grant: Grant) -> Violation:
    severity = Severity.HIGH if grant.is_root else Severity.LOW if grant.is_console else Severity.MEDIUM
    who = "everybody" if grant.principal == "ALL" else grant.principal
    return Violation(
        subject=f"principal:{grant.principal}",
        reason=f"{who} {grant.how} and so may install any software.",
        proof=(grant.proof,),
        remediation=(
            f"Ask whether {who} needs to install software on this host.",
            "If not, take the rule of sudo, doas or polkit, or the group membership away (`visudo`, `gpasswd -d`).",
            f"If so, add `{grant.principal}` to `settings.installers` in the policy.",
        ),
        severity=severity,
    )


CONTROL = Control(
    id="software_installers",
    title="Only approved accounts may install software",
    mitigation=Mitigation.M1033,
    techniques=("T1021.005",),
    programme=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-11", "CM-5", "AC-6"),
        "CIS Controls v8.1": ("2.5", "5.4"),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: ("accounts.*",),
        OsFamily.WINDOWS: ("accounts.administrators",),
        OsFamily.MACOS: ("accounts.macos", "accounts.sudoers"),
    },
    limits=(_OTHER_WAYS, _PRIVILEGES, _NESTED, _MACOS_WAYS),
    assess=_assess,
    manual=__doc__,
)
