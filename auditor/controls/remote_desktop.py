"""Remote Desktop and Remote Assistance let nobody in who has not proven who he is, or whom no user invited.

## What it checks

Where Remote Desktop of Windows is switched on: that it asks who it is before it shows anything (Network Level
Authentication, `UserAuthentication` 1), that it does not fall back to the encryption of its own that proves no host
(`SecurityLayer` 0), and that sessions are not watched or taken over without the user's consent (`Shadow` 2 or 4), and
that its service runs Windows' own library. Each listener that is switched on is judged. Where Remote Assistance is
on: that nobody can offer it unasked (`fAllowUnsolicited` 1). What group policy sets wins over what the host says
itself.

Whether they may be on at all says `unapproved_product`, for they are products of the catalogue (`microsoft-rdp`,
`windows-remote-assistance`, `microsoft-quick-assist`), and from where they may be reached `exposed_listener`.

## Why it matters

Without Network Level Authentication everybody who reaches the port gets a log-on screen, and with it the flaws that
lie before the password. M1042 asks to switch off or restrict such features (ATT&CK T1133; T1021.001 by the
organisation's own programme).

## How to fix

Set *Require user authentication for remote connections by using Network Level Authentication* and *Require use of
specific security layer: SSL* by group policy, *Set rules for remote control* to ask the user, and switch *Configure
Offer Remote Assistance* off.

## What it needs

The settings of Remote Desktop and Remote Assistance, of the host and of group policy.
"""

from collections.abc import Iterator

from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.remote_config import RemoteAccessSetting, RemoteManagement
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.record import Record
from auditor.model.verdict import Assessment, Demand, Gap, Inapplicable, Limit, Mitigation, Severity, Violation

_SECTION = "remote_config.rdp"
_RDP, _ASSISTANCE = "remote desktop", "remote assistance"
_ELSEWHERE = (
    "It is about features that are part of Windows: other RDP servers are products, which other controls judge."
)
_ON_MACOS = "It is about features that are part of Windows: screen_sharing judges those of macOS."
_POLICIES, _LISTENERS = "\\policies\\", "\\winstations\\"
_LIBRARY = "\\system32\\termsrv.dll"
_GATEWAYS = Limit(
    id="rdp_gateways",
    text="Gateways and brokers in front of the host, second factors, and who is in the groups that may log on are not "
    "judged.",
    systems=(OsFamily.WINDOWS,),
)


def _assess(case: Case) -> Assessment:
    features = {found.fact.feature: found for found in case.reading.found(RemoteManagement)}
    known = [features[name] for name in (_RDP, _ASSISTANCE) if name in features]
    if _RDP not in features:
        return Assessment(gaps=(_unsaid(case),))
    if not any(found.fact.is_enabled for found in known):
        reason = "Remote Desktop and Remote Assistance are switched off."
        quotes = tuple(case.reading.quote(found) for found in known)
        return Assessment(inapplicable=Inapplicable(reason=reason, proof=quotes))
    told = _told(case)
    violations: list[Violation] = []
    if features[_RDP].fact.is_enabled:
        violations += _rdp(case, told)
    if _ASSISTANCE in features and features[_ASSISTANCE].fact.is_enabled:
        violations += _assistance(case, told)
    return Assessment(violations=tuple(violations))


_Settings = dict[str, Found[RemoteAccessSetting]]


class _Told(Record, kw_only=True):
    """The settings of a host as they hold."""

    everywhere: _Settings
    """Of group policy, of the host as a whole, and of the service, by name in lower case."""
    listeners: dict[str, _Settings]
    """Of each listener that is switched on, by its registry key."""

    def each(self, name: str) -> Iterator[Found[RemoteAccessSetting] | None]:
        """Give a setting of every listener: group policy's where it has one; None where nothing sets it."""
        if name in self.everywhere or not self.listeners:
            yield self.everywhere.get(name)
        else:
            yield from (one.get(name) for one in self.listeners.values())


def _told(case: Case) -> _Told:
    """Return the settings, what group policy sets before what the host does."""
    found = [one for one in case.reading.found(RemoteAccessSetting) if one.section == _SECTION]
    found.sort(key=lambda one: not _is_policy(one))
    everywhere: _Settings = {}
    listeners: dict[str, _Settings] = {}
    for one in found:
        is_listeners = _LISTENERS in one.fact.file.lower()
        into = listeners.setdefault(one.fact.file, {}) if is_listeners else everywhere
        into.setdefault(one.fact.key.lower(), one)
    on = {file: one for file, one in listeners.items() if not _is(one.get("fenablewinstation"), "0")}
    return _Told(everywhere=everywhere, listeners=on)


