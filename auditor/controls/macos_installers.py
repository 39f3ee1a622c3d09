"""Who may install anything on a Mac: its administrators, by nested groups too, and whom sudo lets be root."""

from collections.abc import Iterator

from auditor.controls.installer_ways import Grant, by_sudo, members
from auditor.controls.more_rights import more_rights
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.accounts import Account, Group, SudoRule
from auditor.model.reading import Found
from auditor.model.verdict import Assessment, Gap, Severity, Violation

_ADMIN = "admin"
"""Group of the administrators: its members may write to /Applications, and every installer takes their password."""
# Whoever may run one of these as root may install, start or become anything (installer(8), launchctl(1), dscl(1),
# dseditgroup(8), sysadminctl(8), osascript(1)).
_COMMANDS = frozenset((
    "brew", "dscl", "dseditgroup", "installer", "launchctl", "mas", "osascript", "port", "sysadminctl",
))  # fmt: skip
_GENERATIONS = 16


def mac_members(group: Group, case: Case) -> list[str]:
    """Return who is in a group, by groups that are in it too where the policy does not approve those, sorted."""
    approved = case.settings.installers.groups
    groups = {one.name: one for one in case.reading.of(Group)}
    accounts = {one.name for one in case.reading.of(Account)}
    found: set[str] = set()
    seen, now = {group.name}, [group]
    for _ in range(_GENERATIONS):
        below: list[Group] = []
        for one in now:
            for name in members(one, case):
                nested = groups.get(name.removeprefix("%")) if name not in accounts else None
                if nested is None:
                    found.add(name)
                elif nested.name not in (*seen, *approved):
                    seen.add(nested.name)
                    below.append(nested)
        now = below
    # A chain that is longer is told by the name of the group at its end.
    return sorted({*found, *(f"%{one.name}" for one in now)})


def mac_strangers(case: Case) -> Assessment:
    """Return who may install and is not named by the policy; what is undecided is a gap."""
    approved = {*case.settings.installers.users, *case.settings.service_accounts}
    gaps: list[Gap] = []
    violations: dict[str, Violation] = {}
    for grant in _grants(case, gaps):
        if grant.principal not in approved:
            violation = _violation(grant)
            violations.setdefault(violation.subject, violation)
    return Assessment(violations=tuple(violations.values()), gaps=tuple(gaps))


def _grants(case: Case, gaps: list[Gap]) -> Iterator[Grant]:
    for account in case.reading.found(Account):
        if account.fact.uid == 0:
            proof = case.reading.quote(account)
            yield Grant(principal=account.fact.name, how="has user number 0", proof=proof, is_root=True)
    approved = frozenset(case.settings.installers.groups)
    admin = next((one for one in case.reading.found(Group) if one.fact.name == _ADMIN), None)
    if admin is None:
        gaps.append(_unlisted(case))
    elif _ADMIN not in approved:
        for name in mac_members(admin.fact, case):
            how = f"is an administrator (group {_ADMIN}), may write to /Applications"
            yield Grant(principal=name, how=how, proof=case.reading.quote(admin))
    for found in case.reading.found(SudoRule):
        yield from _by_rule(case, found, approved, gaps)


def _by_rule(case: Case, found: Found[SudoRule], approved: frozenset[str], gaps: list[Gap]) -> Iterator[Grant]:
    """Return who gets what a rule of sudo gives, groups that the policy approves apart."""
    how = by_sudo(case, found, gaps, _COMMANDS)
    if how is None:
        return
    principal, proof = found.fact.principal, case.reading.quote(found)
    if not principal.startswith("%"):
        number = {f"#{one.uid}": one.name for one in case.reading.of(Account)}
        yield Grant(principal=number.get(principal, principal), how=how, proof=proof)
        return
    groups = [one for one in case.reading.of(Group) if principal[1:] in (one.name, f"#{one.gid}")]
    if principal[1:] in approved or any(one.name in approved for one in groups):
        return
    if not groups:
        # A directory's group: who is in it is not on this host, but the grant is.
        yield Grant(principal=principal, how=how, proof=proof)
    for group in groups:
        for name in mac_members(group, case):
            yield Grant(principal=name, how=f"{how}, as a member of group {group.name}", proof=proof)


def _unlisted(case: Case) -> Gap:
    """Say that nobody was seen to be an administrator: every Mac has the group, and somebody in it."""
    reason = f"who is in the group {_ADMIN} was not listed"
    return Gap(section="accounts.macos", outcome=Outcome.PARTIAL, reason=reason, advice=more_rights(case))


def _violation(grant: Grant) -> Violation:
    who = "everybody" if grant.principal == "ALL" else grant.principal
    return Violation(
        subject=f"principal:{grant.principal}",
        reason=f"{who} {grant.how} and so may install any software.",
        proof=(grant.proof,),
        remediation=(
            f"Ask whether {who} needs to install software on this host.",
            f"If not, make it a standard account: `dseditgroup -o edit -d {who} -t user admin`.",
            "Take its rule, or its group's, out of sudoers (`visudo`).",
            f"If so, add `{grant.principal}` to `settings.installers` in the policy.",
        ),
        severity=Severity.HIGH if grant.is_root or grant.principal == "ALL" else Severity.MEDIUM,
    )
