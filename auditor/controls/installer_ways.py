"""The ways in which somebody can install software on a Linux host: each fact that gives one, read as a grant."""

from collections.abc import Iterable, Iterator
from functools import cached_property

from auditor.controls.present import is_present
from auditor.model.case import Case
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.accounts import Account, DoasRule, Group, PolkitGrant, SudoRule
from auditor.model.reading import Found
from auditor.model.record import Record
from auditor.model.sighting import Quote
from auditor.model.verdict import Gap

_PACKAGE_MANAGERS = frozenset((
    "apk", "apt", "apt-get", "aptitude", "dnf", "dpkg", "emerge", "flatpak", "npm", "pacman", "pip", "pip3", "rpm",
    "snap", "yum", "zypper",
))  # fmt: skip
# Whoever may run one of these as root may run anything.
_SHELLS = frozenset((
    "ash", "bash", "busybox", "chroot", "csh", "dash", "docker", "env", "find", "fish", "ksh", "less", "more", "nano",
    "nsenter", "perl", "podman", "python", "python3", "ruby", "sh", "su", "systemd-run", "tcsh", "vi", "vim", "visudo",
    "zsh",
))  # fmt: skip

# Groups whose members become root without asking anybody, and the programs or packages without which they do not.
_GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "disk": ("may write to the disks themselves", ()),
    "docker": (
        "may start containers that see the whole host",
        ("dockerd", "docker", "docker-ce", "docker-engine", "moby-engine", "podman-docker"),
    ),
    "lxd": ("may start containers that see the whole host", ("lxd",)),
    "incus-admin": ("may start containers that see the whole host", ("incusd", "incus", "incus-base")),
    "libvirt": ("may start machines that use any disk of the host", ("libvirtd", "virtqemud", "libvirt-daemon")),
    "libvirtd": ("may start machines that use any disk of the host", ("libvirtd", "virtqemud", "libvirt-bin")),
    "microk8s": ("may start containers that see the whole host", ("microk8s", "kubelite")),
}  # fmt: skip
_UNSEEN_ADVICE = "Run the audit as root or with sudo, or take the members out of the group."


class Grant(Record, kw_only=True):
    """One way in which a principal can install software."""

    principal: str
    """Account, ``%group`` of a directory, or ``ALL``."""
    how: str
    """What the principal has or may do, so that a sentence goes on with it."""
    proof: Quote
    """The line that says so."""
    is_root: bool = False
    """Whether the account is root under another name."""
    is_console: bool = False
    """Whether it takes somebody who sits in front of the host."""


def grants(case: Case, approved_groups: frozenset[str], gaps: list[Gap]) -> Iterator[Grant]:
    """Return every way that the facts show, groups that the policy approves apart; what is undecided is a gap."""
    for found in case.reading.found(Account):
        if found.fact.uid == 0:
            proof = case.reading.quote(found)
            yield Grant(principal=found.fact.name, how="has user number 0", proof=proof, is_root=True)
    people = _People(case, approved_groups)
    yield from _by_sudo(case, people, gaps)
    yield from _by_doas(case, people)
    yield from _by_polkit(case, people)
    yield from _by_group(case, people, gaps)


class _People:
    """Who is behind a name that rules use."""

    def __init__(self, case: Case, approved_groups: frozenset[str]) -> None:
        self.case = case
        self.approved_groups = approved_groups
        self.groups = {group.name: group for group in case.reading.of(Group)}

    @cached_property
    def by_number(self) -> dict[str, Group]:
        """Return the groups by ``#number``."""
        return {f"#{group.gid}": group for group in self.groups.values() if group.gid is not None}

    @cached_property
    def users(self) -> dict[str, str]:
        """Return the names of accounts by ``#number``."""
        return {f"#{account.uid}": account.name for account in self.case.reading.of(Account)}

    def grants(self, principal: str, how: str, proof: Quote, *, is_console: bool = False) -> Iterator[Grant]:
        """Return a grant for a user, or for each member of a group that the policy does not approve."""
        if not principal.startswith("%"):
            name = self.users.get(principal, principal) if principal.startswith("#") else principal
            yield Grant(principal=name, how=how, proof=proof, is_console=is_console)
            return
        group = self.group(principal[1:])
        if principal[1:] in self.approved_groups or (group is not None and group.name in self.approved_groups):
            return
        if group is None:
            # A directory's group: who is in it is not on this host, but the grant is.
            yield Grant(principal=principal, how=how, proof=proof, is_console=is_console)
            return
        for member in self.members(group):
            told = f"{how}, as a member of group {group.name}"
            yield Grant(principal=member, how=told, proof=proof, is_console=is_console)

    def group(self, name: str) -> Group | None:
        """Return a group of the host by its name or ``#number``."""
        return self.groups.get(name) or self.by_number.get(name)

    def members(self, group: Group) -> list[str]:
        """Return who is in a group, by its own list or by the number of an account."""
        return members(group, self.case)


