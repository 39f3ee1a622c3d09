"""Windows lets nobody install software with rights that they lack, nor for themselves where the policy forbids it.

## What it checks

Always: that `AlwaysInstallElevated` is not in force. It is where both the machine's policy and a user's set it to 1,
and then that user installs any package with the rights of the system.

Where the policy says `settings.user_installs: false`: that users cannot install for themselves. Windows Installer
must be kept from them (`DisableMSI` 1 or 2, or `DisableUserInstalls` 1), and the Store switched off or limited
(`RemoveWindowsStore` 1, or `RequirePrivateStoreOnly` 1).

## Why it matters

A VNC server must be installed by somebody. M1033 asks to restrict installation to those who need it (ATT&CK T1021.005);
`software_installers` says who these are, and a setting that opens it to everybody makes that list worth nothing.

## How to fix

Set `AlwaysInstallElevated` to 0 or take it away, for the machine and for users (group policy: Windows Components,
Windows Installer, *Always install with elevated privileges*). For `user_installs: false` set *Turn off Windows
Installer* to *For non-managed applications only* and *Prohibit User Installs* to *Hide User Installs*, and switch the
Store off.

## What it needs

The installer's and the Store's policies, of the machine and of users who are logged on. Where the machine's half of
`AlwaysInstallElevated` is set and users are logged off, theirs is not seen: unknown, unless the policy accepts
`users_logged_off`.
"""

from collections.abc import Iterator

from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.accounts import InstallerPolicy
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.verdict import Assessment, Demand, Gap, Limit, Mitigation, Severity, Violation

_ELSEWHERE = "Windows Installer and the Store are parts of Windows: software_installers judges who may install here."
_PORTABLE = Limit(
    id="portable_programs",
    text="Programs that need no installation, and installers that write into a user's own folders without Windows "
    "Installer, are not kept away by these settings: execution_control judges what can be started.",
    systems=(OsFamily.WINDOWS,),
)


_SECTION, _PROFILES = "accounts.install_policy", "software.logged_off"
_ELEVATED, _MSI, _USERS = "alwaysinstallelevated", "disablemsi", "disableuserinstalls"
_STORE = ("removewindowsstore", "requireprivatestoreonly", "disablestoreapps")
_MACHINE, _USER_HIVES = ("hklm", "hkey_local_machine"), ("hku", "hkey_users")


def _assess(case: Case) -> Assessment:
    settings: dict[str, list[Found[InstallerPolicy]]] = {}
    for found in case.reading.found(InstallerPolicy):
        settings.setdefault(_leaf(found.fact), []).append(found)
    violations = list(_elevated(case, settings.get(_ELEVATED, [])))
    gaps = () if violations else tuple(_unseen(case, settings.get(_ELEVATED, [])))
    section = case.reading.sections.get(_SECTION)
    # What is lacking is lacking only where all was seen; where it was not, that is a gap already.
    if not case.settings.user_installs and section is not None and not section.outcome.is_gap:
        violations += _open_installer(case, settings)
        violations += _open_store(case, settings)
    return Assessment(violations=tuple(violations), gaps=gaps)


def _leaf(setting: InstallerPolicy) -> str:
    return setting.setting.replace(":", "").rpartition("\\")[2].lower()


def _hive(setting: InstallerPolicy) -> str:
    return setting.setting.replace(":", "").partition("\\")[0].lower()


def _is_machines(found: Found[InstallerPolicy]) -> bool:
    return _hive(found.fact) in _MACHINE


def _elevated(case: Case, found: list[Found[InstallerPolicy]]) -> Iterator[Violation]:
    """Say whom packages are installed for with the system's rights: it takes the machine's setting and the user's."""
    on = [one for one in found if one.fact.value.strip() == "1"]
    machine = next((one for one in on if _is_machines(one)), None)
    users = [one for one in on if _hive(one.fact) in _USER_HIVES]
    if machine is None or not users:
        return
    who = ", ".join(dict.fromkeys(one.fact.setting.replace(":", "").split("\\")[1] for one in users))
    yield Violation(
        subject="setting:AlwaysInstallElevated",
        reason=f"AlwaysInstallElevated is 1 for the machine and for {who}, who so may install any package with the "
        "rights of the system.",
        proof=tuple(case.reading.quote(one) for one in (machine, *users)),
        remediation=(
            "Set the policy *Always install with elevated privileges* to disabled, for the machine and for users.",
            "Look for packages that users installed while it held.",
        ),
        severity=Severity.HIGH,
    )


def _unseen(case: Case, found: list[Found[InstallerPolicy]]) -> Iterator[Gap]:
    """Say that users are not seen whose setting would complete the machine's, unless the policy accepts that."""
    is_on = any(_is_machines(one) and one.fact.value.strip() == "1" for one in found)
    section = case.reading.sections.get(_PROFILES)
    if is_on and (section is None or section.outcome.is_gap):
        yield Gap(
            section=_PROFILES,
            outcome=Outcome.PARTIAL,
            reason="AlwaysInstallElevated is 1 for the machine; whether it is for users who are logged off is not seen",
            advice="Take AlwaysInstallElevated away from the machine's policy.",
        )


def _open_installer(case: Case, settings: dict[str, list[Found[InstallerPolicy]]]) -> Iterator[Violation]:
    """Say that users may run Windows Installer for themselves, where no setting of the machine keeps them from it."""
    kept = [(_MSI, ("1", "2")), (_USERS, ("1",))]
    seen = [one for name, _ in kept for one in settings.get(name, []) if _is_machines(one)]
    if any(one.fact.value.strip() in dict(kept)[_leaf(one.fact)] for one in seen):
        return
    yield _open(
        case,
        seen,
        "setting:DisableMSI",
        "Users may install packages for themselves: neither DisableMSI nor DisableUserInstalls keeps them from it.",
        "Set *Turn off Windows Installer* to *For non-managed applications only*, or *Prohibit User Installs*.",
    )


def _open_store(case: Case, settings: dict[str, list[Found[InstallerPolicy]]]) -> Iterator[Violation]:
    seen = [one for name in _STORE for one in settings.get(name, []) if _is_machines(one)]
    if any(one.fact.value.strip() == "1" for one in seen):
        return
    yield _open(
        case,
        seen,
        "setting:WindowsStore",
        "Users may install what the Store offers: no setting switches it off or limits it.",
        "Set *Turn off the Store application*, or *Only display the private store*.",
    )


def _open(case: Case, seen: list[Found[InstallerPolicy]], subject: str, reason: str, step: str) -> Violation:
    return Violation(
        subject=subject,
        reason=reason,
        proof=tuple(case.reading.quote(one) for one in seen),
        remediation=(step, "Where users have to install for themselves, set `settings.user_installs: true`."),
        severity=Severity.LOW,
    )


CONTROL = Control(
    id="windows_installer_policy",
    title="Windows lets nobody install software with rights that they lack",
    mitigation=Mitigation.M1033,
    techniques=("T1021.005",),
    programme=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-11", "CM-5", "AC-6"),
        "CIS Controls v8.1": ("2.5", "5.4"),
    },
    demand=Demand.FORBIDS,
    needs={OsFamily.WINDOWS: (_SECTION,)},
    not_on={OsFamily.LINUX: _ELSEWHERE, OsFamily.MACOS: _ELSEWHERE},
    limits=(_PORTABLE,),
    assess=_assess,
    manual=__doc__,
)
