r"""What else starts by itself on Windows, and which programs ran: Run keys, start-up folders, tasks, and BAM's record.

Sources, learn.microsoft.com: "Run and RunOnce registry keys"; MSFT_ScheduledTask and MSFT_TaskExecAction. The
Background Activity Moderator keeps, by user, each program's path and the FILETIME it last ran, for about a week; its
keys are described by those who read them for forensics (ATT&CK T1547.001, T1053.005).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from auditor.collect.collector import Collector, number_of, row_of, take_lines
from auditor.model.evidence import Unread
from auditor.model.facts.processes import ProgramTrace
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.verdict import Limit

# Tasks of Microsoft's own folder are told too: nothing keeps a stranger's task out of it.
_WINDOWS = r"""
function Kept([string]$user, [string]$path) {
    if (-not (Test-Path -LiteralPath "Registry::$path")) { return }
    try { $entries = Get-ItemProperty -LiteralPath "Registry::$path" }
    catch {
        Partial "the key $path cannot be read: $_"
        return
    }
    foreach ($name in @((Get-Item -LiteralPath "Registry::$path").Property)) {
        if ($name) { Row 'run' $user $path $name $entries.$name }
    }
}
function Linked([string]$user, [string]$folder) {
    if (-not (Test-Path -LiteralPath $folder)) { return }
    foreach ($file in @(Get-ChildItem -LiteralPath $folder -Force | Select-Object -First 200)) {
        if ($null -ne $file -and $file.Name -ne 'desktop.ini') { Row 'startup' $user $folder $file.Name }
    }
}
Hives
$current = 'Microsoft\Windows\CurrentVersion'
$roots = @(@('', 'HKEY_LOCAL_MACHINE\SOFTWARE'), @('', 'HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node'))
foreach ($sid in $hives) { $roots = $roots + , @($sid, "HKEY_USERS\$sid\SOFTWARE") }
foreach ($root in $roots) {
    foreach ($key in @('Run', 'RunOnce', 'RunServices', 'RunServicesOnce', 'Policies\Explorer\Run')) {
        Kept $root[0] "$($root[1])\$current\$key"
    }
}
$menu = 'Microsoft\Windows\Start Menu\Programs\Startup'
Linked '' "$env:ProgramData\$menu"
$list = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList'
foreach ($one in @(Get-ChildItem -LiteralPath $list)) {
    $sid = [string]$one.PSChildName
    if ($sid -notmatch '^S-1-(5-21|12-1)-[0-9-]+$') { continue }
    $folder = "$(Value $one.PSPath 'ProfileImagePath')\AppData\Roaming\$menu"
    try { Linked $sid $folder }
    catch { Partial "$folder cannot be read" }
}
Row 'asked' 'run'
if (Have 'Get-ScheduledTask') {
    if ($level -ne 'administrator') { Partial 'only an administrator sees the tasks of others' }
    $tasks = @(Get-ScheduledTask)
    if ($tasks.Count -gt 3000) { Partial "of $($tasks.Count) tasks 3000 are read" }
    foreach ($task in @($tasks | Select-Object -First 3000)) {
        $who = [string]$task.Principal.UserId
        if (-not $who) { $who = [string]$task.Principal.GroupId }
        foreach ($action in @($task.Actions)) {
            if ($null -eq $action) { continue }
            $kind = 'other'
            if ($action.Execute) { $kind = 'program' } elseif ($action.ClassId) { $kind = 'class' }
            $what = [string]$action.Execute
            if ($kind -eq 'class') { $what = [string]$action.ClassId }
            Row 'task' $task.TaskPath $task.TaskName ([int]$task.State) $who $kind $what $action.Arguments
        }
    }
    Row 'asked' 'tasks'
}
else { Partial 'scheduled tasks cannot be asked: Get-ScheduledTask is not there' }
$bam = 'HKLM:\SYSTEM\CurrentControlSet\Services\bam'
$shown = 0
foreach ($place in @("$bam\State\UserSettings", "$bam\UserSettings")) {
    if (-not (Test-Path -LiteralPath $place)) { continue }
    foreach ($user in @(Get-ChildItem -LiteralPath $place)) {
        $entries = Get-ItemProperty -LiteralPath $user.PSPath
        foreach ($name in @($user.Property)) {
            $data = @($entries.$name)
            # What is no eight bytes and more is the key's own version and counter.
            if ($data.Count -lt 8) { continue }
            $shown = $shown + 1
            if ($shown -gt 5000) { continue }
            $time = foreach ($byte in $data[7..0]) { '{0:x2}' -f $byte }
            Row 'ran' $user.PSChildName ($time -join '') $name
        }
    }
}
if ($shown -gt 5000) { Row 'more' $shown }
Row 'asked' 'bam'
if ($env:PROCESSOR_ARCHITEW6432) { Partial 'a 32-bit PowerShell answered: it sees another registry' }
"""

_KINDS = {"run": 4, "startup": 3, "task": 7, "ran": 3, "more": 1, "asked": 1}
_PARTS = ("run", "tasks", "bam")
# MSFT_ScheduledTask.State: unknown, disabled, queued, ready, running.
_TASK_STATES = {
    "0": ("unknown", StartMode.UNKNOWN), "1": ("disabled", StartMode.DISABLED), "2": ("queued", StartMode.AUTOMATIC),
    "3": ("ready", StartMode.AUTOMATIC), "4": ("running", StartMode.AUTOMATIC),
}  # fmt: skip
_TASK_KINDS = ("program", "class", "other")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_HEX = frozenset("0123456789abcdef")
_DIGITS = 16
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MANY = "many-traces"
"""Name of the limit that a bound on the record of programs makes."""


@dataclass(slots=True)
class _Reader:
    """The answer while it is read."""

    facts: list[tuple[int, Service | ProgramTrace]] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    limits: tuple[Limit, ...] = ()

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none."""
        kind, rest = row_of(line, _KINDS)
        if kind == "asked":
            if rest[0] not in _PARTS:
                message = f"unknown part {rest[0][:20]!r}"
                raise ValueError(message)
            self.asked.add(rest[0])
        elif kind == "more":
            text = f"Of the record of programs that ran 5000 of {number_of(rest[0], 'count')} entries were read."
            self.limits = (Limit(id=MANY, text=text),)
        elif kind == "ran":
            self.facts.append((number, _trace(*rest)))
        elif kind == "run":
            self.facts.append((number, _run_key(*rest)))
        elif kind == "startup":
            self.facts.append((number, _startup(*rest)))
        else:
            self.facts.append((number, _task(*rest)))


