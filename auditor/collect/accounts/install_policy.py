r"""What Windows lets ordinary users install: policies of Windows Installer, of the Store and its packages, and UAC.

Sources, learn.microsoft.com: "System policy" of Windows Installer (DisableMSI, DisableUserInstalls, EnableUserControl;
AlwaysInstallElevated holds only where it is 1 for the machine and for the user); WindowsStore.admx and
AppxPackageManager.admx; "User Account Control settings and configuration"; LocalAccountTokenFilterPolicy ("User Account
Control and remote restrictions").
"""

from auditor.collect.collector import Collector, number_of, take_rows
from auditor.model.evidence import Unread
from auditor.model.facts.accounts import InstallerPolicy
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_WINDOWS = r"""
function Told([string]$path, $names) {
    foreach ($name in $names) {
        $value = @(Value "Registry::$path" $name) -join ','
        if ($value -ne '') { Row 'set' $path $name $value } else { Row 'unset' $path $name }
    }
}
$machine = 'HKEY_LOCAL_MACHINE\SOFTWARE'
$installer = 'Policies\Microsoft\Windows\Installer'
$store = 'Policies\Microsoft\WindowsStore'
Told "$machine\$installer" @('DisableMSI', 'AlwaysInstallElevated', 'DisableUserInstalls', 'EnableUserControl')
Told "$machine\$store" @('RemoveWindowsStore', 'RequirePrivateStoreOnly', 'DisableStoreApps')
Told "$machine\Policies\Microsoft\Windows\Appx" @('BlockNonAdminUserInstall', 'AllowAllTrustedApps')
Told "$machine\Microsoft\Windows\CurrentVersion\Policies\System" @('EnableLUA', 'ConsentPromptBehaviorUser',
    'ConsentPromptBehaviorAdmin', 'EnableInstallerDetection', 'FilterAdministratorToken',
    'LocalAccountTokenFilterPolicy')
Hives
foreach ($sid in $hives) {
    Told "HKEY_USERS\$sid\SOFTWARE\$installer" @('AlwaysInstallElevated')
    Told "HKEY_USERS\$sid\SOFTWARE\$store" @('RemoveWindowsStore', 'RequirePrivateStoreOnly')
}
Row 'asked'
if ($env:PROCESSOR_ARCHITEW6432) { Partial 'a 32-bit PowerShell answered: it sees another registry' }
"""

_KINDS = {"set": 3, "unset": 2, "asked": 0}
_SHORT = (("HKEY_LOCAL_MACHINE\\", "HKLM\\"), ("HKEY_USERS\\", "HKU\\"))
# What a value alone says of users without rights: True lets them install, False keeps them from it.
_SAYS = {
    ("DisableMSI", 0): True,
    ("DisableMSI", 1): False,
    ("DisableMSI", 2): False,
    ("DisableUserInstalls", 0): True,
    ("DisableUserInstalls", 1): False,
    ("EnableUserControl", 0): False,
    ("EnableUserControl", 1): True,
    ("RemoveWindowsStore", 1): False,
    ("RequirePrivateStoreOnly", 1): False,
    ("DisableStoreApps", 1): False,
    ("BlockNonAdminUserInstall", 0): True,
    ("BlockNonAdminUserInstall", 1): False,
    ("AllowAllTrustedApps", 0): False,
    ("AllowAllTrustedApps", 1): True,
}
_NAMES = frozenset((
    "DisableMSI", "AlwaysInstallElevated", "DisableUserInstalls", "EnableUserControl", "RemoveWindowsStore",
    "RequirePrivateStoreOnly", "DisableStoreApps", "BlockNonAdminUserInstall", "AllowAllTrustedApps", "EnableLUA",
    "ConsentPromptBehaviorUser", "ConsentPromptBehaviorAdmin", "EnableInstallerDetection", "FilterAdministratorToken",
    "LocalAccountTokenFilterPolicy",
))  # fmt: skip
NOT_SET = "not set"
"""Value of a setting that the registry does not hold."""


def _read(kind: str, rest: list[str]) -> InstallerPolicy:
    key, name = rest[:2]
    if name not in _NAMES:
        message = f"unknown setting {name[:40]!r}"
        raise ValueError(message)
    for long, short in _SHORT:
        if key.startswith(long):
            setting = f"{short}{key.removeprefix(long)}\\{name}"
            break
    else:
        message = f"{key[:40]!r} is no key that was asked for"
        raise ValueError(message)
    if kind == "unset":
        return InstallerPolicy(setting=setting, value=NOT_SET, allows_users=None)
    value = number_of(rest[2], name)
    return InstallerPolicy(setting=setting, value=str(value), allows_users=_SAYS.get((name, value)))


def _parse(text: str) -> Parsed:
    """Read one setting a row, those that are not set among them."""
    facts: list[tuple[int, InstallerPolicy]] = []
    strange: list[Unread] = []

    def take(number: int, kind: str, rest: list[str]) -> None:
        facts.append((number, _read(kind, rest)))

    missing = take_rows(text, _KINDS, take, strange)
    return Parsed(facts=_with_elevation(facts), unread=tuple(strange), partial=missing)


def _with_elevation(facts: list[tuple[int, InstallerPolicy]]) -> tuple[tuple[int, InstallerPolicy], ...]:
    """Say of a user's AlwaysInstallElevated what it does: with the machine's it gives him the system's rights."""
    name = "\\AlwaysInstallElevated"
    machine = any(
        one.setting.startswith("HKLM") and one.setting.endswith(name) and one.value == "1" for _, one in facts
    )
    return tuple(
        (
            number,
            InstallerPolicy(setting=one.setting, value=one.value, allows_users=machine and one.value == "1")
            if one.setting.endswith(name) and one.setting.startswith("HKU")
            else one,
        )
        for number, one in facts
    )


PLUGIN = Collector(
    id="accounts.install_policy",
    facts=(InstallerPolicy,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator, with PowerShell of the machine's own width.",
    holds_secrets=False,
)
