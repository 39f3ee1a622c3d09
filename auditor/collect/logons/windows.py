r"""Remote logons of the last 30 days in the event logs of Windows, the services that were installed, and the logs.

Read are logons of type 10 and 12 (Security 4624: over Remote Desktop; those of type 3 are any use of a share), sessions
that began or were taken up again (TerminalServices-LocalSessionManager 21 and 25), and services that were installed
(System 7045, Security 4697). Sources: learn.microsoft.com, events 4624 and 4697, whose fields and their order it lists;
Get-WinEvent. Of Sysmon only its log is told: `processes.sysmon` reads its events.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address

from auditor.collect.collector import ENDS_EARLY, Collector, instant_of, number_of, row_of, take_lines
from auditor.collect.logons.lines import MANY
from auditor.model.evidence import Unread
from auditor.model.facts.logons import EventLog, RemoteLogon
from auditor.model.facts.services import ServiceInstallation
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.verdict import Limit

# The places are those of the values in an event, for a constrained language.
# A search of a log of very many records takes minutes, so that of such a log the newest events of a kind are taken.
_WINDOWS = r"""
if (-not (Spare 15)) { Failed 'the rest of the probe took too long' }
$sessions = 'Microsoft-Windows-TerminalServices-LocalSessionManager/Operational'
$since = 'TimeCreated[timediff(@SystemTime) <= 2592000000]'
$places = @{
    '4624' = @{ TargetUserName = 5; TargetDomainName = 6; LogonType = 8; IpAddress = 18 }
    '4697' = @{ ServiceName = 4; ServiceFileName = 5; ServiceAccount = 8 }
    '7045' = @{ ServiceName = 0; ImagePath = 1; AccountName = 4 }
    '21' = @{ User = 0; Address = 2 }
    '25' = @{ User = 0; Address = 2 }
}
function Told([string]$log, $record) {
    $said = Named $record $places[[string]$record.Id]
    $time = $record.TimeCreated.ToUniversalTime().ToString('o')
    $id = [string]$record.Id
    if ($id -eq '4624') {
        if ([string]$said['LogonType'] -notin @('10', '12')) { return }
        $who = "$($said['TargetDomainName'])\$($said['TargetUserName'])"
        Row 'logon' $time $said['LogonType'] $who $said['IpAddress']
    }
    elseif ($id -eq '4697') {
        Row 'install' $log $time $said['ServiceName'] $said['ServiceAccount'] $said['ServiceFileName']
    }
    elseif ($id -eq '7045') {
        Row 'install' $log $time $said['ServiceName'] $said['AccountName'] $said['ImagePath']
    }
    else { Row 'session' $time $id $said['User'] $said['Address'] }
}
# How far a log goes back, and whether it may be read.
function State([string]$log) {
    try {
        $one = Get-WinEvent -ListLog $log
        $time = ''
        if ([int64]$one.RecordCount -ne 0) {
            $first = Get-WinEvent -LogName $log -Oldest -MaxEvents 1
            $time = $first.TimeCreated.ToUniversalTime().ToString('o')
        }
        $state = 'off'
        if ($one.IsEnabled) { $state = 'on' }
        Row 'log' $log $state ([int64]$one.RecordCount) $time
    }
    catch {
        if ([string]$_.FullyQualifiedErrorId -like 'NoMatchingLogsFound*') { Row 'missing' $log }
        elseif (Closed $_) { "outcome denied the log $log is closed to this account" }
        else { Partial "the log $log cannot be read: $_" }
    }
}
function Ask([string]$log, [string]$query, [int]$most) {
    try { $records = @(Get-WinEvent -LogName $log -FilterXPath $query -MaxEvents $most) }
    catch {
        $why = [string]$_.FullyQualifiedErrorId
        if ($why -like 'NoMatchingEventsFound*') { Row 'read' $log; return }
        if ($why -like 'NoMatchingLogsFound*') { Row 'read' $log; return }
        if (Closed $_) { "outcome denied the log $log is closed to this account" }
        else { Partial "the log $log cannot be read: $_" }
        return
    }
    foreach ($record in $records) { Told $log $record }
    if ($records.Count -ge $most) { Row 'many' $log $most }
    Row 'read' $log
}
foreach ($log in @('Security', 'System', $sessions, 'Microsoft-Windows-Sysmon/Operational')) { State $log }
try { $size = [int64](Get-WinEvent -ListLog 'Security').RecordCount }
catch { $size = 0 }
if ($size -le 200000) {
    $kinds = "EventData[Data[@Name='LogonType']='10' or Data[@Name='LogonType']='12']"
    Ask 'Security' "*[System[(EventID=4624) and $since] and $kinds]" 1000
    Ask 'Security' "*[System[(EventID=4697) and $since]]" 500
}
else { Ask 'Security' "*[System[(EventID=4624 or EventID=4697) and $since]]" 3000 }
Ask 'System' "*[System[Provider[@Name='Service Control Manager'] and (EventID=7045) and $since]]" 500
Ask $sessions "*[System[(EventID=21 or EventID=25) and $since]]" 1000
Row 'asked'
"""

_KINDS = {"log": 4, "missing": 1, "logon": 4, "session": 4, "install": 5, "many": 2, "read": 1, "asked": 0}
_SESSIONS = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"
_LOGS = ("Security", "System", _SESSIONS)
_SYSMON = "Microsoft-Windows-Sysmon/Operational"
_PRODUCT = "microsoft-rdp"
_TYPES = ("10", "12")
_EVENTS = ("21", "25")


@dataclass(slots=True)
class _Reader:
    """The answer while it is read."""

    facts: list[tuple[int, RemoteLogon | ServiceInstallation | EventLog]] = field(default_factory=list)
    logs: list[EventLog] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    many: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    is_whole: bool = False

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none."""
        kind, rest = row_of(line, _KINDS)
        if kind == "logon":
            self.facts.append((number, _logon(*rest)))
        elif kind == "session":
            session = _session(*rest)
            if session is not None:
                self.facts.append((number, session))
        elif kind == "install":
            self.facts.append((number, _installation(*rest)))
        else:
            self._take_log(number, kind, rest)

    def _take_log(self, number: int, kind: str, rest: list[str]) -> None:
        if kind == "asked":
            self.is_whole = True
        elif rest[0] not in (*_LOGS, _SYSMON):
            message = f"unknown log {rest[0][:60]!r}"
            raise ValueError(message)
        elif kind == "log":
            log = _log(*rest)
            self.logs.append(log)
            self.facts.append((number, log))
        elif kind == "missing":
            self.missing.append(rest[0])
        elif kind == "many":
            number_of(rest[1], "count")
            self.many[rest[0]] = rest[1]
        else:
            self.read.add(rest[0])

    def limits(self) -> tuple[Limit, ...]:
        """Say which logs hold more than was read."""
        return tuple(
            Limit(id=MANY, text=f"Of {log} the newest {count} events of their kind were read.")
            for log, count in self.many.items()
        )

    def partial(self) -> str | None:
        """Say what the answer lacks."""
        doubts = [] if self.is_whole else [ENDS_EARLY]
        doubts += [f"{log.name} is switched off" for log in self.logs if not log.is_enabled]
        doubts += [f"there is no log {name}" for name in self.missing if name != _SYSMON]
        unread = [name for name in _LOGS if name not in self.read and name not in self.missing]
        doubts += [f"{name} was not read to its end" for name in unread] if self.is_whole else []
        return "; ".join(doubts) or None


