r"""Remote Desktop, Remote Assistance and Quick Assist of Windows: what is switched on, and how it lets people in.

Group policy counts before the host's own settings. Sources, all learn.microsoft.com: fDenyTSConnections,
fAllowToGetHelp, UserAuthentication and SecurityLayer (unattend reference of Windows); Win32_TSGeneralSetting
(MinEncryptionLevel); policies TerminalServer.admx and RemoteAssistance.admx (Shadow, fAllowUnsolicited,
fAllowFullControl); "Change the listening port for Remote Desktop" (PortNumber).
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, number_of, row_of, take_lines
from auditor.model.evidence import Unread
from auditor.model.facts.remote_config import RemoteAccessSetting, RemoteManagement
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import Record, replace

_WINDOWS = r"""
function Told([string]$from, [string]$path, $names) {
    foreach ($name in $names) {
        $value = @(Value "Registry::$path" $name) -join ','
        if ($value -ne '') { Row 'value' $from $path $name $value }
    }
}
$control = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control'
$policy = 'HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services'
$entry = @('UserAuthentication', 'SecurityLayer', 'MinEncryptionLevel', 'Shadow')
$help = @('fAllowToGetHelp', 'fAllowFullControl', 'fAllowUnsolicited', 'fAllowUnsolicitedFullControl')
Told 'host' "$control\Terminal Server" @('fDenyTSConnections')
Told 'policy' $policy (@('fDenyTSConnections', 'fPromptForPassword', 'fEncryptRPCTraffic') + $entry + $help)
Told 'help' "$control\Remote Assistance" $help
Told 'service' 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\TermService\Parameters' @('ServiceDll')
$stations = "Registry::$control\Terminal Server\WinStations"
if (Test-Path -LiteralPath $stations) {
    foreach ($station in @(Get-ChildItem -LiteralPath $stations)) {
        if ($station.Property -notcontains 'PortNumber') { continue }
        $path = "$control\Terminal Server\WinStations\$($station.PSChildName)"
        Told 'listener' $path (@('PortNumber', 'fEnableWinStation', 'fPromptForPassword', 'fInheritShadow') + $entry)
    }
}
foreach ($program in @('msra.exe', 'quickassist.exe')) {
    $path = "$env:SystemRoot\System32\$program"
    if (Test-Path -LiteralPath $path) { Row 'program' $program $path }
}
Row 'asked'
"""

_KINDS = {"value": 4, "program": 2, "asked": 0}
_TEXTS = ("ServiceDll",)
_PROGRAMS = ("msra.exe", "quickassist.exe")
_RDP, _HELP = "microsoft-rdp", "windows-remote-assistance"
_DENY, _ALLOW = "fDenyTSConnections", "fAllowToGetHelp"
_OF_HELP = (_ALLOW, "fAllowFullControl", "fAllowUnsolicited", "fAllowUnsolicitedFullControl")
_PORT, _ENABLED = "PortNumber", "fEnableWinStation"
_HIGHEST_PORT = 65_535


class _Value(Record, kw_only=True):
    """One value of the registry."""

    number: int
    """Line it stands in."""
    origin: str
    """``host``, ``policy``, ``help``, ``service`` or ``listener``."""
    key: str
    """Registry key."""
    name: str
    """Its name."""
    value: str
    """What it holds."""


@dataclass(slots=True)
class _Reader:
    """The answer while it is read."""

    values: list[_Value] = field(default_factory=list)
    programs: dict[str, tuple[int, str]] = field(default_factory=dict)
    is_whole: bool = False

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none."""
        kind, rest = row_of(line, _KINDS)
        if kind == "asked":
            self.is_whole = True
        elif kind == "program":
            if rest[0] not in _PROGRAMS:
                message = f"unknown program {rest[0][:20]!r}"
                raise ValueError(message)
            self.programs[rest[0]] = (number, rest[1])
        else:
            self._take_value(number, rest)

    def _take_value(self, number: int, rest: list[str]) -> None:
        origin, key, name, value = rest
        if origin not in ("host", "policy", "help", "service", "listener"):
            message = f"unknown origin {origin[:20]!r}"
            raise ValueError(message)
        if name not in _TEXTS and number_of(value, name) > _HIGHEST_PORT and name == _PORT:
            message = f"{value} is no port"
            raise ValueError(message)
        if name in (_DENY, _ALLOW) and value not in ("0", "1"):
            message = f"{name} is neither 0 nor 1"
            raise ValueError(message)
        self.values.append(_Value(number=number, origin=origin, key=key, name=name, value=value))

    def first(self, name: str, *origins: str) -> _Value | None:
        """Return a value of the first origin that has one."""
        found = (one for origin in origins for one in self.values if one.origin == origin and one.name == name)
        return next(found, None)

    def features(self) -> list[tuple[int, RemoteManagement]]:
        """Say what is switched on."""
        found: list[tuple[int, RemoteManagement]] = []
        deny = self.first(_DENY, "policy", "host")
        if deny is not None:
            found.append(
                (deny.number, _feature("remote desktop", deny, is_enabled=deny.value == "0", ports=self._ports()))
            )
        allow = self.first(_ALLOW, "policy", "help")
        if allow is not None:
            has_program = not self.is_whole or "msra.exe" in self.programs
            feature = _feature("remote assistance", allow, is_enabled=allow.value == "1")
            if not has_program:
                detail = f"{feature.detail}, and its program is not installed"
                feature = replace(feature, is_enabled=False, detail=detail)
            found.append((allow.number, feature))
        if "quickassist.exe" in self.programs:
            number, path = self.programs["quickassist.exe"]
            found.append((number, RemoteManagement(feature="quick assist", is_enabled=True, detail=path)))
        return found

    def _ports(self) -> frozenset[int]:
        off = {one.key for one in self.values if one.origin == "listener" and one.name == _ENABLED and one.value == "0"}
        return frozenset(
            int(one.value)
            for one in self.values
            if one.origin == "listener" and one.name == _PORT and one.key not in off
        )

    def settings(self) -> list[tuple[int, RemoteAccessSetting]]:
        """Return every value; one that a policy overrides says so in its name."""
        ruled = {one.name for one in self.values if one.origin == "policy"}
        return [
            (
                one.number,
                RemoteAccessSetting(
                    product=_HELP if one.name in _OF_HELP else _RDP,
                    key=f"{one.name} (overridden)" if one.origin != "policy" and one.name in ruled else one.name,
                    value=one.value,
                    file=one.key,
                ),
            )
            for one in self.values
        ]

    def missing(self) -> str | None:
        """Say what the answer lacks."""
        if not self.is_whole:
            return ENDS_EARLY
        if self.first(_DENY, "policy", "host") is None:
            return f"nothing says whether Remote Desktop is on: {_DENY} is not set"
        if "msra.exe" in self.programs and self.first(_ALLOW, "policy", "help") is None:
            return f"nothing says whether Remote Assistance is on: {_ALLOW} is not set"
        return None


def _feature(name: str, value: _Value, *, is_enabled: bool, ports: frozenset[int] = frozenset()) -> RemoteManagement:
    whose = "group policy" if value.origin == "policy" else "the host's own setting"
    detail = f"{value.name} is {value.value} by {whose}"
    return RemoteManagement(
        feature=name, is_enabled=is_enabled, detail=detail, ports=ports if is_enabled else frozenset()
    )


def _parse(text: str) -> Parsed:
    """Read one value a row; what is on comes of all of them together."""
    reader = _Reader()
    strange: list[Unread] = []
    take_lines(text, reader.take, strange)
    return Parsed(facts=(*reader.features(), *reader.settings()), unread=tuple(strange), partial=reader.missing())


PLUGIN = Collector(
    id="remote_config.rdp",
    facts=(RemoteManagement, RemoteAccessSetting),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Let the auditing account read the registry keys of Terminal Server, as Windows ships them.",
    holds_secrets=False,
)
