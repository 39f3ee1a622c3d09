"""Events of Windows and of Sysmon: by names of fields, however the record was exported.

Fields of Sysmon are those of its schema (learn.microsoft.com/sysinternals/downloads/sysmon), those of 4688, 5156 and
7045 of Microsoft's reference of security auditing and of the Service Control Manager.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from auditor.ingest.events.fields import instant, port, text, value
from auditor.model.device_event import DeviceEvent, EventKind
from auditor.model.host import OsFamily
from auditor.model.outside import Side

Data = Mapping[str, Any]

_SYSMON, _SECURITY, _SERVICES = (
    "microsoft-windows-sysmon",
    "microsoft-windows-security-auditing",
    "service control manager",
)
_PROTOCOLS = {"6": "tcp", "17": "udp"}
_OUTBOUND = ("%%14593", "outbound")
_INBOUND = ("%%14592", "inbound")
_CHANNELS = {"microsoft-windows-sysmon/operational": _SYSMON, "security": _SECURITY, "system": _SERVICES}
_NAMES = frozenset(("winlog", "winlog.event_id", "EventCode", "EventID"))
"""Members that only events of Windows have."""
_EVERY = ("RuleName", "UtcTime", "ProcessGuid", "ProcessId")
_PROPERTIES: dict[tuple[str, int], tuple[str, ...]] = {
    (_SYSMON, 1): (
        *_EVERY, "Image", "FileVersion", "Description", "Product", "Company", "OriginalFileName", "CommandLine",
        "CurrentDirectory", "User", "LogonGuid", "LogonId", "TerminalSessionId", "IntegrityLevel", "Hashes",
        "ParentProcessGuid", "ParentProcessId", "ParentImage", "ParentCommandLine", "ParentUser",
    ),
    (_SYSMON, 3): (
        *_EVERY, "Image", "User", "Protocol", "Initiated", "SourceIsIpv6", "SourceIp", "SourceHostname", "SourcePort",
        "SourcePortName", "DestinationIsIpv6", "DestinationIp", "DestinationHostname", "DestinationPort",
        "DestinationPortName",
    ),
    (_SYSMON, 7): (
        *_EVERY, "Image", "ImageLoaded", "FileVersion", "Description", "Product", "Company", "OriginalFileName",
        "Hashes", "Signed", "Signature", "SignatureStatus", "User",
    ),
    (_SYSMON, 22): (*_EVERY, "QueryName", "QueryStatus", "QueryResults", "Image", "User"),
    (_SECURITY, 4688): (
        "SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId", "NewProcessId", "NewProcessName",
        "TokenElevationType", "ProcessId", "CommandLine", "TargetUserSid", "TargetUserName", "TargetDomainName",
        "TargetLogonId", "ParentProcessName", "MandatoryLabel",
    ),
    (_SECURITY, 5156): (
        "ProcessID", "Application", "Direction", "SourceAddress", "SourcePort", "DestAddress", "DestPort", "Protocol",
    ),
    (_SERVICES, 7045): ("ServiceName", "ImagePath", "ServiceType", "StartType", "AccountName"),
}  # fmt: skip
"""Fields in the order in which ``Get-WinEvent`` gives their values without names."""
_OPTIONAL = {"ParentUser": 1, "User": 1, "MandatoryLabel": 1}
"""Fields at the end that earlier versions do not have."""


def windows_event(record: Data) -> DeviceEvent | None:
    """Read a record; None for one that is of no kind that is read. ValueError says what is wrong with it."""
    head = _head(record)
    if head is None:
        return None
    provider, number, computer, at, data = head
    read = _READ.get((provider, number))
    if read is None:
        return None
    found = read(data, computer, at)
    if not found.device:
        raise ValueError("names no device")
    return found


def is_windows(record: Data) -> bool:
    """Tell whether a record has the shape of one of Windows' events, of whatever kind."""
    return (
        not _NAMES.isdisjoint(record)
        or isinstance(record.get("Event"), dict)
        or ("ProviderName" in record and "Id" in record)
    )


def _head(record: Data) -> tuple[str, int, str, Any, Data] | None:
    """Return provider, number, device, instant and fields."""
    found = _head_of(record)
    if found is None:
        return None
    provider, said, computer, at, data = found
    provider = _CHANNELS.get(provider.lower(), provider.lower())
    provider = _SYSMON if provider.endswith(("sysmon/operational", "linux-sysmon")) else provider
    if not said.isascii() or not said.isdigit():
        raise ValueError(f"event id {said[:20]!r} is no number")
    number = int(said)
    if isinstance(data, list):
        if (provider, number) not in _PROPERTIES:
            return None
        data = _named(data, provider, number, text(record, "Message"))
    return provider, number, computer, at, data if isinstance(data, dict) else {}


