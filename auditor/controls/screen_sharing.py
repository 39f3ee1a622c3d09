"""Screen Sharing and Remote Management let in only users who are named, by their own password.

## What it checks

Where Screen Sharing or Remote Management of macOS is switched on:

* that no viewer comes in by the legacy VNC password (`VNCLegacyConnectionsEnabled`), and that none is kept: the file
  `/Library/Preferences/com.apple.VNCSettings.txt` holds up to eight characters that anybody can turn back into the
  password. It is asked whether it is there, and never read;
* that users or groups are named who may come in, and not every user of the host (`ARD_AllLocalUsers`; *All users*);
* that not everybody who reaches the port may ask the user for the screen (`ScreenSharingReqPermEnabled`).

Whether they may be on at all says `unapproved_product`, for they are products of the catalogue (`apple-screen-sharing`,
`apple-remote-management`), and from where they may be reached `exposed_listener`.

## Why it matters

The legacy password is one for all, eight characters at most, without an account behind it, and what follows is not
encrypted: RFC 6143 calls its authentication weak. M1042 asks to switch off or restrict such features (ATT&CK
T1021.005).

## How to fix

In System Settings, General, Sharing: name who may use it (*Only these users*), and switch off *VNC viewers may control
screen with password* and *Anyone may request permission to control screen*. Then delete the file of the password.

## What it needs

Whether Screen Sharing and Remote Management are on, and their settings.
"""

from collections.abc import Iterator

from auditor.controls.control import Control
from auditor.controls.more_rights import more_rights
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.remote_config import RemoteAccessSetting, RemoteManagement
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.verdict import Assessment, Demand, Gap, Inapplicable, Limit, Mitigation, Severity, Violation

_SECTION = "remote_config.sharing"
_SHARING, _MANAGEMENT = "screen sharing", "remote management"
_PRODUCTS = {_SHARING: "apple-screen-sharing", _MANAGEMENT: "apple-remote-management"}
_NAMES = {_SHARING: "Screen Sharing", _MANAGEMENT: "Remote Management"}
_LEGACY, _ASKING, _EVERYBODY = "vnclegacyconnectionsenabled", "screensharingreqpermenabled", "ard_alllocalusers"
_PASSWORD_FILE = "/com.apple.VNCSettings.txt"  # noqa: S105 — a file's name
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no")
_ELSEWHERE = "It is about features that are part of macOS: other servers are products, which other controls judge."
_PRIVILEGES = Limit(
    id="ard_privileges",
    text="What Remote Management lets each user do (observe, control, copy), who is in the groups that may use it, and "
    "whether a user's password is good, are not judged.",
    systems=(OsFamily.MACOS,),
)


def _assess(case: Case) -> Assessment:
    features = {found.fact.feature: found for found in case.reading.found(RemoteManagement)}
    unsaid = [name for name in (_SHARING, _MANAGEMENT) if name not in features]
    on = [features[name] for name in (_SHARING, _MANAGEMENT) if name in features and features[name].fact.is_enabled]
    gaps = tuple(_unsaid(case, name) for name in unsaid)
    if not on and not unsaid:
        reason = "Screen Sharing and Remote Management are switched off."
        quotes = tuple(case.reading.quote(features[name]) for name in (_SHARING, _MANAGEMENT))
        return Assessment(inapplicable=Inapplicable(reason=reason, proof=quotes))
    if not on:
        return Assessment(gaps=gaps)
    settings = {found.fact.key.lower(): found for found in case.reading.found(RemoteAccessSetting) if _is_theirs(found)}
    product = _PRODUCTS[on[0].fact.feature]
    violations = (*_password(case, settings, product), *_users(case, on, settings), *_asking(case, settings, product))
    return Assessment(violations=violations, gaps=gaps)


_Settings = dict[str, Found[RemoteAccessSetting]]


def _is_theirs(found: Found[RemoteAccessSetting]) -> bool:
    return found.section == _SECTION or found.fact.product in _PRODUCTS.values()


