r"""Packages of the Store and of its kind on Windows (AppX, MSIX), for all users.

``Get-AppxPackage -AllUsers`` where it answers, which it does for administrators, and not in every log-in over the
network; else the names of packages in the registry, which tell neither maker nor signature. Sources, all of
learn.microsoft.com: Get-AppxPackage, and "Package identity" (``NAME_VERSION_ARCHITECTURE_RESOURCE_PUBLISHERID``).
"""

from auditor.collect.collector import Collector, take_rows
from auditor.model.evidence import Unread
from auditor.model.facts.software import Scope, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# A user's state is a word of PackageInstallState; a package that is only staged waits on the disk.
_WINDOWS = r"""
$store = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore'
$isThere = Test-Path -LiteralPath $store
if (-not $isThere -and -not (Have 'Get-AppxPackage')) { Absent 'this Windows has no packages of the Store' }
$isTold = $false
if (Have 'Get-AppxPackage') {
    try {
        foreach ($one in @(Get-AppxPackage -AllUsers)) {
            if ($null -eq $one) { continue }
            $users = foreach ($user in @($one.PackageUserInformation)) {
                if ($null -ne $user) { "$($user.UserSecurityId.Sid)=$($user.InstallState)" }
            }
            Row 'package' $one.Name $one.Version $one.Architecture $one.PackageFamilyName $one.Publisher `
                $one.SignatureKind $one.InstallLocation (@($users) -join ' ')
        }
        $isTold = $true
    }
    catch { Partial "Get-AppxPackage did not answer for all users, and the registry tells no makers: $_" }
}
else { Partial 'Get-AppxPackage is not there, and the registry tells no makers' }
if (-not $isTold -and $isThere) {
    foreach ($place in @(Get-ChildItem -LiteralPath $store)) {
        $user = [string]$place.PSChildName
        if ($user -eq 'Applications') { $user = '' }
        elseif ($user -notmatch '^S-1-(5-21|12-1)-[0-9-]+$') { continue }
        foreach ($one in @(Get-ChildItem -LiteralPath $place.PSPath)) {
            if ($null -ne $one) { Row 'name' $user $one.PSChildName }
        }
    }
}
Row 'asked'
"""

_KINDS = {"package": 8, "name": 2, "asked": 0}
_PARTS = 5
"""Parts of a package's full name, which a line below parts."""


def _package(rest: list[str]) -> Software:
    name, version, architecture, family, publisher, signature, location, users = rest
    if not name or not family:
        message = "a package without a name"
        raise ValueError(message)
    states = [one.partition("=") for one in users.split()]
    if not all(equals and sid for sid, equals, _ in states):
        message = f"{users[:40]!r} are no users of a package"
        raise ValueError(message)
    installed = [sid for sid, _, state in states if state == "Installed"]
    alone = installed[0] if len(installed) == 1 and signature != "System" else None
    return Software(
        name=name,
        version=version,
        architecture=architecture,
        source="software.appx",
        scope=Scope.USER if alone else Scope.SYSTEM,
        user=alone,
        publisher=_common_name(publisher) or None,
        identifier=family,
        signer=publisher or None,
        location=location or None,
        origin=signature or None,
    )


def _common_name(subject: str) -> str:
    """Return the name of a certificate's subject: ``CN=Microsoft Corporation, O=...``, the value maybe in quotes."""
    if not subject.startswith("CN="):
        return subject
    value = subject.removeprefix("CN=")
    if value.startswith('"'):
        return value[1:].partition('"')[0]
    return value.partition(",")[0].strip()


def _name(user: str, full: str) -> Software:
    parts = full.split("_")
    if len(parts) != _PARTS or not parts[0]:
        message = f"{full[:60]!r} is no full name of a package"
        raise ValueError(message)
    name, version, architecture, _resource, publisher = parts
    return Software(
        name=name,
        version=version,
        architecture=architecture,
        source="software.appx",
        scope=Scope.USER if user else Scope.SYSTEM,
        user=user or None,
        identifier=f"{name}_{publisher}",
    )


def _parse(text: str) -> Parsed:
    """Read one package a row."""
    facts: list[tuple[int, Software]] = []
    strange: list[Unread] = []

    def take(number: int, kind: str, rest: list[str]) -> None:
        facts.append((number, _package(rest) if kind == "package" else _name(*rest)))

    missing = take_rows(text, _KINDS, take, strange)
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=missing)


PLUGIN = Collector(
    id="software.appx",
    facts=(Software,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator; see that `Get-AppxPackage -AllUsers` answers over the network.",
    holds_secrets=False,
)
