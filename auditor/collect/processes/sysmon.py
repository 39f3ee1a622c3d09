r"""What ran and what it connected to in the last 30 days, where Sysmon records it: its events 1 and 3, each told once.

Sources: learn.microsoft.com/sysinternals/downloads/sysmon (what the events hold, and that connections are recorded only
where its configuration asks for them); Get-WinEvent. Their fields in order, by version: OSSEM's data dictionaries
(sysmon events 1 and 3), recorded from hosts. Sysmon 7 has no RuleName, Sysmon 10 added OriginalFileName, later ones
ParentUser: in a constrained language an event of another number of fields is not read. The name of a destination is
what its address was looked up to have. Command lines hold secrets, and are not asked for.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address

from auditor.collect.collector import Collector, instant_of, number_of, take_rows
from auditor.model.evidence import Unread
from auditor.model.facts.network import ConnectionTrace
from auditor.model.facts.processes import ProgramTrace
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# More time has to be left than the logs of `logons.windows` need, which are searched after it. A search takes long in a
# log of very many records that has few of a kind: of such a log the newest of both kinds are taken in one search.
_WINDOWS = r"""
if (-not (Spare 25)) { Failed 'the rest of the probe took too long' }
$log = 'Microsoft-Windows-Sysmon/Operational'
$since = 'TimeCreated[timediff(@SystemTime) <= 2592000000]'
$counts = @{ '1' = @(22, 23); '3' = @(18) }
$places = @{
    '1' = @{ UtcTime = 1; Image = 4; Product = 7; Company = 8; OriginalFileName = 9; User = 12 }
    '3' = @{ UtcTime = 1; Image = 4; User = 5; Initiated = 7; DestinationIp = 14; DestinationHostname = 15
        DestinationPort = 16 }
}
$programs = @{}
$peers = @{}
$tally = @{ strange = 0 }
# Counts what is in a table, or puts it there; what comes first is the newest.
function Keep($table, [string]$key, $entry) {
    if ($table.ContainsKey($key)) { $table[$key]['times'] = $table[$key]['times'] + 1 }
    elseif ($table.Count -lt 1000) { $table[$key] = $entry }
}
function Told($record) {
    $id = [string]$record.Id
    if (-not $isFull -and @($record.Properties).Count -notin $counts[$id]) {
        $tally['strange'] = $tally['strange'] + 1
        return
    }
    $said = Named $record $places[$id]
    if (-not $said['Image'] -or [string]$said['UtcTime'] -notmatch '^[0-9]{4}-[0-9]{2}-[0-9]{2} ') {
        $tally['strange'] = $tally['strange'] + 1
        return
    }
    $said['time'] = $record.TimeCreated.ToUniversalTime().ToString('o')
    $said['times'] = 1
    if ($id -eq '1') {
        $key = @($said['Image'], $said['OriginalFileName'], $said['Company'], $said['Product']) -join $tab
        Keep $programs $key $said
        return
    }
    $where = [string]$said['DestinationHostname']
    if ($where -in @('', '-')) { $where = [string]$said['DestinationIp'] }
    $key = @($said['Image'], $where, $said['DestinationPort'], $said['Initiated']) -join $tab
    Keep $peers $key $said
}
function Ask([string]$kind, [string]$events, [int]$most) {
    if (-not (Spare 18)) {
        Partial 'the probe had no time left to search all of the log'
        return
    }
    try { $records = @(Get-WinEvent -LogName $log -FilterXPath "*[System[($events) and $since]]" -MaxEvents $most) }
    catch {
        if ([string]$_.FullyQualifiedErrorId -like 'NoMatchingEventsFound*') {
            Row 'read' $kind
            return
        }
        if (Closed $_) { Denied "the log $log is closed to this account" }
        Partial "the log $log cannot be read: $_"
        return
    }
    foreach ($record in $records) { Told $record }
    Row 'read' $kind
}
try { $one = Get-WinEvent -ListLog $log }
catch {
    if ([string]$_.FullyQualifiedErrorId -like 'NoMatchingLogsFound*') { Absent "there is no log $log" }
    if (Closed $_) { Denied "the log $log is closed to this account" }
    Failed "the log $log cannot be read: $_"
}
if (-not $one.IsEnabled) { Partial 'the log of Sysmon is switched off' }
if ([int64]$one.RecordCount -le 200000) {
    Ask 'programs' 'EventID=1' 3000
    Ask 'connections' 'EventID=3' 3000
}
else { Ask 'both' 'EventID=1 or EventID=3' 3000 }
foreach ($one in @($programs.Values | Sort-Object -Property { $_['time'] } -Descending)) {
    if ($null -eq $one) { continue }
    Row 'program' $one['time'] $one['times'] $one['User'] $one['OriginalFileName'] $one['Company'] $one['Product'] `
        $one['Image']
}
foreach ($one in @($peers.Values | Sort-Object -Property { $_['time'] } -Descending)) {
    if ($null -eq $one) { continue }
    $to = [string]$one['DestinationHostname']
    $port = [string]$one['DestinationPort']
    $first = [string]$one['Initiated']
    Row 'peer' $one['time'] $one['times'] $one['User'] $first $one['DestinationIp'] $to $port $one['Image']
}
if ($tally['strange'] -gt 0) { Partial "of $($tally['strange']) events of Sysmon it is not known which value is which" }
Row 'asked'
"""

_KINDS = {"program": 7, "peer": 8, "read": 1, "asked": 0}
_PARTS = ("programs", "connections", "both")
_TOLD = {"true": True, "false": False}
# What Sysmon writes of a value that there is none of: - since version 10, ? before.
_NOTHING = ("", "-", "?")
_HIGHEST = 65_535


@dataclass(slots=True)
class _Reader:
    """The answer while it is read."""

    facts: list[tuple[int, ProgramTrace | ConnectionTrace]] = field(default_factory=list)
    read: set[str] = field(default_factory=set)

    def take(self, number: int, kind: str, rest: list[str]) -> None:
        """Read one row; ValueError for what is none."""
        if kind == "program":
            self.facts.append((number, _program(*rest)))
        elif kind == "peer":
            self.facts.append((number, _connection(*rest)))
        elif rest[0] not in _PARTS:
            message = f"unknown part {rest[0][:20]!r}"
            raise ValueError(message)
        else:
            self.read.add(rest[0])

    def unsearched(self) -> str | None:
        """Say what the log was not searched for."""
        left = [] if "both" in self.read else [part for part in _PARTS[:2] if part not in self.read]
        return f"the log of Sysmon was not searched for {' and '.join(left)}" if left else None


def _program(time: str, times: str, user: str, original: str, company: str, product: str, path: str) -> ProgramTrace:
    if not path:
        message = "a program without a path"
        raise ValueError(message)
    return ProgramTrace(
        path=path,
        when=instant_of(time),
        user="" if user in _NOTHING else user,
        record="sysmon",
        original_name=None if original in _NOTHING else original,
        company=None if company in _NOTHING else company,
        product_name=None if product in _NOTHING else product,
        times=_times(times),
    )


def _connection(
    time: str, times: str, user: str, initiated: str, address: str, name: str, port: str, path: str
) -> ConnectionTrace:
    if not path or initiated.lower() not in _TOLD or number_of(port, "port") > _HIGHEST:
        message = f"a connection of no program, of no direction ({initiated[:20]!r}) or to no port"
        raise ValueError(message)
    ip_address(address.partition("%")[0])
    return ConnectionTrace(
        path=path,
        user="" if user in _NOTHING else user,
        is_initiated=_TOLD[initiated.lower()],
        address=address,
        name="" if name in _NOTHING else name.lower(),
        port=int(port),
        when=instant_of(time),
        record="sysmon",
        times=_times(times),
    )


def _times(text: str) -> int:
    times = number_of(text, "count")
    if not times:
        message = "what was recorded no time"
        raise ValueError(message)
    return times


def _parse(text: str) -> Parsed:
    """Read one program or destination a row."""
    reader = _Reader()
    strange: list[Unread] = []
    missing = take_rows(text, _KINDS, reader.take, strange)
    return Parsed(facts=tuple(reader.facts), unread=tuple(strange), partial=missing or reader.unsearched())


PLUGIN = Collector(
    id="processes.sysmon",
    facts=(ProgramTrace, ConnectionTrace),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator, or put its account into the group Event Log Readers.",
    apart=True,
)
