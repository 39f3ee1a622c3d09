"""Events of Linux: records of auditd joined to events, rows of ``ausearch --format csv``, entries of the journal.

Fields of auditd are those of the audit project's field dictionary; of the journal those of systemd.journal-fields(7).
"""

import html
import ipaddress
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from auditor.ingest.events.fields import instant, text
from auditor.ingest.events.windows import windows_event
from auditor.model.device_event import DeviceEvent, EventKind, RefusedRecord
from auditor.model.host import OsFamily
from auditor.model.outside import Side

_LINE = re.compile(r"(?:node=(\S{1,256}) )?type=([A-Z_0-9]{1,40}) msg=audit\(((\d{1,11})\.(\d{1,3}):\d{1,20})\): ?(.*)")
_FIELD = re.compile(r'([A-Za-z0-9_]{1,40})=("[^"]*"|\'[^\']*\'|\S*)')
_HEX = re.compile(r"(?:[0-9A-F]{2})+")
_BETWEEN = ("----", "time->")
_OPEN = 256
"""Events whose records may be mixed with each other."""
_REMEMBERED = 20_000
"""Processes whose program is remembered, so that a later one's parent has a name."""
_ARGUMENTS = 64
_LOOKED_AT = frozenset(("EXECVE", "SYSCALL", "SOCKADDR", "PROCTITLE"))
_READ = ("exe", "syscall", "SYSCALL", "UID", "uid", "ppid", "pid")
"""Fields of a record of a system call that are read."""
_INET, _INET6 = "02", "0A"
_CONNECTS = frozenset({"connect", "42", "203", "362", "283", "98"})
"""``connect`` by name, and by number on x86-64, AArch64, i386, ARM and RISC-V's and others' generic tables."""
_MICROSECONDS = 1_000_000


@dataclass(slots=True, kw_only=True)
class _Joined:
    """The records of one event."""

    node: str
    at: datetime
    is_start: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    arguments: dict[int, str] = field(default_factory=dict)
    saddr: str = ""
    title: str = ""


def auditd_events(
    lines: Iterator[tuple[int, str | RefusedRecord]], device: str
) -> Iterator[tuple[int, DeviceEvent | RefusedRecord | None]]:
    """Yield what records of auditd say, joined by node, instant and serial; ``device`` is whose they are without node.

    An event is of no kind that is read where it is neither a program's start nor a connection: None.
    """
    going: OrderedDict[tuple[str, str], tuple[int, _Joined]] = OrderedDict()
    programs: OrderedDict[tuple[str, str], tuple[str, str]] = OrderedDict()
    for number, said in lines:
        if isinstance(said, RefusedRecord):
            yield number, said
            continue
        line = said.strip()
        found = _LINE.fullmatch(line)
        if found is None:
            yield from _strange(number, line)
            continue
        node, kind, stamp, seconds, part, rest = found.groups()
        key = (node or device, stamp)
        if kind == "EOE":
            if key in going:
                yield _told(*going.pop(key), programs)
            continue
        joined = going.get(key)
        if joined is None:
            at = datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(part.ljust(3, "0")) * 1000)
            joined = going[key] = (number, _Joined(node=key[0], at=at))
            if len(going) > _OPEN:
                yield _told(*going.popitem(last=False)[1], programs)
        if kind in _LOOKED_AT:
            _join(joined[1], kind, rest)
    for one in going.values():
        yield _told(*one, programs)


def _strange(number: int, line: str) -> Iterator[tuple[int, RefusedRecord]]:
    """Refuse a line that is no record, unless it is one that stands between events."""
    if line and not line.startswith(_BETWEEN):
        yield number, RefusedRecord(number=number, reason="is no record of auditd as `ausearch --raw` prints it")


def _join(joined: _Joined, kind: str, rest: str) -> None:
    if kind == "PROCTITLE":
        if not joined.arguments:
            joined.title = _plain(rest.partition("proctitle=")[2].partition("\x1d")[0])
        return
    said: dict[str, str] = dict(_FIELD.findall(rest.replace("\x1d", " ")))
    if kind == "EXECVE":
        joined.is_start = True
        for name, value in said.items():
            if name[:1] == "a" and name[1:].isdigit() and len(joined.arguments) < _ARGUMENTS:
                joined.arguments[int(name[1:])] = _plain(value)
    elif kind == "SYSCALL":
        joined.fields |= {name: _plain(said[name]) for name in _READ if name in said}
    else:
        joined.saddr = _plain(said.get("saddr", ""))


def _plain(value: str) -> str:
    """Return a value as it was: in quotes, or in hexadecimal where it holds what would part it."""
    if value[:1] in ("'", '"'):
        return value[1:-1]
    if len(value) > 2 and _HEX.fullmatch(value) and not value.isdigit():  # noqa: PLR2004 — a number is no name
        return value if value.startswith((_INET, _INET6)) else bytes.fromhex(value).decode("utf-8", "replace")
    return value


