"""Groups of a Linux host and their direct members: ``/etc/group``."""

from auditor.collect.accounts.sources import NSSWITCH, is_id, parse_database
from auditor.collect.collector import Collector, fields
from auditor.model.evidence import Proof
from auditor.model.facts.accounts import Group
from auditor.model.host import OsFamily

_QUICK = r"""
tell_sources "$group_sources"
[ -e /etc/group ] || { failed "/etc/group is not there"; return; }
[ -r /etc/group ] || { denied "/etc/group cannot be read"; return; }
show /etc/group
"""


def _read(line: str) -> Group:
    """Read one line of group(5)."""
    name, _, gid, members = fields(line, 4, ":")
    if not name or not is_id(gid):
        message = "no name, or a number that is none"
        raise ValueError(message)
    return Group(name=name, gid=int(gid), members=tuple(member for member in members.split(",") if member))


PLUGIN = Collector(
    id="accounts.groups",
    facts=(Group,),
    quick={OsFamily.LINUX: _QUICK},
    shared=(NSSWITCH,),
    parse=lambda text: parse_database(text, _read, file="/etc/group", kind="group"),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Review the groups of the directory service (SSSD, LDAP, AD) there: a host cannot list them.",
    holds_secrets=False,
)
