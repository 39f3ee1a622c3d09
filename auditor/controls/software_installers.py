"""Only approved accounts may install software.

## What it checks

Who can act as root, and so install anything: accounts with user number 0, and users whom sudoers lets run
everything, a shell, or a package manager. Groups named in sudoers are resolved to their members. Accounts
and groups listed in the policy under `settings.installers`, and the audit's own accounts under
`settings.service_accounts`, are approved.

## Why it matters

A VNC server must be installed by somebody. M1033 asks to restrict installation to the groups that need it
(ATT&CK T1021.005).

## How to fix

Take the sudoers entry or the group membership away, or add the account or group to
`settings.installers` in the policy.

## What it needs

Accounts, groups, and every sudoers file. Reading sudoers needs root.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.accounts import Account, Group, SudoRule
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.sighting import Quote
from auditor.model.verdict import Assessment, Demand, Gap, Limit, Mitigation, Severity, Violation

_PACKAGE_MANAGERS = frozenset((
    "apk", "apt", "apt-get", "aptitude", "dnf", "dpkg", "emerge", "flatpak", "npm", "pacman", "pip", "pip3", "rpm",
    "snap", "yum", "zypper",
))  # fmt: skip
# Whoever may run one of these as root may run anything.
_SHELLS = frozenset((
    "ash", "bash", "busybox", "chroot", "csh", "dash", "env", "find", "fish", "ksh", "less", "more", "nano", "nsenter",
    "perl", "python", "python3", "ruby", "sh", "su", "systemd-run", "tcsh", "vi", "vim", "visudo", "zsh",
))  # fmt: skip
_OTHER_WAYS = Limit(
    id="other-ways-to-root",
    text="Rights gained through polkit, container engines, capabilities or a flaw are not judged by this version.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    """One way a principal can install software."""

    principal: str
    how: str
    proof: Quote


def _assess(case: Case) -> Assessment:
    approved_users = {*case.settings.installers.users, *case.settings.service_accounts}
    approved_groups = set(case.settings.installers.groups)
    gaps: list[Gap] = []
    grants = [*_root_accounts(case), *_sudo_grants(case, approved_groups, gaps)]
    violations: dict[str, Violation] = {}
    for grant in grants:
        if grant.principal not in approved_users:
            violation = _violation(grant)
            violations.setdefault(violation.subject, violation)
    return Assessment(violations=tuple(violations.values()), gaps=tuple(gaps))


def _root_accounts(case: Case) -> Iterator[_Grant]:
    for found in case.reading.found(Account):
        if found.fact.uid == 0:
            yield _Grant(principal=found.fact.name, how="has user number 0", proof=case.reading.quote(found))


def _sudo_grants(case: Case, approved_groups: set[str], gaps: list[Gap]) -> Iterator[_Grant]:
    for found in case.reading.found(SudoRule):
        rule = found.fact
        if not _gives_root(rule):
            continue
        here = _holds_here(rule.hosts, case)
        if here is None:
            gaps.append(_host_gap(found))
        if here:
            yield from _principals(found, case, approved_groups)


def _principals(found: Found[SudoRule], case: Case, approved_groups: set[str]) -> Iterator[_Grant]:
    rule = found.fact
    proof = case.reading.quote(found)
    what = f"may run {', '.join(rule.commands)} through sudo"
    if not rule.principal.startswith("%"):
        yield _Grant(principal=_user_name(rule.principal, case), how=what, proof=proof)
        return
    name = rule.principal[1:]
    group = next((one for one in case.reading.of(Group) if name in (one.name, f"#{one.gid}")), None)
    if name in approved_groups or (group is not None and group.name in approved_groups):
        return
    if group is None:
        # A directory's group: who is in it is not on this host, but the grant is.
        yield _Grant(principal=rule.principal, how=what, proof=proof)
        return
    for member in _members(group, case):
        yield _Grant(principal=member, how=f"{what}, as a member of group {group.name}", proof=proof)


def _members(group: Group, case: Case) -> Iterable[str]:
    primary = [account.name for account in case.reading.of(Account) if account.gid == group.gid]
    return sorted({*group.members, *primary})


def _user_name(principal: str, case: Case) -> str:
    if principal.startswith("#"):
        for account in case.reading.of(Account):
            if f"#{account.uid}" == principal:
                return account.name
    return principal


def _gives_root(rule: SudoRule) -> bool:
    as_root = not rule.run_as or any(name in ("ALL", "root", "#0") for name in rule.run_as)
    return as_root and any(_is_powerful(command) for command in rule.commands)


def _is_powerful(command: str) -> bool:
    if command.startswith("!"):
        return False
    program = command.split(" ", 1)[0]
    # A folder or a wildcard lets in programs that nobody listed.
    if program == "ALL" or program.endswith("/") or "*" in program:
        return True
    return program.rsplit("/", 1)[-1] in _PACKAGE_MANAGERS | _SHELLS


def _holds_here(hosts: tuple[str, ...], case: Case) -> bool | None:
    """Tell whether a rule's host list names this host; None when that cannot be told."""
    short = case.head.hostname.partition(".")[0]
    if not hosts or any(host in ("ALL", "localhost", case.head.hostname, short) for host in hosts):
        return True
    named = [host for host in hosts if host.replace("-", "").replace(".", "").isalnum() and not host[0].isdigit()]
    return False if len(named) == len(hosts) else None


def _host_gap(found: Found[SudoRule]) -> Gap:
    return Gap(
        section=found.section,
        outcome=Outcome.PARTIAL,
        reason=f"whether the rule of {found.fact.principal} in {found.fact.file}:{found.fact.line} holds on this host "
        "cannot be told from its host list",
        advice="Write ALL or the host's name in that sudoers entry.",
    )


def _violation(grant: _Grant) -> Violation:
    return Violation(
        subject=f"principal:{grant.principal}",
        reason=f"{grant.principal} {grant.how} and so may install any software.",
        proof=(grant.proof,),
        remediation=(
            f"Ask whether {grant.principal} needs to install software on this host.",
            "If not, take the sudoers entry or the group membership away (`visudo`, `gpasswd -d`).",
            f"If so, add `{grant.principal}` to `settings.installers` in the policy.",
        ),
        severity=Severity.HIGH if grant.how.startswith("has user") else Severity.MEDIUM,
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
    needs={OsFamily.LINUX: ("accounts.*",)},
    limits=(_OTHER_WAYS,),
    assess=_assess,
    manual=__doc__,
)
