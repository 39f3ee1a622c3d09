"""Rows of Microsoft Defender's DeviceProcessEvents and DeviceNetworkEvents, as advanced hunting exports them."""

from collections.abc import Mapping
from typing import Any

from auditor.ingest.events.fields import instant, port, text, value
from auditor.model.device_event import DeviceEvent, EventKind
from auditor.model.host import OsFamily
from auditor.model.outside import Side

_TIMES = ("Timestamp", "TimeGenerated", "Timestamp [UTC]", "TimeGenerated [UTC]")
_TIME_NAMES = frozenset(_TIMES)
_INBOUND = ("InboundConnectionAccepted", "InboundConnectionAttempt")


def is_defender(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is a row of one of the two tables."""
    return "DeviceName" in record and not _TIME_NAMES.isdisjoint(record)


def defender_event(record: Mapping[str, Any]) -> DeviceEvent | None:
    """Read a row; None for one of another table. ValueError says what is wrong with it."""
    if "RemoteUrl" in record or "RemoteIP" in record:
        return _connected(record)
    return _started(record) if "ProcessCommandLine" in record or "FolderPath" in record else None


def _when_and_whose(record: Mapping[str, Any]) -> dict[str, Any]:
    device = text(record, "DeviceName", "DeviceId")
    if not device:
        raise ValueError("names no device")
    said = next(value(record, name) for name in _TIMES if name in record)
    return {"device": device, "at": instant(said, "its Timestamp")}


def _started(record: Mapping[str, Any]) -> DeviceEvent:
    program = text(record, "FolderPath", "FileName")
    if not program:
        raise ValueError("names no FileName")
    return DeviceEvent(
        source="defender_process",
        kind=EventKind.PROCESS,
        system=_system(program),
        **_when_and_whose(record),
        image=_with_name(program, text(record, "FileName")),
        command=text(record, "ProcessCommandLine"),
        original=text(record, "ProcessVersionInfoOriginalFileName"),
        company=text(record, "ProcessVersionInfoCompanyName"),
        product_name=text(record, "ProcessVersionInfoProductName"),
        user=text(record, "AccountName"),
        parent=text(record, "InitiatingProcessFolderPath", "InitiatingProcessFileName"),
        parent_command=text(record, "InitiatingProcessCommandLine"),
    )


def _connected(record: Mapping[str, Any]) -> DeviceEvent:
    by = "InitiatingProcess"
    program = text(record, f"{by}FolderPath", f"{by}FileName")
    came = text(record, "ActionType") in _INBOUND
    said = text(record, "Protocol").lower()
    return DeviceEvent(
        source="defender_network",
        kind=EventKind.CONNECTION,
        system=_system(program),
        **_when_and_whose(record),
        image=_with_name(program, text(record, f"{by}FileName")),
        command=text(record, f"{by}CommandLine"),
        original=text(record, f"{by}VersionInfoOriginalFileName"),
        company=text(record, f"{by}VersionInfoCompanyName"),
        product_name=text(record, f"{by}VersionInfoProductName"),
        user=text(record, f"{by}AccountName"),
        parent=text(record, f"{by}ParentFileName"),
        side=Side.LISTENS if came else Side.CONNECTS,
        domain=text(record, "RemoteUrl"),
        address=text(record, "RemoteIP"),
        port=port(text(record, "LocalPort" if came else "RemotePort"), "port"),
        protocol=next((name for name in ("tcp", "udp") if said.startswith(name)), said),
    )


def _with_name(path: str, name: str) -> str:
    """Return the path of a program: a folder that does not end in its name is put before it."""
    if not name or path.lower().endswith(name.lower()):
        return path
    return f"{path.rstrip(chr(92) + '/')}{'/' if path.startswith('/') else chr(92)}{name}"


def _system(path: str) -> OsFamily | None:
    """Return the system where a path tells it: a row has no column for it."""
    return OsFamily.WINDOWS if "\\" in path else None