def _is_policy(found: Found[RemoteAccessSetting]) -> bool:
    return _POLICIES in found.fact.file.lower()


def _is(found: Found[RemoteAccessSetting] | None, *values: str) -> bool:
    return found is not None and found.fact.value.strip() in values


def _rdp(case: Case, told: _Told) -> Iterator[Violation]:
    section = case.reading.sections.get(_SECTION)
    # What is lacking is lacking only where all was seen; where it was not, that is a gap already.
    is_whole = section is not None and not section.outcome.is_gap
    nla = [one for one in told.each("userauthentication") if (is_whole if one is None else not _is(one, "1"))]
    if nla:
        yield _violation(case, nla, "UserAuthentication", _WITHOUT_NLA, Severity.HIGH)
    layers = [one for one in told.each("securitylayer") if _is(one, "0")]
    if layers:
        reason = (
            "Remote Desktop uses the encryption of its own, by which no host proves who it is (SecurityLayer is 0)."
        )
        yield _violation(case, layers, "SecurityLayer", reason, Severity.MEDIUM)
    shadows = [one for one in told.each("shadow") if _is(one, "2", "4")]
    if shadows:
        reason = "Sessions can be watched or taken over without their user's consent (Shadow is 2 or 4)."
        yield _violation(case, shadows, "Shadow", reason, Severity.MEDIUM)
    library = told.everywhere.get("servicedll")
    if library is not None and not library.fact.value.strip().lower().endswith(_LIBRARY):
        reason = f"The service of Remote Desktop runs another library than Windows' own: {library.fact.value[:120]!r}."
        yield _violation(case, [library], "ServiceDll", reason, Severity.HIGH)


_WITHOUT_NLA = (
    "Remote Desktop is on and does not ask for Network Level Authentication: UserAuthentication is not 1 for every "
    "listener."
)


def _assistance(case: Case, told: _Told) -> Iterator[Violation]:
    offered = told.everywhere.get("fallowunsolicited")
    if _is(offered, "1"):
        reason = "Remote Assistance can be offered to users who did not ask for it (fAllowUnsolicited is 1)."
        yield _violation(case, [offered], "fAllowUnsolicited", reason, Severity.MEDIUM)


def _violation(
    case: Case, found: list[Found[RemoteAccessSetting] | None], name: str, reason: str, severity: Severity
) -> Violation:
    seen = [one for one in found if one is not None]
    by_policy = any(map(_is_policy, seen))
    return Violation(
        subject=f"setting:{name}",
        reason=reason,
        proof=tuple(case.reading.quote(one) for one in seen),
        remediation=(
            _STEPS[name],
            "Group policy sets it: change it there." if by_policy else "Set it by group policy, so that it stays.",
        ),
        severity=severity,
        product="windows-remote-assistance" if name == "fAllowUnsolicited" else "microsoft-rdp",
    )


_STEPS = {
    "UserAuthentication": "Require Network Level Authentication for Remote Desktop, or switch Remote Desktop off.",
    "SecurityLayer": "Set the security layer of Remote Desktop to SSL (2).",
    "Shadow": "Let remote control of sessions ask the user (Shadow 1 or 3), or switch it off (0).",
    "ServiceDll": "Find out who put that library there, and restore `%SystemRoot%\\System32\\termsrv.dll`.",
    "fAllowUnsolicited": "Switch *Configure Offer Remote Assistance* off.",
}


def _unsaid(case: Case) -> Gap:
    section = case.reading.sections.get(_SECTION)
    return Gap(
        section=_SECTION,
        outcome=Outcome.PARTIAL,
        reason="whether Remote Desktop is on was not said",
        advice="" if section is None else section.advice,
    )


CONTROL = Control(
    id="remote_desktop",
    title="Remote Desktop and Remote Assistance let nobody in unproven or uninvited",
    mitigation=Mitigation.M1042,
    techniques=("T1133",),
    programme=("T1021.001",),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("AC-17", "CM-7", "IA-2"),
        "CIS Controls v8.1": ("4.8", "6.4"),
    },
    demand=Demand.FORBIDS,
    needs={OsFamily.WINDOWS: (_SECTION,)},
    not_on={OsFamily.LINUX: _ELSEWHERE, OsFamily.MACOS: _ON_MACOS},
    limits=(_GATEWAYS,),
    assess=_assess,
    manual=__doc__,
)
