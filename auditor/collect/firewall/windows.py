r"""The Windows firewall: settings of its profiles, rules of every store, networks, and what else filters or relays.

All of it is read from the registry, where rules are lines of text: ``Get-NetFirewallRule`` and its filters take minutes
for what takes milliseconds there (learn.microsoft.com, MS-GPFAS 2.2; netsh advfirewall for the local store).
"""

from auditor.collect.collector import Collector, take_lines
from auditor.firewall.dialects.windows_profiles import profiles
from auditor.firewall.dialects.windows_text import Row, WindowsListing
from auditor.model.evidence import Unread
from auditor.model.facts.firewall import (
    ConnectedNetwork,
    FirewallProduct,
    PortProxy,
    WindowsFirewallProfile,
    WindowsFirewallRule,
)
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Of each part the last row says that it was asked to its end.
_WINDOWS = r"""
$services = 'HKLM:\SYSTEM\CurrentControlSet\Services'
$local = "$services\SharedAccess\Parameters\FirewallPolicy"
$policy = 'HKLM:\SOFTWARE\Policies\Microsoft\WindowsFirewall'
$aside = @('PSPath', 'PSParentPath', 'PSChildName', 'PSDrive', 'PSProvider')
$wanted = @('EnableFirewall', 'DefaultInboundAction', 'DefaultOutboundAction', 'DoNotAllowExceptions',
    'AllowLocalPolicyMerge', 'DisabledInterfaces', 'Shielded', 'AuthAppsAllowUserPrefMerge',
    'GlobalPortsAllowUserPrefMerge')
foreach ($store in @(@('local', $local), @('mdm', "$local\Mdm"), @('group_policy', $policy))) {
    foreach ($name in @('DomainProfile', 'PrivateProfile', 'StandardProfile', 'PublicProfile')) {
        $path = $store[1] + '\' + $name
        if (-not (Test-Path -LiteralPath $path)) { Row 'profile' $store[0] $name 'absent'; continue }
        Row 'profile' $store[0] $name 'present'
        $key = Get-ItemProperty -LiteralPath $path
        foreach ($setting in $wanted) {
            if ($null -ne $key.$setting) { Row 'value' $store[0] $name $setting ($key.$setting -join ',') }
        }
        foreach ($part in @('AuthorizedApplications', 'GloballyOpenPorts')) {
            $merge = (Get-ItemProperty -LiteralPath "$path\$part" -ErrorAction SilentlyContinue).AllowUserPrefMerge
            if ($null -ne $merge) { Row 'value' $store[0] $name "$part.AllowUserPrefMerge" $merge }
        }
        if ($store[0] -ne 'group_policy') { continue }
        foreach ($inner in @(Get-ChildItem -LiteralPath $path -Recurse)) {
            if ($inner.PSChildName -eq 'Logging') { continue }
            Row 'inner' $store[0] $name $inner.PSChildName (@($inner.Property) -join ',')
        }
    }
}
Row 'asked' 'profiles'
$named = @{}
foreach ($store in @(
        @('local', "$local\FirewallRules"),
        @('mdm', "$local\Mdm\FirewallRules"),
        @('group_policy', "$policy\FirewallRules"),
        @('hardening_static', "$local\RestrictedServices\Static\System"),
        @('hardening', "$local\RestrictedServices\Configurable\System"),
        @('appcontainer', "$local\RestrictedServices\AppIso\FirewallRules"))) {
    if (-not (Test-Path -LiteralPath $store[1])) { Row 'store' $store[0] 0 0; continue }
    $shown = 0
    foreach ($value in @((Get-ItemProperty -LiteralPath $store[1]).PSObject.Properties)) {
        if ($null -eq $value -or $value.Name -in $aside) { continue }
        Row 'rule' $store[0] $value.Name $value.Value
        $shown = $shown + 1
        if ([string]$value.Value -match '\|Svc=([^|*\\/]+)\|') { $named[$matches[1]] = 1 }
    }
    Row 'store' $store[0] $shown (Get-Item -LiteralPath $store[1]).ValueCount
}
foreach ($name in @($named.Keys)) {
    $key = Get-ItemProperty -LiteralPath "$services\$name" -ErrorAction SilentlyContinue
    if ($null -ne $key.ServiceSidType) { Row 'sid' $name $key.ServiceSidType }
}
if (Have 'Get-NetConnectionProfile') {
    foreach ($network in @(Get-NetConnectionProfile)) {
        Row 'network' $network.InterfaceIndex $network.InterfaceAlias ([int]$network.NetworkCategory)
    }
    Row 'asked' 'networks'
}
else { Partial 'which profile each interface is in cannot be asked: Get-NetConnectionProfile is not there' }
$cards = 'HKLM:\SYSTEM\CurrentControlSet\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}'
foreach ($card in @(Get-ChildItem -LiteralPath $cards -ErrorAction SilentlyContinue)) {
    $path = "$cards\$($card.PSChildName)\Connection"
    if ($card.PSChildName -notmatch '^\{' -or -not (Test-Path -LiteralPath $path)) { continue }
    Row 'adapter' $card.PSChildName (Get-ItemProperty -LiteralPath $path).Name
}
Row 'asked' 'adapters'
foreach ($name in @('MpsSvc', 'BFE')) {
    $service = Get-Service -Name $name -ErrorAction SilentlyContinue
    if ($null -eq $service) { Row 'service' $name 'missing' } else { Row 'service' $name $service.Status }
}
Row 'asked' 'services'
try {
    $found = @(Get-CimInstance -Namespace 'root/SecurityCenter2' -ClassName FirewallProduct)
    foreach ($product in $found) { Row 'product' $product.displayName $product.productState }
    Row 'asked' 'products'
}
catch {
    # Servers have no Security Center: the namespace is not there (WBEM_E_INVALID_NAMESPACE).
    if ([string]$_.FullyQualifiedErrorId -match '0x8004100e') { Row 'asked' 'products' }
    else { Partial "which other firewalls are registered cannot be asked: $_" }
}
foreach ($kind in @('v4tov4', 'v4tov6', 'v6tov4', 'v6tov6')) {
    $path = "$services\PortProxy\$kind\tcp"
    if (-not (Test-Path -LiteralPath $path)) { continue }
    foreach ($value in @((Get-ItemProperty -LiteralPath $path).PSObject.Properties)) {
        if ($null -ne $value -and $value.Name -notin $aside) { Row 'proxy' $kind $value.Name $value.Value }
    }
}
Row 'asked' 'proxies'
if ((Have 'Get-NetIPHttpsConfiguration') -and (Have 'Get-NetIPHttpsState')) {
    try {
        foreach ($found in @(Get-NetIPHttpsConfiguration)) { Row 'iphttps' 'configuration' $found.Type }
        foreach ($found in @(Get-NetIPHttpsState)) { Row 'iphttps' 'state' $found.InterfaceStatus }
        Row 'asked' 'iphttps'
    }
    catch {
        # Its ports stay unknown.
    }
}
foreach ($name in @('SystemRoot', 'windir', 'SystemDrive', 'ProgramFiles', 'ProgramFiles(x86)', 'ProgramW6432',
        'CommonProgramFiles', 'CommonProgramFiles(x86)', 'CommonProgramW6432', 'ProgramData', 'ALLUSERSPROFILE',
        'PUBLIC')) {
    $variable = Get-Item -LiteralPath "Env:\$name" -ErrorAction SilentlyContinue
    if ($null -ne $variable) { Row 'variable' $name $variable.Value }
}
if ($env:PROCESSOR_ARCHITEW6432) { Partial 'a 32-bit PowerShell answered: it sees another registry' }
"""


def _parse(text: str) -> Parsed:
    """Read one row a line; the profiles come of all rows together."""
    listing = WindowsListing()
    facts: list[tuple[int, Row | WindowsFirewallProfile]] = []
    strange: list[Unread] = []

    def take(number: int, line: str) -> None:
        fact = listing.take(line)
        if fact is not None:
            facts.append((number, fact))

    take_lines(text, take, strange)
    if listing.profiles:
        facts += [(1, profile.fact) for profile in profiles(listing)]
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=listing.missing or None)


PLUGIN = Collector(
    id="firewall.windows",
    facts=(WindowsFirewallRule, WindowsFirewallProfile, ConnectedNetwork, FirewallProduct, PortProxy),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator, with PowerShell 5.1 on Windows 8, Server 2012 or later.",
    holds_secrets=False,
)
