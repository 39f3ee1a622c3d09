"""Who is in the local Administrators group, found by its SID: its name follows the language of the host."""

from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.facts.accounts import Group
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Get-LocalGroupMember throws on a member that no directory knows any more; WMI lists the group all the same. A domain
# controller has no local groups: its Administrators are the domain's.
_WINDOWS = r"""
$role = [int](Get-CimInstance -ClassName Win32_ComputerSystem -Property DomainRole).DomainRole
if ($role -ge 4) { Absent 'a domain controller has no local groups: its Administrators are those of the domain' }
$groups = @(Get-CimInstance -ClassName Win32_Group -Filter "SID='S-1-5-32-544' AND LocalAccount=True")
if ($groups.Count -ne 1) { Failed 'WMI does not list the group S-1-5-32-544' }
Row 'group' $groups[0].SID $groups[0].Name
foreach ($member in @(Get-CimAssociatedInstance -InputObject $groups[0] -Association Win32_GroupUser)) {
    Row 'member' $member.SID "$($member.Domain)\$($member.Name)"
}
"""

_FIELDS = 3


def _parse(text: str) -> Parsed:
    """Read the group, then its members."""
    strange: list[Unread] = []
    group: tuple[int, str, str] | None = None
    members: list[tuple[str, str]] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            kind, sid, name = fields(line, _FIELDS)
            if kind == "group" and group is None:
                group = number, sid, name
            elif kind == "member" and group is not None:
                members.append((name.strip("\\") or sid, sid))
            else:
                message = "neither the group nor a member of it"
                raise ValueError(message)  # noqa: TRY301 — the same treatment as any other line
        except ValueError as error:
            strange.append(unread(number, line, error))
    if group is None:
        return Parsed(unread=tuple(strange), partial="the group of administrators is not listed")
    at, sid, name = group
    names, sids = tuple(one for one, _ in members), tuple(one for _, one in members)
    return Parsed(facts=((at, Group(name=name, sid=sid, members=names, member_sids=sids)),), unread=tuple(strange))


PLUGIN = Collector(
    id="accounts.administrators",
    facts=(Group,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator; see that WMI answers: `Get-CimInstance Win32_Group`.",
    holds_secrets=False,
)
