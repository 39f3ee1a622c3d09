r"""Programs in the uninstall keys of Windows: for the machine in both views of the registry, and for each user.

``Win32_Product`` is not asked: it makes Windows Installer check, and repair, every package. Of users who are logged off
the registry is not loaded, and loading it would change the host.
"""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.model.facts.software import Scope, Software
from auditor.model.host import OsFamily

_WINDOWS = r"""
$places = @(
    @('', 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall'),
    @('', 'HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall')
)
$wanted = @('DisplayName', 'DisplayVersion', 'Publisher', 'InstallDate', 'InstallLocation', 'SystemComponent',
    'ParentKeyName', 'UninstallString')
Hives
foreach ($sid in $hives) {
    foreach ($folder in @('SOFTWARE', 'SOFTWARE\WOW6432Node')) {
        $places = $places + , @($sid, "HKEY_USERS\$sid\$folder\Microsoft\Windows\CurrentVersion\Uninstall")
    }
}
foreach ($place in $places) {
    $path = 'Registry::' + $place[1]
    if (-not (Test-Path -LiteralPath $path)) { continue }
    $missed = @()
    $keys = @(Get-ChildItem -LiteralPath $path -ErrorAction SilentlyContinue -ErrorVariable missed)
    if ($missed.Count -gt 0) { Partial "$($missed.Count) keys below $($place[1]) cannot be read" }
    foreach ($key in $keys) {
        try { $entry = Get-ItemProperty -LiteralPath $key.PSPath }
        catch {
            # One damaged value keeps all of a key from being read at once.
            $entry = @{}
            try { foreach ($name in $wanted) { $entry[$name] = Value $key.PSPath $name } }
            catch { Partial "a key below $($place[1]) cannot be read: $_" }
        }
        if ($null -eq $entry) { continue }
        Row $place[0] $key.PSChildName $entry.DisplayName $entry.DisplayVersion $entry.Publisher $entry.InstallDate `
            $entry.InstallLocation $entry.SystemComponent $entry.ParentKeyName $entry.UninstallString
    }
}
if ($env:PROCESSOR_ARCHITEW6432) { Partial 'a 32-bit PowerShell answered: it sees another registry' }
"""

_FIELDS = 10


def _read(line: str) -> Software | None:
    """Read one key; None for one without a name, which is a part or an update of another program."""
    sid, key, name, version, publisher, date, location, _, _, removal = fields(line, _FIELDS)
    if not key:
        message = "a key without a name"
        raise ValueError(message)
    if not name.strip():
        return None
    return Software(
        name=name.strip(),
        version=version.strip(),
        source="software.uninstall",
        scope=Scope.USER if sid else Scope.SYSTEM,
        user=sid or None,
        publisher=publisher.strip() or None,
        identifier=key,
        location=location.strip(' "') or None,
        installed_on=date.strip() or None,
        removal=removal.strip() or None,
    )


PLUGIN = Collector(
    id="software.uninstall",
    facts=(Software,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=lambda text: parse_lines(text, _read),
    advice="Audit the host as an administrator, with PowerShell of the machine's own width.",
)
