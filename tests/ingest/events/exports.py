"""One set of events as each tool would export it. All of it is made here, after the makers' documentation."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zstandard

from auditor.ingest.events.windows import _PROPERTIES
from tests.ingest.events.evtx_writer import event, write_evtx

Row = dict[str, Any]
AT = datetime(2026, 11, 20, 8, 15, 30, 101000, tzinfo=UTC)
SYSMON, SECURITY, SERVICES = (
    "Microsoft-Windows-Sysmon",
    "Microsoft-Windows-Security-Auditing",
    "Service Control Manager",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One event as Windows logs it."""

    provider: str
    number: int
    data: Mapping[str, str]
    computer: str = "PC-17.corp.example"


STARTED = Logged(
    provider=SYSMON,
    number=1,
    data={
        "RuleName": "-",
        "UtcTime": "2026-11-20 08:15:30.101",
        "Image": "C:\\Users\\ada\\Downloads\\TeamViewer.exe",
        "Product": "TeamViewer",
        "Company": "TeamViewer Germany GmbH",
        "OriginalFileName": "TeamViewer.exe",
        "CommandLine": '"C:\\Users\\ada\\Downloads\\TeamViewer.exe" --sendto, "é"',
        "User": "CORP\\ada",
        "ParentImage": "C:\\Windows\\explorer.exe",
        "ParentCommandLine": "C:\\Windows\\explorer.exe",
    },
)
CONNECTED = Logged(
    provider=SYSMON,
    number=3,
    data={
        "UtcTime": "2026-11-20 08:15:30.101",
        "Image": "C:\\Windows\\Temp\\renamed.exe",
        "User": "CORP\\ada",
        "Protocol": "tcp",
        "Initiated": "true",
        "SourceIp": "10.0.0.17",
        "SourcePort": "50123",
        "DestinationIp": "203.0.113.9",
        "DestinationHostname": "router7.teamviewer.com",
        "DestinationPort": "5938",
    },
)
ASKED = Logged(
    provider=SYSMON,
    number=22,
    data={
        "UtcTime": "2026-11-20 08:15:30.101",
        "QueryName": "relay-1.net.anydesk.com",
        "QueryStatus": "0",
        "QueryResults": "203.0.113.7;",
        "Image": "C:\\Windows\\System32\\svchost.exe",
    },
)
LOADED = Logged(
    provider=SYSMON,
    number=7,
    data={
        "UtcTime": "2026-11-20 08:15:30.101",
        "Image": "C:\\Users\\ada\\x.exe",
        "ImageLoaded": "C:\\Users\\ada\\x.exe",
        "Signed": "true",
        "Signature": "Projector.is, Inc.",
        "SignatureStatus": "Valid",
    },
)
CREATED = Logged(
    provider=SECURITY,
    number=4688,
    data={
        "SubjectUserSid": "S-1-5-18",
        "SubjectUserName": "PC-17$",
        "SubjectDomainName": "CORP",
        "NewProcessName": "C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe",
        "CommandLine": '"C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe" --service',
        "TargetUserName": "-",
        "ParentProcessName": "C:\\Windows\\System32\\services.exe",
    },
)
PERMITTED = Logged(
    provider=SECURITY,
    number=5156,
    data={
        "ProcessID": "4711",
        "Application": "\\device\\harddiskvolume3\\program files (x86)\\anydesk\\anydesk.exe",
        "Direction": "%%14593",
        "SourceAddress": "10.0.0.17",
        "SourcePort": "50124",
        "DestAddress": "203.0.113.7",
        "DestPort": "7070",
        "Protocol": "6",
    },
)
INSTALLED = Logged(
    provider=SERVICES,
    number=7045,
    data={
        "ServiceName": "AnyDesk",
        "ImagePath": '"C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe" --service',
        "ServiceType": "user mode service",
        "StartType": "auto start",
        "AccountName": "LocalSystem",
    },
)
ALL = (STARTED, CONNECTED, ASKED, LOADED, CREATED, PERMITTED, INSTALLED)


def winlogbeat(one: Logged) -> Row:
    return {
        "@timestamp": "2026-11-20T08:15:30.101Z",
        "host": {"name": "pc-17"},
        "winlog": {
            "provider_name": one.provider,
            "event_id": str(one.number),
            "computer_name": one.computer,
            "event_data": dict(one.data),
        },
    }


def dotted(one: Logged) -> Row:
    """Return the same as Kibana exports it to CSV."""
    row = {
        "@timestamp": "2026-11-20T08:15:30.101Z",
        "winlog.provider_name": one.provider,
        "winlog.event_id": str(one.number),
        "winlog.computer_name": one.computer,
    }
    return row | {f"winlog.event_data.{name}": value for name, value in one.data.items()}


def get_winevent(one: Logged) -> Row:
    """Return it as ``Get-WinEvent | ConvertTo-Json`` of Windows PowerShell writes it, which gives values no names."""
    names = _PROPERTIES[(one.provider.lower(), one.number)]
    return {
        "Message": "...",
        "Id": one.number,
        "ProviderName": one.provider,
        "MachineName": one.computer,
        "TimeCreated": f"/Date({round(AT.timestamp() * 1000)})/",
        "Properties": [{"Value": one.data.get(name, "-")} for name in names],
    }


def splunk(one: Logged) -> Row:
    source = {
        SYSMON: f"WinEventLog:{SYSMON}/Operational",
        SECURITY: "WinEventLog:Security",
        SERVICES: "WinEventLog:System",
    }
    common = {"_time": "2026-11-20T08:15:30.101+00:00", "host": "pc-17", "ComputerName": one.computer}
    return common | {"EventCode": str(one.number), "source": source[one.provider]} | dict(one.data)


def write_lines(file: Path, rows: Sequence[Row]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_array(file: Path, rows: Sequence[Row]) -> None:
    """Write an array as PowerShell does: indented, UTF-16 with a mark, lines ended as Windows ends them."""
    file.write_bytes(json.dumps(rows, indent=4).replace("\n", "\r\n").encode("utf-16"))


def write_csv(file: Path, rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    file.write_text(text.getvalue(), encoding="utf-8-sig", newline="")


def write_all(folder: Path, events: Sequence[Logged] = ALL) -> dict[str, Path]:
    """Write the events in every form and return the files by what each is."""
    made = {
        name: folder / name for name in ("a.evtx", "b.jsonl", "c.json", "d.csv", "e.json", "f.jsonl.gz", "g.jsonl.zst")
    }
    write_evtx(made["a.evtx"], [(AT, event(one.provider, one.number, one.computer, AT, one.data)) for one in events])
    write_lines(made["b.jsonl"], [winlogbeat(one) for one in events])
    write_array(made["c.json"], [get_winevent(one) for one in events])
    write_csv(made["d.csv"], [dotted(one) for one in events])
    write_lines(made["e.json"], [{"preview": False, "result": splunk(one)} for one in events])
    text = "".join(json.dumps(winlogbeat(one)) + "\n" for one in events).encode()
    made["f.jsonl.gz"].write_bytes(gzip.compress(text))
    made["g.jsonl.zst"].write_bytes(zstandard.compress(text))
    return made