def members(group: Group, case: Case) -> list[str]:
    """Return who is in a group, by its own list or as the account's primary one, sorted."""
    primary = [
        account.name for account in case.reading.of(Account) if group.gid is not None and account.gid == group.gid
    ]
    return sorted({*group.members, *primary})


def _by_sudo(case: Case, people: _People, gaps: list[Gap]) -> Iterator[Grant]:
    for found in case.reading.found(SudoRule):
        how = by_sudo(case, found, gaps)
        if how is not None:
            yield from people.grants(found.fact.principal, how, case.reading.quote(found))


def by_sudo(case: Case, found: Found[SudoRule], gaps: list[Gap], commands: frozenset[str] = frozenset()) -> str | None:
    """Say what a rule of sudo lets somebody do on this host who so becomes root; None where it does not.

    ``commands`` are the programs that lead there on the host's system beside those that do everywhere.
    """
    rule = found.fact
    as_root = not rule.run_as or any(name in ("ALL", "root", "#0") for name in rule.run_as)
    if not as_root or not any(_is_powerful(command, commands) for command in rule.commands):
        return None
    here = _holds_here(rule.hosts, case)
    if here is None:
        gaps.append(_host_gap(found))
    return f"may run {', '.join(rule.commands)} through sudo" if here else None


def _is_powerful(command: str, more: frozenset[str] = frozenset()) -> bool:
    if command.startswith("!"):
        return False
    program = command.split(" ", 1)[0]
    # A folder or a wildcard lets in programs that nobody listed.
    if program == "ALL" or program.endswith("/") or "*" in program:
        return True
    return program.rsplit("/", 1)[-1] in _PACKAGE_MANAGERS | _SHELLS | more


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


def _by_doas(case: Case, people: _People) -> Iterator[Grant]:
    """Return who is permitted a command that installs: of the rules that match, the last one decides."""
    rules = [found for found in case.reading.found(DoasRule) if found.fact.target in ("", "root", "0")]
    asked = [
        found for found in rules if found.fact.permits and (not found.fact.command or _is_powerful(found.fact.command))
    ]
    for found in asked:
        rule = found.fact
        how = f"may run {rule.command or 'any command'} through doas"
        for grant in people.grants(rule.principal, how, case.reading.quote(found)):
            if not _is_denied(grant.principal, found, rules, people):
                yield grant


def _is_denied(user: str, found: Found[DoasRule], rules: list[Found[DoasRule]], people: _People) -> bool:
    """Tell whether a later rule takes from a user what this one gives."""
    for later in rules[rules.index(found) + 1 :]:
        rule = later.fact
        is_same_command = not rule.command or (rule.command == found.fact.command and rule.arguments is None)
        group = people.group(rule.principal[1:]) if rule.principal.startswith("%") else None
        names = people.members(group) if group is not None else [people.users.get(rule.principal, rule.principal)]
        if not rule.permits and is_same_command and user in names:
            return True
    return False


def _by_polkit(case: Case, people: _People) -> Iterator[Grant]:
    if case.head.rights is Rights.USER:
        return  # a rule that only root may read may forbid what these let through; the section is a gap then
    for found in case.reading.found(PolkitGrant):
        grant = found.fact
        is_console = grant.where != "anywhere"
        place = " by whoever sits at the console" if is_console else ""
        if grant.action == "*":
            how = "counts as an administrator for polkit"
        elif grant.answer == "auth_self":
            how = f"is let use {grant.action} of polkit with no more than the own password{place}"
        else:
            how = f"is let use {grant.action} of polkit without a password{place}"
        yield from people.grants(grant.principal, how, case.reading.quote(found), is_console=is_console)


def _by_group(case: Case, people: _People, gaps: list[Gap]) -> Iterator[Grant]:
    for found in case.reading.found(Group):
        group = found.fact
        names = people.members(group) if group.name in _GROUPS and group.name not in people.approved_groups else []
        if not names:
            continue
        what, programs = _GROUPS[group.name]
        is_there = is_present(case, programs) if programs else True
        if is_there is None:
            gaps.append(_presence_gap(group, names))
        if is_there:
            yield from people.grants(f"%{group.name}", what, case.reading.quote(found))


def _presence_gap(group: Group, names: Iterable[str]) -> Gap:
    return Gap(
        section="software.*",
        outcome=Outcome.PARTIAL,
        reason=f"group {group.name} has members ({', '.join(names)}), and whether what it opens is installed was not "
        "seen in full",
        advice=_UNSEEN_ADVICE,
    )