def _log(name: str, state: str, count: str, oldest: str) -> EventLog:
    if state not in ("on", "off"):
        message = f"unknown state {state[:20]!r} of a log"
        raise ValueError(message)
    return EventLog(
        name=name,
        is_enabled=state == "on",
        count=number_of(count, "count"),
        oldest=instant_of(oldest) if oldest else None,
    )


def _logon(time: str, kind: str, who: str, address: str) -> RemoteLogon:
    if kind not in _TYPES:
        message = f"unknown type {kind[:20]!r} of a logon"
        raise ValueError(message)
    source = "" if address == "-" else address
    if source:
        ip_address(source.partition("%")[0])
    return RemoteLogon(
        when=instant_of(time), product=_PRODUCT, user=who.strip("\\"), source=source, succeeded=True, record="Security"
    )


def _session(time: str, event: str, who: str, address: str) -> RemoteLogon | None:
    """Read a session; None for one in front of the machine, which has a word in the host's language for an address."""
    if event not in _EVENTS:
        message = f"unknown event {event[:20]!r}"
        raise ValueError(message)
    when = instant_of(time)
    if address and not any(char in "0123456789.:" for char in address):
        return None
    if address:
        ip_address(address.partition("%")[0])
    return RemoteLogon(when=when, product=_PRODUCT, user=who, source=address, succeeded=True, record=_SESSIONS)


def _installation(log: str, time: str, name: str, account: str, command: str) -> ServiceInstallation:
    if log not in _LOGS or not name:
        message = f"a service without a name, or of an unknown log {log[:40]!r}"
        raise ValueError(message)
    return ServiceInstallation(when=instant_of(time), name=name, command=command, account=account, record=log)


def _parse(text: str) -> Parsed:
    """Read one event or log a row."""
    reader = _Reader()
    strange: list[Unread] = []
    take_lines(text, reader.take, strange)
    return Parsed(facts=tuple(reader.facts), unread=tuple(strange), partial=reader.partial(), limits=reader.limits())


PLUGIN = Collector(
    id="logons.windows",
    facts=(RemoteLogon, ServiceInstallation, EventLog),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator, or put its account into the group Event Log Readers.",
    apart=True,
)
