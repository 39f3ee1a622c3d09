# ruff: noqa: T201 — a command prints
"""What events cost: processor time a record and memory, each format against the goal.

Records are drawn by a fixed seed: of every hundred, two are of a product; programs come again as they do on devices,
command lines are mostly new. ``python -m tests.bench.events --records 1000000 --formats sysmon_json,auditd``.
"""

import argparse
import csv
import io
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bench.measure import measure

GOAL_MICROSECONDS, GOAL_MEMORY = 40.0, 300
_DIFFERENT = 40_000
"""Records that are drawn; they come again and again until there are enough."""
_PRODUCTS = ("TeamViewer", "AnyDesk")
_ON_LINUX = {"teamviewer": "/opt/teamviewer/tv_bin/teamviewerd", "anydesk": "/usr/bin/anydesk"}
_BEGIN = 1_795_162_530
Row = dict[str, Any]


def _drawn() -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield device, instant, program, words of its command line, and whether it is a connection."""
    dice = random.Random("events")  # noqa: S311 — a bench, no secret
    programs = [f"Vendor {place % 40}\\Tool{place}\\tool{place}" for place in range(400)]
    for place in range(_DIFFERENT):
        product = _PRODUCTS[place % 2]
        program = f"{product}\\{product}" if place % 50 == 0 else dice.choice(programs)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(_BEGIN + place)) + f".{dice.randrange(1000):03}"
        words = f"--job {dice.randrange(10**9):x} --out C:\\Temp\\{dice.randrange(10**9):x}.log /quiet"
        yield f"pc-{dice.randrange(800)}", at, program, words, place % 3 == 0


def _sysmon() -> Iterator[Row]:
    for device, at, program, words, is_connection in _drawn():
        data = {
            "RuleName": "-", "UtcTime": at.replace("T", " "), "ProcessGuid": "{8f1e6d3a-0000-1111-2222-333344445555}",
            "ProcessId": "4711", "Image": f"C:\\Program Files\\{program}.exe", "User": "CORP\\ada",
        }  # fmt: skip
        if is_connection:
            data |= {
                "Protocol": "tcp", "Initiated": "true", "SourceIsIpv6": "false", "SourceIp": "10.0.0.17",
                "SourceHostname": "pc-17.corp.example", "SourcePort": "50123", "DestinationIsIpv6": "false",
                "DestinationIp": "203.0.113.9", "DestinationHostname": f"{device}.web.example",
                "DestinationPort": "443",
            }  # fmt: skip
        else:
            data |= {
                "FileVersion": "7.1.0.0", "Description": "A tool", "Product": program.partition("\\")[0],
                "Company": "Example Corporation", "OriginalFileName": program.rpartition("\\")[2] + ".exe",
                "CommandLine": f'"C:\\Program Files\\{program}.exe" {words}', "CurrentDirectory": "C:\\Windows\\",
                "LogonId": "0x3e7", "TerminalSessionId": "1", "IntegrityLevel": "Medium",
                "Hashes": "SHA256=0000000000000000000000000000000000000000000000000000000000000000",
                "ParentImage": "C:\\Windows\\explorer.exe", "ParentCommandLine": "C:\\Windows\\explorer.exe",
            }  # fmt: skip
        yield {
            "@timestamp": f"{at}Z",
            "host": {"name": device},
            "winlog": {
                "provider_name": "Microsoft-Windows-Sysmon", "event_id": "3" if is_connection else "1",
                "computer_name": f"{device}.corp.example", "channel": "Microsoft-Windows-Sysmon/Operational",
                "event_data": data,
            },
        }  # fmt: skip


def _defender() -> Iterator[Row]:
    for device, at, program, words, is_connection in _drawn():
        if is_connection:
            continue
        name = program.rpartition("\\")[2] + ".exe"
        yield {
            "Timestamp": f"{at}4567Z", "DeviceId": "d1", "DeviceName": f"{device}.corp.example",
            "ActionType": "ProcessCreated", "FileName": name, "FolderPath": f"C:\\Program Files\\{program}.exe",
            "SHA256": "0" * 64, "ProcessVersionInfoCompanyName": "Example Corporation",
            "ProcessVersionInfoProductName": program.partition("\\")[0], "ProcessVersionInfoOriginalFileName": name,
            "ProcessId": 4711, "ProcessCommandLine": f'"{name}" {words}', "AccountDomain": "corp", "AccountName": "ada",
            "InitiatingProcessFileName": "explorer.exe", "InitiatingProcessFolderPath": "c:\\windows\\explorer.exe",
            "InitiatingProcessCommandLine": "Explorer.EXE", "ReportId": 1,
        }  # fmt: skip


def _lines(rows: Iterator[Row]) -> Iterator[bytes]:
    return (json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


def _csv(rows: Iterator[Row]) -> Iterator[bytes]:
    for row in rows:
        text = io.StringIO()
        csv.writer(text).writerow(row.values())
        yield text.getvalue().encode()


def _auditd() -> Iterator[bytes]:
    for place, (device, _, program, words, is_connection) in enumerate(_drawn()):
        head = f"node={device} type={{}} msg=audit({_BEGIN + place}.101:{place}): "
        name = program.rpartition("\\")[2].lower()
        exe = _ON_LINUX.get(name, f"/usr/bin/{name}")
        call = "42" if is_connection else "59"
        lines = [
            head.format("SYSCALL") + f"arch=c000003e syscall={call} success=yes exit=0 a0=55d a1=7ff a2=0 a3=8 "
            f"items=2 ppid=1 pid={4000 + place} auid=1000 uid=1000 gid=1000 euid=1000 tty=pts0 ses=3 "
            f'comm="x" exe="{exe}" key="x"',
        ]
        if is_connection:
            lines.append(head.format("SOCKADDR") + "saddr=020001BBCB0071090000000000000000")
        else:
            said = words.split()
            arguments = " ".join(f'a{number}="{word}"' for number, word in enumerate((exe, *said)))
            lines.append(head.format("EXECVE") + f"argc={len(said) + 1} {arguments}")
        lines += [head.format("PROCTITLE") + f"proctitle={exe.encode().hex().upper()}", head.format("EOE")]
        yield "".join(f"{line}\n" for line in lines).encode()


FORMATS: dict[str, tuple[bytes, Callable[[], Iterator[bytes]]]] = {
    "sysmon_json": (b"", lambda: _lines(_sysmon())),
    "defender_json": (b"", lambda: _lines(_defender())),
    "defender_csv": (",".join(next(_defender())).encode() + b"\n", lambda: _csv(_defender())),
    "auditd": (b"", _auditd),
}
"""Head of the file, and what yields its records."""


def _measured(name: str, records: int, place: Path) -> bool:
    file = place / name
    head, drawn = FORMATS[name]
    made = list(drawn())
    with file.open("wb") as stream:
        stream.write(head)
        for at in range(0, records, len(made)):
            stream.writelines(made[: records - at])
    words = [sys.executable, "-m", "auditor.cli.main", "ingest", "events", str(file), "-o", str(place / "out"), "-q",
        "-p", "policies/policy.yml"]  # fmt: skip
    cost = measure(words)
    cpu, memory = cost.cpu, cost.memory / 1e6
    size = file.stat().st_size / 1e6
    file.unlink()
    each = cpu / records * 1e6
    holds = cost.status == 0 and each <= GOAL_MICROSECONDS and memory <= GOAL_MEMORY
    print(
        f"{name:14} {records:>9,} records {size:>7,.0f} MB  {cpu:6.1f} s CPU  {each:6.1f} µs a record  "
        f"{memory:5.0f} MB  {'holds' if holds else 'MISSED'}",
        flush=True,
    )
    return holds


def main() -> int:
    """Measure the formats; exit code 1 where one misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="auditor-events-") as place:
        held = [_measured(name, options.records, Path(place)) for name in options.formats.split(",")]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