def _run_key(user: str, key: str, name: str, command: str) -> Service:
    return Service(
        name=name,
        manager=ServiceManager.RUN_KEY,
        start=StartMode.AUTOMATIC,
        command=command or None,
        file=key,
        user=user or None,
    )


def _startup(user: str, folder: str, name: str) -> Service:
    if not name:
        message = "a file without a name"
        raise ValueError(message)
    return Service(
        name=name,
        manager=ServiceManager.AUTOSTART,
        start=StartMode.AUTOMATIC,
        # Of a link only its name is told; what is none is started itself.
        command=None if name.lower().endswith((".lnk", ".url")) else f'"{folder}\\{name}"',
        file=f"{folder}\\{name}",
        user=user or None,
    )


def _task(folder: str, name: str, state: str, user: str, kind: str, what: str, arguments: str) -> Service:
    if state not in _TASK_STATES or kind not in _TASK_KINDS or not name:
        message = f"unknown state {state[:20]!r} or action {kind[:20]!r} of a task"
        raise ValueError(message)
    said, start = _TASK_STATES[state]
    program = f'"{what}"' if " " in what and not what.startswith('"') else what
    return Service(
        name=name,
        manager=ServiceManager.SCHEDULED_TASK,
        start=start,
        is_running=None if state == "0" else state == "4",
        state=said,
        description=f"class {what}" if kind == "class" else "",
        command=f"{program} {arguments}".strip() if kind == "program" else None,
        file=f"{folder}{name}",
        user=user or None,
    )


def _trace(user: str, time: str, path: str) -> ProgramTrace:
    if len(time) != _DIGITS or not _HEX.issuperset(time) or not path:
        message = f"{time[:20]!r} is no time of a program"
        raise ValueError(message)
    try:
        when = _EPOCH + timedelta(microseconds=int(time, 16) // 10)
    except OverflowError:
        when = _LATEST
    if when >= _LATEST:
        message = f"{time} is a time that is none"
        raise ValueError(message)
    return ProgramTrace(path=path, when=when.replace(microsecond=0), user=user, record="bam")


def _parse(text: str) -> Parsed:
    """Read one entry, task or trace a row."""
    reader = _Reader()
    strange: list[Unread] = []
    take_lines(text, reader.take, strange)
    left = [part for part in _PARTS if part not in reader.asked]
    missing = f"not asked to the end: {', '.join(left)}" if left else None
    return Parsed(facts=tuple(reader.facts), unread=tuple(strange), partial=missing, limits=reader.limits)


PLUGIN = Collector(
    id="services.traces",
    facts=(Service, ProgramTrace),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator; see that `Get-ScheduledTask` answers.",
)