def _head_of(record: Data) -> tuple[str, str, str, Any, Any] | None:
    if "Event" in record and isinstance(value(record, "Event.System"), dict):  # EVTX
        system = "Event.System"
        number = text(record, f"{system}.EventID", f"{system}.EventID.#text")
        computer, at = text(record, f"{system}.Computer"), value(record, f"{system}.TimeCreated.#attributes.SystemTime")
        data = value(record, "Event.EventData") or value(record, "Event.UserData") or {}
        return text(record, f"{system}.Provider.#attributes.Name", f"{system}.Channel"), number, computer, at, data
    winlog = record.get("winlog")
    if isinstance(winlog, dict) and isinstance(winlog.get("event_data"), dict):  # winlogbeat, ECS, as it is mostly
        computer = text(winlog, "computer_name") or text(record, "host.name", "agent.hostname")
        at, number = record.get("@timestamp"), text(winlog, "event_id")
        if number:
            return text(winlog, "provider_name", "channel"), number, computer, at, winlog["event_data"]
    if value(record, "winlog.event_id") is not None:  # winlogbeat, ECS
        computer = text(record, "winlog.computer_name", "host.name", "agent.hostname")
        data = value(record, "winlog.event_data")
        if not isinstance(data, dict):
            start = "winlog.event_data."
            data = {name.removeprefix(start): one for name, one in record.items() if name.startswith(start)}
        provider = text(record, "winlog.provider_name", "winlog.channel")
        return provider, text(record, "winlog.event_id"), computer, value(record, "@timestamp"), data
    if "ProviderName" in record and "Id" in record:  # Get-WinEvent
        computer, at = text(record, "MachineName"), record.get("TimeCreated")
        return text(record, "ProviderName"), text(record, "Id"), computer, at, record.get("Properties", [])
    if "EventCode" in record or "EventID" in record:  # Splunk, and flat exports of others
        provider = text(record, "SourceName", "Channel", "Provider", "LogName", "source", "sourcetype").lower()
        provider = "microsoft-windows-sysmon/operational" if "sysmon" in provider else provider
        provider = provider.removeprefix("xmlwineventlog:").removeprefix("wineventlog:")
        computer = text(record, "ComputerName", "Computer", "host", "dvc", "Hostname")
        at = record.get("_time") or record.get("UtcTime") or record.get("TimeGenerated") or record.get("TimeCreated")
        return provider, text(record, "EventCode", "EventID"), computer, at, record
    return None


def _named(values: list[Any], provider: str, number: int, message: str) -> Data:
    """Put names to the values that ``Get-WinEvent`` gives in their order."""
    said = [one.get("Value") if isinstance(one, Mapping) else one for one in values]
    names = _PROPERTIES[(provider, number)]
    if provider == _SYSMON and message:
        # Sysmon's text is in English and names its fields; which ones there are depends on its version.
        pairs = (line.partition(": ") for line in message.splitlines())
        found = {name.strip(): rest.strip() for name, colon, rest in pairs if colon}
        if "UtcTime" in found:
            return found
    least = len(names) - _OPTIONAL.get(names[-1], 0)
    if len(said) < least:
        raise ValueError(f"has {len(said)} properties where its kind has {least}: which is which is not known")
    return dict(zip(names, said, strict=False))


def _user(data: Data) -> str:
    """Return whom a process of 4688 runs as: the one it was started for, where that is another."""
    for name, domain in (("TargetUserName", "TargetDomainName"), ("SubjectUserName", "SubjectDomainName")):
        if user := text(data, name):
            return f"{text(data, domain)}\\{user}".removeprefix("\\")
    return ""


def _system(image: str) -> OsFamily:
    return OsFamily.LINUX if "/" in image and "\\" not in image else OsFamily.WINDOWS


def _started(data: Data, computer: str, at: Any) -> DeviceEvent:  # noqa: ANN401 — whatever JSON holds
    image = text(data, "Image")
    if not image:
        raise ValueError("names no Image")
    return DeviceEvent(
        source="sysmon_1",
        kind=EventKind.PROCESS,
        system=_system(image),
        device=computer,
        at=_when(data, at),
        image=image,
        command=text(data, "CommandLine"),
        original=text(data, "OriginalFileName"),
        company=text(data, "Company"),
        product_name=text(data, "Product"),
        user=text(data, "User"),
        parent=text(data, "ParentImage"),
        parent_command=text(data, "ParentCommandLine"),
        task=text(data, "TaskName"),
    )


