r"""How VNC servers on Windows let people in: TightVNC, UltraVNC, RealVNC and TigerVNC.

Values are asked for by name, one by one; of a password only that there is one is told. Sources: TightVNC 2 for Windows,
"Installation from command line" (names of values); UltraVNC documentation, ultravnc.ini; RealVNC Connect, "Server
parameter reference"; TigerVNC's WinVNC, ``-showparams`` (keys ``WinVNC4``).
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, number_of, row_of, take_lines
from auditor.model.evidence import Unread
from auditor.model.facts.remote_config import RemoteAccessSetting
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# A folder of ProgramData may be anybody's, who could make it lead elsewhere: what is a link is not followed.
_WINDOWS = r"""
function Told([string]$product, [string]$user, [string]$path, $names) {
    if (-not (Test-Path -LiteralPath "Registry::$path")) { return }
    Row 'key' $product $user $path
    $there = (Get-Item -LiteralPath "Registry::$path").Property
    foreach ($name in $names) {
        if ($there -contains $name) { Row 'value' $name '' (@(Value "Registry::$path" $name) -join ',') }
    }
    foreach ($name in @('Password', 'PasswordViewOnly', 'ControlPassword', 'AdminPassword', 'InputOnlyPassword')) {
        if ($there -contains $name) { Row 'secret' $name '' }
    }
}
function Written([string]$folder) {
    $file = "$folder\ultravnc.ini"
    if (-not (Test-Path -LiteralPath $file)) { return }
    foreach ($place in @($folder, $file)) {
        if ([int](Get-Item -LiteralPath $place -Force).Attributes -band 1024) {
            Partial "$place is a link, which is not followed"
            return
        }
    }
    if ((Get-Item -LiteralPath $file -Force).Length -gt 262144) {
        Partial "$file is longer than 262144 bytes"
        return
    }
    Row 'key' 'ultravnc' '' $file
    $at = 0
    foreach ($line in @(Get-Content -LiteralPath $file)) {
        $at = $at + 1
        if ($line -notmatch '^\s*([A-Za-z0-9_]+)\s*=(.*)$') { continue }
        $name = $matches[1]
        $value = ([string]$matches[2]).Trim()
        if ($name -in $ultra) { Row 'value' $name $at $value }
        elseif ($name -in @('passwd', 'passwd2') -and $value -ne '') { Row 'secret' $name $at }
    }
}
$tight = @('AcceptRfbConnections', 'RfbPort', 'UseVncAuthentication', 'UseControlAuthentication', 'LoopbackOnly',
    'AllowLoopback', 'AcceptHttpConnections', 'HttpPort', 'IpAccessControl', 'ExtraPorts', 'QueryAcceptOnTimeout')
$real = @('Authentication', 'Encryption', 'RfbPort', 'IpListenAddresses', 'IpClientAddresses', 'AllowIpListenRfb',
    'AllowCloudRfb', 'AllowHTTP', 'QueryConnect', 'GuestAccess')
$older = @('SecurityTypes', 'PortNumber', 'LocalHost', 'Hosts', 'HTTPPortNumber', 'QueryConnect', 'QueryOnlyIfLoggedOn')
$ultra = @('AuthRequired', 'MSLogonRequired', 'NewMSLogon', 'LoopbackOnly', 'AllowLoopback', 'PortNumber',
    'HTTPPortNumber', 'HTTPConnect', 'SocketConnect', 'AutoPortSelect', 'AuthHosts', 'QuerySetting', 'QueryAccept',
    'UseDSMPlugin', 'DSMPlugin', 'cloudEnabled', 'cloudServer', 'service_commandline')
$machine = 'HKEY_LOCAL_MACHINE\SOFTWARE'
$rows = @(
    Hives
    $roots = @(@('', $machine), @('', "$machine\WOW6432Node"))
    foreach ($sid in $hives) { $roots = $roots + , @($sid, "HKEY_USERS\$sid\SOFTWARE") }
    foreach ($root in $roots) {
        Told 'tightvnc' $root[0] "$($root[1])\TightVNC\Server" $tight
        Told 'realvnc' $root[0] "$($root[1])\RealVNC\vncserver" $real
        Told 'realvnc' $root[0] "$($root[1])\RealVNC\WinVNC4" $older
        Told 'tigervnc' $root[0] "$($root[1])\TigerVNC\WinVNC4" $older
    }
    Told 'realvnc' '' "$machine\Policies\RealVNC\vncserver" $real
    $programs = @($env:ProgramFiles, ${env:ProgramFiles(x86)}) | Where-Object { $_ }
    $folders = @("$env:ProgramData\UltraVNC")
    foreach ($place in $programs) { $folders = $folders + "$place\uvnc bvba\UltraVNC" + "$place\UltraVNC" }
    foreach ($name in @('uvnc_service', 'uvnc_service_64', 'winvnc')) {
        $image = [string](Value "HKLM:\SYSTEM\CurrentControlSet\Services\$name" 'ImagePath')
        if ($image -match '^"?([A-Za-z]:\\[^"]*)\\[^\\"]+\.exe') { $folders = $folders + $matches[1] }
    }
    foreach ($folder in @($folders | Sort-Object -Unique)) { Written $folder }
)
if ($rows.Count -eq 0) { Absent 'there are no settings of TightVNC, UltraVNC, RealVNC or TigerVNC' }
$rows
Row 'asked'
if ($env:PROCESSOR_ARCHITEW6432) { Partial 'a 32-bit PowerShell answered: it sees another registry' }
"""

_KINDS = {"key": 3, "value": 3, "secret": 2, "asked": 0}
_PRODUCTS = ("tightvnc", "ultravnc", "realvnc", "tigervnc")


@dataclass(slots=True)
class _Reader:
    """The answer while it is read: each value is of the key or file that was named last."""

    facts: list[tuple[int, RemoteAccessSetting]] = field(default_factory=list)
    place: tuple[str, str, str] | None = None
    is_whole: bool = False

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none."""
        try:
            kind, rest = row_of(line, _KINDS)
        except ValueError:
            if line.startswith("key\t"):
                # What follows is of no key that is known.
                self.place = None
            raise
        if kind == "asked":
            self.is_whole = True
        elif kind == "key":
            self.place = None
            if rest[0] not in _PRODUCTS:
                message = f"unknown product {rest[0][:20]!r}"
                raise ValueError(message)
            self.place = rest[0], rest[1], rest[2]
        elif self.place is None:
            message = "a value of no key"
            raise ValueError(message)
        else:
            product, user, file = self.place
            fact = RemoteAccessSetting(
                product=product,
                key=rest[0],
                value="(set)" if kind == "secret" else rest[2],
                file=file,
                line=number_of(rest[1], "line") if rest[1] else None,
                user=user or None,
            )
            self.facts.append((number, fact))


def _parse(text: str) -> Parsed:
    """Read one value a row, of the key or file above it."""
    reader = _Reader()
    strange: list[Unread] = []
    take_lines(text, reader.take, strange)
    missing = None if reader.is_whole else ENDS_EARLY
    return Parsed(facts=tuple(reader.facts), unread=tuple(strange), partial=missing)


PLUGIN = Collector(
    id="remote_config.vnc",
    facts=(RemoteAccessSetting,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator; a settings file that is a link, a person has to read.",
)