def _told(
    number: int, joined: _Joined, programs: OrderedDict[tuple[str, str], tuple[str, str]]
) -> tuple[int, DeviceEvent | RefusedRecord | None]:
    said = joined.fields
    image = said.get("exe", "").strip("()")
    is_start = joined.is_start
    far = _far_end(joined.saddr) if said.get("syscall") in _CONNECTS or said.get("SYSCALL") == "connect" else None
    if not is_start and far is None:
        return number, None
    if not image or image == "null":
        return number, RefusedRecord(number=number, reason="its records name no program (exe)")
    command = " ".join(one for _, one in sorted(joined.arguments.items()))
    command = command or joined.title.replace("\0", " ")
    parent = programs.get((joined.node, said.get("ppid", "")), ("", ""))
    if is_start:
        programs[(joined.node, said.get("pid", ""))] = (image, command)
        if len(programs) > _REMEMBERED:
            programs.popitem(last=False)
    common: dict[str, Any] = {
        "system": OsFamily.LINUX,
        "device": joined.node,
        "at": joined.at,
        "image": image,
        "command": command,
        "user": said.get("UID") or said.get("uid", ""),
        "parent": parent[0],
        "parent_command": parent[1],
    }
    if is_start:
        return number, DeviceEvent(source="auditd_execve", kind=EventKind.PROCESS, **common)
    address, port = far or ("", 0)
    event = DeviceEvent(
        source="auditd_connect",
        kind=EventKind.CONNECTION,
        side=Side.CONNECTS,
        address=address,
        port=port or None,
        **common,
    )
    return number, event


def _far_end(saddr: str) -> tuple[str, int] | None:
    """Return address and port of a socket address of the kernel's in hexadecimal; None for one of another family."""
    try:
        data = bytes.fromhex(saddr)
    except ValueError:
        return None
    if saddr.startswith(_INET) and len(data) >= 8:  # noqa: PLR2004 — struct sockaddr_in to its address
        return str(ipaddress.IPv4Address(data[4:8])), int.from_bytes(data[2:4])
    if saddr.startswith(_INET6) and len(data) >= 24:  # noqa: PLR2004 — struct sockaddr_in6 to its address
        address = ipaddress.IPv6Address(data[8:24])
        return str(address.ipv4_mapped or address), int.from_bytes(data[2:4])
    return None


def is_ausearch(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is a row of ``ausearch --format csv``."""
    return {"NODE", "EVENT", "SERIAL_NUM", "ACTION"} <= record.keys()


def ausearch_event(record: Mapping[str, Any], device: str) -> DeviceEvent | None:
    """Read a row; None for one that starts no program. Its times have no zone: UTC is taken."""
    if text(record, "ACTION") not in ("executed", "ran-command", "ran command"):
        return None
    image = text(record, "OBJ_PRIME") or text(record, "HOW")
    if not image:
        raise ValueError("names no program (OBJ_PRIME)")
    return DeviceEvent(
        source="ausearch_csv",
        kind=EventKind.PROCESS,
        system=OsFamily.LINUX,
        device=text(record, "NODE") or device,
        at=instant(f"{text(record, 'DATE')} {text(record, 'TIME')}", "DATE and TIME"),
        image=image,
        user=text(record, "SUBJ_PRIME"),
        parent=text(record, "HOW") if text(record, "OBJ_PRIME") else "",
    )


# ---- the journal


_SYSTEM = {
    "EventID": re.compile(r"<EventID>(\d{1,5})</EventID>"),
    "Computer": re.compile(r"<Computer>([^<]{0,300})</Computer>"),
    "SystemTime": re.compile(r'<TimeCreated SystemTime="([^"]{0,60})"'),
}
_DATA = re.compile(r'<Data Name="([^"]{1,60})">([^<]*)</Data>')


def is_journal(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is an entry of the journal."""
    return "__REALTIME_TIMESTAMP" in record


def journal_event(record: Mapping[str, Any], device: str) -> DeviceEvent | None:
    """Read an entry: that a program wrote it shows that it ran; Sysmon for Linux writes its events there.

    None for an entry of the kernel, or of Sysmon's of a kind that is not read.
    """
    said = text(record, "SYSLOG_IDENTIFIER")
    message = record.get("MESSAGE")
    if said == "sysmon" and isinstance(message, str) and message.lstrip().startswith("<Event>"):
        return windows_event(_sysmon(message))
    image = text(record, "_EXE") or text(record, "_COMM")
    if not image or text(record, "_TRANSPORT") == "kernel":
        return None
    stamp = text(record, "__REALTIME_TIMESTAMP")
    if not stamp.isascii() or not stamp.isdigit():
        raise ValueError(f"__REALTIME_TIMESTAMP {stamp[:20]!r} is no number")
    return DeviceEvent(
        source="journald",
        kind=EventKind.PROCESS,
        system=OsFamily.LINUX,
        device=text(record, "_HOSTNAME") or device,
        at=instant(int(stamp) / _MICROSECONDS, "__REALTIME_TIMESTAMP"),
        image=image,
        command=text(record, "_CMDLINE"),
        user=text(record, "_UID"),
        service=text(record, "_SYSTEMD_UNIT"),
    )


def _sysmon(message: str) -> dict[str, Any]:
    """Read the few elements that an event of Sysmon for Linux has: no parser of XML, so no entity of anybody's."""
    found = {name: pattern.search(message) for name, pattern in _SYSTEM.items()}
    told = {name: html.unescape(one[1]) for name, one in found.items() if one is not None}
    if len(told) != len(_SYSTEM):
        raise ValueError("is no event of Sysmon for Linux: EventID, Computer or TimeCreated is not there")
    system = {
        "Provider": {"#attributes": {"Name": "Linux-Sysmon"}},
        "EventID": told["EventID"],
        "Computer": told["Computer"],
        "TimeCreated": {"#attributes": {"SystemTime": told["SystemTime"]}},
    }
    return {
        "Event": {"System": system, "EventData": {name: html.unescape(one) for name, one in _DATA.findall(message)}}
    }
