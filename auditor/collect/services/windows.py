r"""Services of Windows, with the command each runs: what starts with the machine, and what runs now."""

from auditor.collect.collector import Collector, fields, number_of, parse_lines
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import replace

_WINDOWS = r"""
$wanted = @('Name', 'DisplayName', 'StartMode', 'State', 'PathName', 'StartName', 'ProcessId')
foreach ($service in @(Get-CimInstance -ClassName Win32_Service -Property $wanted)) {
    Row $service.Name $service.StartMode $service.State $service.ProcessId $service.StartName $service.DisplayName `
        $service.PathName
}
"""

_FIELDS = 7
# Win32_Service.StartMode and .State (learn.microsoft.com, cimwin32prov): English on every host.
_STARTS = {
    "Boot": StartMode.AUTOMATIC,
    "System": StartMode.AUTOMATIC,
    "Auto": StartMode.AUTOMATIC,
    "Manual": StartMode.MANUAL,
    "Disabled": StartMode.DISABLED,
    "Unknown": StartMode.UNKNOWN,
    "": StartMode.UNKNOWN,
}
_STATES = {
    "Stopped": False,
    "Start Pending": True,
    "Stop Pending": True,
    "Running": True,
    "Continue Pending": True,
    "Pause Pending": True,
    "Paused": True,
    "Unknown": None,
    "": None,
}


def _read(line: str) -> Service:
    name, start, state, pid, account, display, command = fields(line, _FIELDS)
    if not name:
        message = "a service without a name"
        raise ValueError(message)
    if start not in _STARTS or state not in _STATES:
        message = f"unknown start {start[:20]!r} or state {state[:20]!r}"
        raise ValueError(message)
    return Service(
        name=name,
        manager=ServiceManager.WINDOWS_SERVICE,
        start=_STARTS[start],
        is_running=_STATES[state],
        state=state,
        description=display,
        command=command or None,
        user=account or None,
        pid=(number_of(pid, "process") or None) if pid else None,
    )


def _parse(text: str) -> Parsed:
    parsed = parse_lines(text, _read)
    return parsed if parsed.facts else replace(parsed, partial="no service is listed, and no Windows is without")


PLUGIN = Collector(
    id="services.windows",
    facts=(Service,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Audit the host as an administrator; see that WMI answers: `Get-CimInstance Win32_Service`.",
)
