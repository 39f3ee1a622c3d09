r"""Processes of Windows: path, command line, owner, and who made the program as its file says.

The path and command line of another account's process are shown to administrators only; even they do not see those of
the protected ones that Windows itself runs, which is no gap.
"""

from auditor.collect.collector import Collector, fields, instant_of, lines_of, number_of, unread
from auditor.model.evidence import Unread
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_WINDOWS = r"""
$owners = @{}
$missed = @()
foreach ($process in @(Get-Process -IncludeUserName -ErrorAction SilentlyContinue -ErrorVariable missed)) {
    $owners[[string]$process.Id] = [string]$process.UserName
}
if ($owners.Count -eq 0) { Partial 'whose each process is, only an administrator sees' }
$wanted = @('ProcessId', 'ParentProcessId', 'Name', 'ExecutablePath', 'CommandLine', 'CreationDate')
$made = @{}
foreach ($process in @(Get-CimInstance -ClassName Win32_Process -Property $wanted)) {
    $path = [string]$process.ExecutablePath
    $maker = $null
    if ($path) {
        if (-not $made.ContainsKey($path)) {
            $made[$path] = (Get-Item -LiteralPath $path -ErrorAction SilentlyContinue).VersionInfo
        }
        $maker = $made[$path]
    }
    $began = ''
    if ($process.CreationDate) { $began = $process.CreationDate.ToUniversalTime().ToString('o') }
    Row $process.ProcessId $process.ParentProcessId $began $owners[[string]$process.ProcessId] $process.Name $path `
        $maker.CompanyName $maker.OriginalFilename $maker.ProductName $process.CommandLine
}
"""

_FIELDS = 10
# Without a program of their own: the idle process, the kernel, its registry and compressed memory.
_KERNEL = frozenset(("System Idle Process", "System", "Registry", "Memory Compression", "Secure System"))
_FEW = 3
"""Of the processes that are not the kernel's, one in so many may lack a path: as many are protected on no host."""


def _parse(text: str) -> Parsed:
    """Read one process a row; where most lack a path, an ordinary account looked."""
    facts: list[tuple[int, Process]] = []
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            facts.append((number, _read(line)))
        except ValueError as error:
            strange.append(unread(number, line, error))
    programs = [process for _, process in facts if not process.is_kernel]
    hidden = sum(process.executable is None for process in programs)
    partial = None
    if not facts:
        partial = "a host without processes does not answer"
    elif hidden * _FEW > len(programs):
        partial = f"the program of {hidden} of {len(programs)} processes is not shown to this account"
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=partial)


def _read(line: str) -> Process:
    pid, parent, began, user, name, path, company, original, product, arguments = fields(line, _FIELDS)
    if not name:
        message = "a process without a name"
        raise ValueError(message)
    return Process(
        pid=number_of(pid, "process"),
        parent=number_of(parent, "parent"),
        user=user,
        name=name,
        executable=path or None,
        is_kernel=not path and name in _KERNEL,
        arguments=arguments,
        started=_instant(began),
        company=company.strip() or None,
        original_name=original.strip() or None,
        product_name=product.strip() or None,
    )


def _instant(text: str) -> str:
    """Return a round-trip time of .NET (``o``) in UTC to the second; empty for none."""
    return f"{instant_of(text):%Y-%m-%dT%H:%M:%SZ}" if text else ""


PLUGIN = Collector(
    id="processes.windows",
    facts=(Process,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator: others do not see the programs of other accounts.",
)
