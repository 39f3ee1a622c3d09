"""Groups of a Linux host and their direct members: ``/etc/group``."""

from auditor.collect.accounts.sources import FOREIGN, NSSWITCH, foreign_sources
from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.accounts import Group
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_LINUX = r"""
tell_sources "$group_sources"
[ -e /etc/group ] || failed "/etc/group is not there"
[ -r /etc/group ] || denied "/etc/group cannot be read"
need cat
exec cat /etc/group
"""


def _read(line: str) -> Group:
    """Read one line of group(5)."""
    name, _, gid, members = fields(line, 4, ":")
    if not name or not gid.isdigit():
        message = "no name, or a number that is none"
        raise ValueError(message)
    return Group(name=name, gid=int(gid), members=tuple(member for member in members.split(",") if member))


def _parse(text: str) -> Parsed:
    """Read one group a line; groups that only a directory knows make the answer partial."""
    facts: list[tuple[int, Group]] = []
    strange: list[Unread] = []
    foreign: list[str] = []
    for number, line in enumerate(lines_of(text), 1):
        if number == 1 and line.startswith(FOREIGN):
            foreign.extend(foreign_sources(line))
        elif line.startswith(("+", "-")):
            # group(5), compat: names of NIS are taken in or left out here.
            foreign.append("nis")
        elif line:
            try:
                facts.append((number, _read(line)))
            except ValueError as error:
                strange.append(unread(number, line, error))
    partial = None
    if foreign:
        partial = f"groups of {' and '.join(dict.fromkeys(foreign))} are not in /etc/group"
    elif not facts:
        partial = "no group is listed, not even root"
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=partial)


PLUGIN = Collector(
    id="accounts.groups",
    facts=(Group,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=NSSWITCH,
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Review the groups of the directory service (SSSD, LDAP, AD) there: a host cannot list them.",
    holds_secrets=False,
)