def _connected(data: Data, computer: str, at: Any) -> DeviceEvent:  # noqa: ANN401 — whatever JSON holds
    image = text(data, "Image")
    began = text(data, "Initiated").lower() != "false"
    # Source is who began the connection; of one that came in, the device is the destination.
    far = "Destination" if began else "Source"
    return DeviceEvent(
        source="sysmon_3",
        kind=EventKind.CONNECTION,
        system=_system(image),
        device=computer,
        at=_when(data, at),
        image=image,
        user=text(data, "User"),
        parent=text(data, "ParentImage"),
        command=text(data, "CommandLine"),
        side=Side.CONNECTS if began else Side.LISTENS,
        domain=text(data, f"{far}Hostname"),
        address=text(data, f"{far}Ip"),
        port=port(text(data, "DestinationPort"), "DestinationPort"),
        protocol=text(data, "Protocol").lower(),
    )


def _loaded(data: Data, computer: str, at: Any) -> DeviceEvent:  # noqa: ANN401 — whatever JSON holds
    is_valid = text(data, "Signed").lower() != "false" and text(data, "SignatureStatus").lower() in ("", "valid")
    return DeviceEvent(
        source="sysmon_7",
        kind=EventKind.IMAGE,
        system=OsFamily.WINDOWS,
        device=computer,
        at=_when(data, at),
        image=text(data, "ImageLoaded", "Image"),
        signer=text(data, "Signature") if is_valid else "",
        user=text(data, "User"),
    )


def _asked(data: Data, computer: str, at: Any) -> DeviceEvent:  # noqa: ANN401 — whatever JSON holds
    name = text(data, "QueryName")
    if not name:
        raise ValueError("names no QueryName")
    return DeviceEvent(
        source="sysmon_22",
        kind=EventKind.QUESTION,
        system=OsFamily.WINDOWS,
        device=computer,
        at=_when(data, at),
        image=text(data, "Image"),
        user=text(data, "User"),
        domain=name,
    )


def _created(data: Data, computer: str, at: Any) -> DeviceEvent:  # noqa: ANN401 — whatever JSON holds
    image = text(data, "NewProcessName", "New_Process_Name")
    if not image:
        raise ValueError("names no NewProcessName")
    return DeviceEvent(
        source="security_4688",
        kind=EventKind.PROCESS,
        system=OsFamily.WINDOWS,
        device=computer,
        at=instant(at, "its instant"),
        image=image,
        command=text(data, "CommandLine", "Process_Command_Line", "ProcessCommandLine"),
        user=_user(data) or text(data, "user", "Account_Name"),
        parent=text(data, "ParentProcessName", "Creator_Process_Name"),
    )


def _permitted(data: Data, computer: str, at: Any) -> DeviceEvent:  # noqa: ANN401 — whatever JSON holds
    direction = text(data, "Direction").lower()
    if direction not in (*_INBOUND, *_OUTBOUND):
        raise ValueError(f"direction {direction[:20]!r} is neither in nor out")
    went = direction in _OUTBOUND
    said = text(data, "Protocol")
    # Source is the device's own end, whoever began (Microsoft's reference of 5156).
    return DeviceEvent(
        source="security_5156",
        kind=EventKind.CONNECTION,
        system=OsFamily.WINDOWS,
        device=computer,
        at=instant(at, "its instant"),
        image=text(data, "Application", "Application_Name"),
        side=Side.CONNECTS if went else Side.LISTENS,
        address=text(data, "DestAddress", "Destination_Address"),
        port=port(text(data, "DestPort", "Destination_Port"), "DestPort")
        if went
        else port(text(data, "SourcePort", "Source_Port"), "SourcePort"),
        protocol=_PROTOCOLS.get(said, said),
    )


def _installed(data: Data, computer: str, at: Any) -> DeviceEvent:  # noqa: ANN401 — whatever JSON holds
    return DeviceEvent(
        source="system_7045",
        kind=EventKind.SERVICE,
        system=OsFamily.WINDOWS,
        device=computer,
        at=instant(at, "its instant"),
        service=text(data, "ServiceName", "Service_Name"),
        command=text(data, "ImagePath", "Service_File_Name"),
        user=text(data, "AccountName", "Service_Account"),
    )


def _when(data: Data, at: Any) -> datetime:  # noqa: ANN401 — whatever JSON holds
    return instant(text(data, "UtcTime") or at, "its instant")


_READ: dict[tuple[str, int], Callable[[Data, str, Any], DeviceEvent]] = {
    (_SYSMON, 1): _started,
    (_SYSMON, 3): _connected,
    (_SYSMON, 7): _loaded,
    (_SYSMON, 22): _asked,
    (_SECURITY, 4688): _created,
    (_SECURITY, 5156): _permitted,
    (_SERVICES, 7045): _installed,
}
