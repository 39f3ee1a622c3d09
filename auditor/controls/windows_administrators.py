"""Who may install anything on a Windows host: the members of its local Administrators whom the policy does not name."""

from auditor.controls.more_rights import more_rights
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.accounts import Group
from auditor.model.reading import Found
from auditor.model.verdict import Assessment, Gap, Severity, Violation

_SECTION = "accounts.administrators"
_ADMINISTRATORS = "S-1-5-32-544"
# Well-known SIDs (MS-DTYP 2.4.2.4): the last part says who, whatever the language of the host.
_BUILT_IN = "-500"
_WELL_KNOWN = {
    "-512": "domain admins",
    "-519": "enterprise admins",
    "-513": "domain users",
}
_EVERYBODY = {
    "S-1-1-0": "everyone",
    "S-1-5-11": "authenticated users",
    "S-1-5-32-545": "users",
    "S-1-5-4": "interactive",
}


def strangers(case: Case) -> Assessment:
    """Return the members that nobody approved; without a list of them, a gap."""
    group = next((one for one in case.reading.found(Group) if one.fact.sid == _ADMINISTRATORS), None)
    if group is None:
        return Assessment(gaps=(_unlisted(case),))
    approved = _approved(case)
    members = zip(group.fact.members, group.fact.member_sids, strict=True)
    violations = {
        violation.subject: violation
        for name, sid in members
        if approved.isdisjoint(_names(name, sid, case))
        for violation in (_violation(case, group, name, sid),)
    }
    return Assessment(violations=tuple(violations.values()))


def _approved(case: Case) -> set[str]:
    installers = case.settings.installers
    return {one.lower() for one in (*installers.users, *installers.groups, *case.settings.service_accounts)}


def _names(name: str, sid: str, case: Case) -> set[str]:
    """Return every name that a policy may give a member, in lower case."""
    domain, _, plain = name.rpartition("\\")
    known = {name.lower(), sid.lower()}
    is_of_domains = sid.startswith("S-1-5-21-")
    if domain.lower() in ("", case.head.hostname.lower()):
        # Whoever is called so in a domain is somebody else than the host's own account.
        known.add(plain.lower())
        if is_of_domains and sid.endswith(_BUILT_IN):
            known.add("root")
    if is_of_domains and sid[sid.rfind("-") :] in _WELL_KNOWN:
        known.add(_WELL_KNOWN[sid[sid.rfind("-") :]])
    return known


def _violation(case: Case, group: Found[Group], name: str, sid: str) -> Violation:
    is_wide = sid in _EVERYBODY or (sid.startswith("S-1-5-21-") and sid.endswith("-513"))
    kept = name.lower() if name != sid else sid
    return Violation(
        subject=f"principal:{kept}",
        reason=f"{name} is in the local group {group.fact.name} ({_ADMINISTRATORS}) and so may install any software.",
        proof=(case.reading.quote(Found(group.fact, group.section, _line(case, sid, group.line))),),
        remediation=(
            f"Ask whether {name} needs to install software on this host.",
            "If not, take it out of the group (`Remove-LocalGroupMember`), or of the group policy that puts it there.",
            f"If so, add `{name}` to `settings.installers` in the policy.",
        ),
        severity=Severity.HIGH if is_wide else Severity.MEDIUM,
    )


def _line(case: Case, sid: str, otherwise: int) -> int:
    """Return the line in which a member stands."""
    lines = case.reading.sections[_SECTION].lines
    return next((at for at, line in enumerate(lines, 1) if line.startswith(f"member\t{sid}\t")), otherwise)


def _unlisted(case: Case) -> Gap:
    """Say that nobody was seen to be an administrator: on a domain controller they are the domain's."""
    section = case.reading.sections.get(_SECTION)
    reason = "" if section is None else section.reason or ""
    return Gap(
        section=_SECTION,
        outcome=Outcome.PARTIAL,
        reason=f"who may install software was not listed{f': {reason}' if reason else ''}",
        advice=more_rights(case),
    )
