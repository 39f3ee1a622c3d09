r"""What keeps programs from running on Windows: AppLocker, Software Restriction Policies, App Control (WDAC).

Sources, learn.microsoft.com: "AppLocker CSP" and "Understand AppLocker enforcement settings" (rules of a collection
that is not configured are enforced; nothing is without the service AppIDSvc); "Software Restriction Policies technical
overview"; Win32_DeviceGuard; "Smart App Control". What an App Control policy allows is a binary file and not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from auditor.collect.appcontrol.applocker_rules import COLLECTIONS, AppLockerPolicy, read_policy
from auditor.collect.appcontrol.windows_modes import applocker_facts, srp_facts, wdac_facts
from auditor.collect.collector import ENDS_EARLY, Collector, number_of, row_of, take_lines
from auditor.model.evidence import Unread
from auditor.model.facts.appcontrol import ExecutionControl, ExecutionRule, ProgramCondition
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_WINDOWS = r"""
Row 'build' (Value 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' 'CurrentBuildNumber')
$service = Get-Service -Name 'AppIDSvc' -ErrorAction SilentlyContinue
if ($null -eq $service) { Row 'service' 'missing' } else { Row 'service' $service.Status }
$srp2 = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\SrpV2'
$isTold = $false
if (Have 'Get-AppLockerPolicy') {
    try {
        $policy = [string](Get-AppLockerPolicy -Effective -Xml)
        $isTold = $true
        if ($policy.Length -le 1000000) { Row 'applocker' $policy }
        else { Partial "AppLocker's rules take $($policy.Length) characters, which is more than are read" }
    }
    catch { Partial "Get-AppLockerPolicy did not answer, and its registry keys lack what MDM sets: $_" }
}
elseif (Test-Path -LiteralPath "$env:SystemRoot\System32\AppLocker\MDM") {
    Partial 'MDM has set rules of AppLocker, and Get-AppLockerPolicy is not there'
}
if (-not $isTold -and (Test-Path -LiteralPath $srp2)) {
    foreach ($collection in @(Get-ChildItem -LiteralPath $srp2)) {
        Row 'collection' $collection.PSChildName (Value $collection.PSPath 'EnforcementMode')
        $kept = @(Get-ChildItem -LiteralPath $collection.PSPath)
        if ($kept.Count -gt 2000) { Partial "of $($kept.Count) rules of AppLocker 2000 are read" }
        foreach ($rule in @($kept | Select-Object -First 2000)) {
            if ($null -ne $rule) { Row 'rule' $collection.PSChildName (Value $rule.PSPath 'Value') }
        }
    }
}
$safer = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\Safer\CodeIdentifiers'
foreach ($name in @('DefaultLevel', 'TransparentEnabled', 'PolicyScope')) {
    $value = Value $safer $name
    if ($null -ne $value) { Row 'srp' $name $value }
}
foreach ($level in @('0', '4096', '65536', '131072', '262144')) {
    foreach ($kind in @('Paths', 'Hashes', 'UrlZones')) {
        if (-not (Test-Path -LiteralPath "$safer\$level\$kind")) { continue }
        $kept = @(Get-ChildItem -LiteralPath "$safer\$level\$kind")
        if ($kept.Count -gt 1000) { Partial "of $($kept.Count) rules of SRP 1000 are read" }
        foreach ($rule in @($kept | Select-Object -First 1000)) {
            if ($null -eq $rule) { continue }
            $data = Value $rule.PSPath 'ItemData'
            if ($kind -eq 'Hashes') { $data = Value $rule.PSPath 'FriendlyName' }
            Row 'srprule' $level $kind $rule.PSChildName ([string]$data)
        }
    }
}
try {
    $guard = Get-CimInstance -Namespace 'root/Microsoft/Windows/DeviceGuard' -ClassName Win32_DeviceGuard
    Row 'wdac' $guard.CodeIntegrityPolicyEnforcementStatus $guard.UsermodeCodeIntegrityPolicyEnforcementStatus
}
catch {
    # Versions before Windows 10 have no such class (WBEM_E_INVALID_NAMESPACE, WBEM_E_INVALID_CLASS).
    if ([string]$_.FullyQualifiedErrorId -match '0x8004100e|0x80041010') { Row 'wdac' 'none' 'none' }
    else { Partial "whether App Control enforces cannot be asked: $_" }
}
$folder = "$env:SystemRoot\System32\CodeIntegrity"
if (Test-Path -LiteralPath "$folder\SiPolicy.p7b") { Row 'policy' 'SiPolicy.p7b' }
if (Test-Path -LiteralPath "$folder\CiPolicies\Active") {
    $active = @(Get-ChildItem -LiteralPath "$folder\CiPolicies\Active" | Select-Object -First 200)
    foreach ($file in $active) { if ($null -ne $file) { Row 'policy' $file.Name } }
}
$smart = Value 'HKLM:\SYSTEM\CurrentControlSet\Control\CI\Policy' 'VerifiedAndReputablePolicyState'
if ($null -ne $smart) { Row 'smart' $smart }
Row 'asked'
if ($env:PROCESSOR_ARCHITEW6432) { Partial 'a 32-bit PowerShell answered: it sees another registry' }
"""

_KINDS = {"build": 1, "service": 1, "applocker": 1, "collection": 2, "rule": 2, "srp": 2, "srprule": 4, "wdac": 2,
          "policy": 1, "smart": 1, "asked": 0}  # fmt: skip
# ServiceControllerStatus (.NET).
_STATES = ("missing", "Stopped", "StartPending", "StopPending", "Running", "ContinuePending", "PausePending", "Paused")
_REGISTRY_MODES = {"": "NotConfigured", "0": "AuditOnly", "1": "Enabled"}
_SRP = ("DefaultLevel", "TransparentEnabled", "PolicyScope")
# Security levels of SRP (SAFER_LEVELID_*): what runs with less than a user's rights is refused in effect.
_LEVELS = {"0": "deny", "4096": "basic", "65536": "basic", "131072": "basic", "262144": "allow"}
_SRP_KINDS = {"Paths": "path", "Hashes": "hash", "UrlZones": "zone"}
_WDAC = ("0", "1", "2", "none")

_Fact = ExecutionControl | ExecutionRule


@dataclass(slots=True)
class _Reader:
    """The answer while it is read."""

    build: int = 0
    service: str = ""
    policy: AppLockerPolicy = field(default_factory=AppLockerPolicy)
    places: list[int] = field(default_factory=list)
    """Line of each rule of AppLocker."""
    applocker_line: int = 0
    srp: dict[str, tuple[int, int]] = field(default_factory=dict)
    srp_rules: list[tuple[int, ExecutionRule]] = field(default_factory=list)
    wdac: tuple[int, str, str] | None = None
    policies: list[str] = field(default_factory=list)
    smart: tuple[int, str] | None = None
    is_whole: bool = False

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none."""
        kind, rest = row_of(line, _KINDS)
        if kind == "build":
            self.build = number_of(rest[0], "build")
        elif kind == "service":
            if rest[0] not in _STATES:
                raise ValueError(f"unknown state {rest[0][:20]!r} of AppIDSvc")
            self.service = rest[0]
        elif kind in ("applocker", "collection", "rule"):
            self._take_applocker(number, kind, rest)
        elif kind in ("srp", "srprule"):
            self._take_srp(number, kind, rest)
        elif kind == "asked":
            self.is_whole = True
        else:
            self._take_code_integrity(number, kind, rest)

    def _take_code_integrity(self, number: int, kind: str, rest: list[str]) -> None:
        if kind == "policy":
            self.policies.append(rest[0])
        elif kind == "wdac":
            if rest[0] not in _WDAC or rest[1] not in (*_WDAC, ""):
                raise ValueError(f"unknown state {rest[0][:20]!r} or {rest[1][:20]!r} of App Control")
            self.wdac = number, rest[0], rest[1]
        else:
            if rest[0] not in ("0", "1", "2"):
                raise ValueError(f"unknown state {rest[0][:20]!r} of Smart App Control")
            self.smart = number, rest[0]

    def _take_applocker(self, number: int, kind: str, rest: list[str]) -> None:
        self.applocker_line = self.applocker_line or number
        if kind == "applocker":
            read_policy(rest[0], self.policy)
        else:
            if rest[0] not in COLLECTIONS or (kind == "collection" and rest[1] not in _REGISTRY_MODES):
                raise ValueError(f"unknown collection {rest[0][:20]!r} or mode {rest[1][:20]!r}")
            if kind == "collection":
                self.policy.modes[rest[0]] = _REGISTRY_MODES[rest[1]]
            else:
                read_policy(rest[1], self.policy, collection=rest[0])
        self.places += [number] * (len(self.policy.rules) - len(self.places))

    def _take_srp(self, number: int, kind: str, rest: list[str]) -> None:
        if kind == "srp":
            if rest[0] not in _SRP:
                raise ValueError(f"unknown value {rest[0][:20]!r} of SRP")
            self.srp[rest[0]] = (number, number_of(rest[1], rest[0]))
            return
        level, place, identifier, data = rest
        if level not in _LEVELS or place not in _SRP_KINDS:
            raise ValueError(f"unknown level {level[:20]!r} or kind {place[:20]!r} of a rule")
        condition = ProgramCondition(kind=_SRP_KINDS[place], subject=data)
        rule = ExecutionRule(
            mechanism="srp",
            collection="",
            action=_LEVELS[level],
            who="",
            identifier=identifier,
            conditions=(condition,),
        )
        self.srp_rules.append((number, rule))

    def facts(self) -> Iterator[tuple[int, _Fact]]:
        """Say what each mechanism does, then its rules."""
        if self.applocker_line:
            yield from applocker_facts(self.applocker_line, self.policy.modes, self.policy.rules, self.service)
        yield from srp_facts(self.srp, self.srp_rules, self.build)
        if self.wdac is not None:
            yield from wdac_facts(self.wdac, self.policies)
        if self.smart is not None:
            mode = {"0": "off", "1": "enforcing", "2": "auditing"}[self.smart[1]]
            detail = f"VerifiedAndReputablePolicyState is {self.smart[1]}"
            yield self.smart[0], ExecutionControl(mechanism="smart app control", mode=mode, detail=detail)
        yield from zip(self.places, self.policy.rules, strict=True)
        yield from self.srp_rules

    def missing(self) -> str | None:
        """Say what the answer lacks."""
        if not self.is_whole:
            return ENDS_EARLY
        if not self.service:
            return "the state of AppIDSvc is not told"
        if self.wdac is not None and self.wdac[2] == "":
            return "whether App Control enforces for programs is not told: this version of Windows 10 does not say"
        return None


def _parse(text: str) -> Parsed:
    """Read modes and rules; what a mechanism does as a whole comes of all rows together."""
    reader = _Reader()
    strange: list[Unread] = []
    take_lines(text, reader.take, strange)
    return Parsed(facts=tuple(reader.facts()), unread=tuple(strange), partial=reader.missing())


PLUGIN = Collector(
    id="appcontrol.windows",
    facts=(ExecutionControl, ExecutionRule),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator; see that `Get-AppLockerPolicy -Effective -Xml` answers.",
    holds_secrets=False,
)