def _password(case: Case, settings: _Settings, product: str) -> Iterator[Violation]:
    legacy = settings.get(_LEGACY)
    kept = next((one for one in settings.values() if one.fact.file.endswith(_PASSWORD_FILE)), None)
    if legacy is not None and _is(legacy, _TRUE):
        reason = "Viewers are let in by the legacy VNC password: one for all, and the session is not encrypted"
        severity = Severity.HIGH
    elif kept is not None:
        reason = "A legacy VNC password is kept, from which anybody who reads the file gets it back"
        severity = Severity.LOW if legacy is not None and _is(legacy, _FALSE) else Severity.MEDIUM
    else:
        return
    seen = [one for one in (legacy, kept) if one is not None]
    yield Violation(
        subject="setting:VNCLegacyConnectionsEnabled",
        reason=f"{reason} ({', '.join(f'{one.fact.key} is {one.fact.value}' for one in seen)}).",
        proof=tuple(case.reading.quote(one) for one in seen),
        remediation=(
            "Switch *VNC viewers may control screen with password* off in System Settings, General, Sharing.",
            "Delete /Library/Preferences/com.apple.VNCSettings.txt, and change that password wherever else it is used.",
        ),
        severity=severity,
        product=product,
    )


def _users(case: Case, on: list[Found[RemoteManagement]], settings: _Settings) -> Iterator[Violation]:
    everybody = settings.get(_EVERYBODY)
    for found in on:
        feature, names_nobody = found.fact.feature, not found.fact.users
        proof = [case.reading.quote(found)]
        if feature == _MANAGEMENT and everybody is not None:
            # Where it is off, only users come in whose own record gives them rights (`naprivs`): perhaps nobody.
            proof.append(case.reading.quote(everybody))
            is_open = _is(everybody, _TRUE) or (names_nobody and not _is(everybody, _FALSE))
        else:
            is_open = names_nobody
        if is_open:
            yield Violation(
                subject=f"users:{_PRODUCTS[feature]}",
                reason=f"{_NAMES[feature]} is open to every user of the host: nobody is named who may use it.",
                proof=tuple(proof),
                remediation=(
                    f"Name who may use {_NAMES[feature]} in System Settings, General, Sharing (*Only these users*).",
                ),
                severity=Severity.MEDIUM,
                product=_PRODUCTS[feature],
            )


def _asking(case: Case, settings: _Settings, product: str) -> Iterator[Violation]:
    asking = settings.get(_ASKING)
    if asking is not None and _is(asking, _TRUE):
        yield Violation(
            subject="setting:ScreenSharingReqPermEnabled",
            reason="Everybody who reaches the port may ask the user for the screen, without an account "
            f"(ScreenSharingReqPermEnabled is {asking.fact.value}).",
            proof=(case.reading.quote(asking),),
            remediation=(
                "Switch *Anyone may request permission to control screen* off in System Settings, General, Sharing.",
            ),
            severity=Severity.MEDIUM,
            product=product,
        )


def _is(found: Found[RemoteAccessSetting], values: tuple[str, ...]) -> bool:
    return found.fact.value.strip().lower() in values


def _unsaid(case: Case, feature: str) -> Gap:
    section = case.reading.sections.get(_SECTION)
    return Gap(
        section=_SECTION,
        outcome=Outcome.PARTIAL,
        reason=f"whether {_NAMES[feature]} is on was not said",
        advice=(section.advice if section is not None else "") or more_rights(case),
    )


CONTROL = Control(
    id="screen_sharing",
    title="Screen Sharing and Remote Management let in only users who are named, by their own password",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005",),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("AC-17", "CM-7", "IA-2"),
        "CIS Controls v8.1": ("4.8", "6.4"),
    },
    demand=Demand.FORBIDS,
    needs={OsFamily.MACOS: (_SECTION,)},
    not_on={OsFamily.LINUX: _ELSEWHERE, OsFamily.WINDOWS: _ELSEWHERE},
    limits=(_PRIVILEGES,),
    assess=_assess,
    manual=__doc__,
)
