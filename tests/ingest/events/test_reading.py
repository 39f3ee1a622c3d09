"""Files of events: every export tells the same, what is malformed is named with its number, the rest is kept."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from auditor.errors import UsageError
from auditor.ingest.events.reading import FileReading
from auditor.model.device_event import DeviceEvent, EventKind
from auditor.model.host import OsFamily
from auditor.model.outside import Side
from tests.ingest.events import exports
from tests.ingest.events.evtx_writer import event, write_evtx


def read(file: Path, **more: Any) -> tuple[list[DeviceEvent], FileReading]:
    reading = FileReading(file=file, **more)
    return list(reading.events()), reading


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return exports.write_all(tmp_path_factory.mktemp("exports"))


@pytest.mark.parametrize("name", ["a.evtx", "b.jsonl", "c.json", "d.csv", "e.json", "f.jsonl.gz", "g.jsonl.zst"])
def test_every_export_tells_the_same(written: dict[str, Path], name: str) -> None:
    found, reading = read(written[name])
    assert (reading.refused, reading.cut_short, reading.read) == ([], None, len(exports.ALL))
    assert [one.source for one in found] == [
        "sysmon_1", "sysmon_3", "sysmon_22", "sysmon_7", "security_4688", "security_5156", "system_7045",
    ]  # fmt: skip
    assert {(one.device, one.at, one.system) for one in found} == {("PC-17.corp.example", exports.AT, OsFamily.WINDOWS)}
    started, connected, asked, loaded, created, permitted, installed = found
    data = exports.STARTED.data
    assert (started.image, started.command) == (data["Image"], data["CommandLine"])
    assert (started.company, started.product_name) == (data["Company"], data["Product"])
    assert (started.original, started.parent) == (data["OriginalFileName"], data["ParentImage"])
    assert (started.user, started.parent_command) == ("CORP\\ada", data["ParentCommandLine"])
    assert (connected.domain, connected.address) == ("router7.teamviewer.com", "203.0.113.9")
    assert (connected.port, connected.protocol, connected.side) == (5938, "tcp", Side.CONNECTS)
    assert (asked.kind, asked.domain) == (EventKind.QUESTION, "relay-1.net.anydesk.com")
    assert (loaded.kind, loaded.signer) == (EventKind.IMAGE, "Projector.is, Inc.")
    assert (created.image, created.user) == (exports.CREATED.data["NewProcessName"], "CORP\\PC-17$")
    assert (permitted.port, permitted.address, permitted.protocol) == (7070, "203.0.113.7", "tcp")
    assert (installed.service, installed.command) == ("AnyDesk", exports.INSTALLED.data["ImagePath"])


def test_connections_that_came_in_name_who_came(tmp_path: Path) -> None:
    data = dict(exports.CONNECTED.data) | {
        "Initiated": "false",
        "SourceHostname": "far.example",
        "DestinationPort": "5900",
    }
    inbound = replace(exports.CONNECTED, data=data)
    allowed = replace(
        exports.PERMITTED, data=dict(exports.PERMITTED.data) | {"Direction": "Inbound", "SourcePort": "5900"}
    )
    exports.write_lines(tmp_path / "x.jsonl", [exports.winlogbeat(inbound), exports.winlogbeat(allowed)])
    (one, other), _ = read(tmp_path / "x.jsonl")
    assert (one.side, one.domain, one.address, one.port) == (Side.LISTENS, "far.example", "10.0.0.17", 5900)
    assert (other.side, other.address, other.port) == (Side.LISTENS, "203.0.113.7", 5900)


def test_a_signature_that_is_not_valid_names_nobody(tmp_path: Path) -> None:
    loaded = replace(exports.LOADED, data=dict(exports.LOADED.data) | {"SignatureStatus": "Revoked"})
    exports.write_lines(tmp_path / "x.jsonl", [exports.winlogbeat(loaded)])
    (one,), _ = read(tmp_path / "x.jsonl")
    assert one.signer == ""


_DEFENDER_PROCESS = {
    "Timestamp": "2026-11-20T08:15:30.1014567Z",
    "DeviceId": "d1",
    "DeviceName": "pc-17.corp.example",
    "ActionType": "ProcessCreated",
    "FileName": "renamed.exe",
    "FolderPath": "C:\\Users\\ada\\renamed.exe",
    "ProcessCommandLine": "renamed.exe",
    "ProcessVersionInfoCompanyName": "Projector Inc",
    "ProcessVersionInfoProductName": "ScreenMeet",
    "ProcessVersionInfoOriginalFileName": "",
    "AccountName": "ada",
    "InitiatingProcessFileName": "explorer.exe",
    "InitiatingProcessFolderPath": "c:\\windows\\explorer.exe",
    "InitiatingProcessCommandLine": "Explorer.EXE",
}
_DEFENDER_NETWORK = {
    "TimeGenerated [UTC]": "11/20/2026, 8:15:30.101 AM",
    "DeviceName": "pc-17.corp.example",
    "ActionType": "ConnectionSuccess",
    "RemoteUrl": "https://edge.screenmeet.com/x",
    "RemoteIP": "203.0.113.5",
    "RemotePort": "443",
    "Protocol": "Tcp",
    "InitiatingProcessFileName": "renamed.exe",
    "InitiatingProcessFolderPath": "c:\\users\\ada",
    "InitiatingProcessVersionInfoCompanyName": "Projector Inc",
    "InitiatingProcessVersionInfoProductName": "ScreenMeet",
}


@pytest.mark.parametrize("write", [exports.write_csv, exports.write_lines, exports.write_array])
def test_rows_of_defender_are_read(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "p", [_DEFENDER_PROCESS])
    write(tmp_path / "n", [_DEFENDER_NETWORK])
    (started,), _ = read(tmp_path / "p")
    assert (started.source, started.image, started.company) == (
        "defender_process", "C:\\Users\\ada\\renamed.exe", "Projector Inc",
    )  # fmt: skip
    assert (started.parent, started.at.microsecond) == ("c:\\windows\\explorer.exe", 101456)
    (connected,), _ = read(tmp_path / "n")
    assert (connected.source, connected.image) == ("defender_network", "c:\\users\\ada\\renamed.exe")
    assert (connected.domain, connected.port, connected.protocol) == (_DEFENDER_NETWORK["RemoteUrl"], 443, "tcp")
    assert connected.at == exports.AT


_AUDITD = """\
----
time->Fri Nov 20 08:15:30 2026
type=SYSCALL msg=audit(1795162530.101:77): syscall=59 ppid=900 pid=901 uid=0 exe="/usr/bin/anydesk" key=x\x1dUID="root"
type=EXECVE msg=audit(1795162530.101:77): argc=3 a0="/usr/bin/anydesk" a1="--get-id" a2=C3A92061
type=PATH msg=audit(1795162530.101:77): item=0 name="/usr/bin/anydesk" inode=1
type=SYSCALL msg=audit(1795162530.102:78): syscall=42 ppid=900 pid=901 uid=0 exe="/usr/bin/anydesk"
what is this
type=PROCTITLE msg=audit(1795162530.101:77): proctitle=2F7573722F62696E2F616E796465736B
type=SOCKADDR msg=audit(1795162530.102:78): saddr=02001B9ECB0071070000000000000000
type=EOE msg=audit(1795162530.102:78):
node=web2 type=SYSCALL msg=audit(1795162531.000:9): syscall=42 ppid=901 pid=950 uid=33 exe="/usr/bin/x11vnc"
node=web2 type=SOCKADDR msg=audit(1795162531.000:9): saddr=0A00170C0000000020010DB8000000000000000000000007
type=LOGIN msg=audit(1795162532.000:80): pid=1 uid=0 auid=1000
"""


def test_records_of_auditd_are_joined(tmp_path: Path) -> None:
    file = tmp_path / "web1.log"
    file.write_text(_AUDITD, encoding="utf-8")
    found, reading = read(file)
    by_source = {(one.device, one.source): one for one in found}
    started, connected = by_source["web1", "auditd_execve"], by_source["web1", "auditd_connect"]
    assert (started.image, started.command, started.user) == (
        "/usr/bin/anydesk",
        "/usr/bin/anydesk --get-id é a",
        "root",
    )
    assert (connected.address, connected.port, connected.image) == ("203.0.113.7", 7070, "/usr/bin/anydesk")
    other = by_source["web2", "auditd_connect"]
    assert (other.address, other.port, other.user) == ("2001:db8::7", 5900, "33")
    assert [(one.number, "no record of auditd" in one.reason) for one in reading.refused] == [(7, True)]
    assert (reading.read, reading.others) == (4, 1)


def test_a_process_of_auditd_knows_its_parent(tmp_path: Path) -> None:
    line = "type={} msg=audit(1795162530.{}:{}): {}\n"
    text = ""
    for serial, pid, ppid, exe in ((1, 10, 1, "/usr/sbin/cron"), (2, 11, 10, "/usr/bin/anydesk")):
        text += line.format("SYSCALL", serial, serial, f'syscall=59 ppid={ppid} pid={pid} uid=0 exe="{exe}"')
        text += line.format("EXECVE", serial, serial, f'argc=1 a0="{exe}"')
        text += line.format("EOE", serial, serial, "")
    (tmp_path / "x").write_text(text, encoding="utf-8")
    found, _ = read(tmp_path / "x", device="web7")
    assert [(one.device, one.parent) for one in found] == [("web7", ""), ("web7", "/usr/sbin/cron")]


def test_rows_of_ausearch_are_read(tmp_path: Path) -> None:
    names = "NODE,EVENT,DATE,TIME,SERIAL_NUM,EVENT_KIND,SESSION,SUBJ_PRIME,SUBJ_SEC,ACTION,RESULT,OBJ_PRIME,HOW\n"
    row = ",SYSCALL,11/20/2026,08:15:30,77,audit-rule,3,ada,root,executed,success,/usr/bin/x11vnc,/usr/bin/bash\n"
    (tmp_path / "web1.csv").write_text(f"{names}{row}{row.replace('executed', 'opened-file')}", encoding="utf-8")
    (one,), reading = read(tmp_path / "web1.csv")
    assert (one.device, one.image, one.parent, one.user) == ("web1", "/usr/bin/x11vnc", "/usr/bin/bash", "ada")
    assert (one.at.isoformat(), reading.others) == ("2026-11-20T08:15:30+00:00", 1)


def test_entries_of_the_journal_are_read(tmp_path: Path) -> None:
    entry = {
        "__REALTIME_TIMESTAMP": "1795162530101000", "_HOSTNAME": "web1", "_EXE": "/usr/bin/rustdesk",
        "_CMDLINE": "/usr/bin/rustdesk --service", "_UID": "0", "_SYSTEMD_UNIT": "rustdesk.service",
        "MESSAGE": [104, 105],
    }  # fmt: skip
    message = (
        '<Event><System><Provider Name="Linux-Sysmon"/><EventID>1</EventID>'
        '<TimeCreated SystemTime="2026-11-20T08:15:30.101000Z"/><Computer>web1</Computer></System><EventData>'
        '<Data Name="Image">/usr/bin/x11vnc</Data><Data Name="CommandLine">x11vnc -display :0 &amp;&lt;</Data>'
        '<Data Name="User">root</Data></EventData></Event>'
    )
    sysmon = {"__REALTIME_TIMESTAMP": "1795162530101000", "SYSLOG_IDENTIFIER": "sysmon", "MESSAGE": message}
    kernel = {"__REALTIME_TIMESTAMP": "1795162530101000", "_TRANSPORT": "kernel", "MESSAGE": "x"}
    exports.write_lines(tmp_path / "x.json", [entry, sysmon, kernel, {**sysmon, "MESSAGE": "<Event>no"}])
    (one, other), reading = read(tmp_path / "x.json")
    assert (one.device, one.image, one.service) == ("web1", "/usr/bin/rustdesk", "rustdesk.service")
    assert (other.source, other.command, other.system) == ("sysmon_1", "x11vnc -display :0 &<", OsFamily.LINUX)
    assert (reading.others, [one.number for one in reading.refused]) == (1, [4])


def test_bad_records_are_named_and_the_others_kept(tmp_path: Path) -> None:
    good = exports.winlogbeat(exports.STARTED)
    bad_port = exports.winlogbeat(
        replace(exports.CONNECTED, data=dict(exports.CONNECTED.data) | {"DestinationPort": "x"})
    )
    bad_time = json.loads(json.dumps(good).replace("2026-11-20 08:15:30.101", "yesterday"))
    no_image = exports.winlogbeat(replace(exports.STARTED, data={"UtcTime": "2026-11-20 08:15:30.101"}))
    nobody = exports.winlogbeat(replace(exports.STARTED, computer="-"))
    nobody["host"] = {}
    lines = [json.dumps(one) for one in (good, bad_port, bad_time, no_image, nobody)] + [
        '{"x": 1',
        "[]",
        json.dumps(good),
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found, reading = read(tmp_path / "x.jsonl")
    assert len(found) == 2
    assert [(one.number, one.reason) for one in reading.refused[:4]] == [
        (2, "DestinationPort 'x' is no port"),
        (3, "its instant 'yesterday' is no instant"),
        (4, "names no Image"),
        (5, "names no device"),
    ]
    assert [one.number for one in reading.refused[4:]] == [6, 7]
    assert reading.outside_file().refused == 6


def test_an_array_goes_on_after_a_bad_element(tmp_path: Path) -> None:
    rows = [exports.get_winevent(one) for one in (exports.STARTED, exports.CONNECTED, exports.ASKED)]
    text = json.dumps(rows, indent=4).replace('"Id": 3', '"Id": x')
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    found, reading = read(tmp_path / "x.json")
    assert [one.source for one in found] == ["sysmon_1", "sysmon_22"]
    assert [one.number for one in reading.refused] == [2]


def test_an_array_that_is_cut_short_says_so(tmp_path: Path) -> None:
    text = json.dumps([exports.get_winevent(one) for one in exports.ALL], indent=4)
    (tmp_path / "x.json").write_text(text[: text.rindex("\n    {")], encoding="utf-8")
    found, reading = read(tmp_path / "x.json")
    assert (len(found), reading.cut_short) == (len(exports.ALL) - 1, "it ends before its array does")
    (tmp_path / "x.json").write_text(text[:-200], encoding="utf-8")
    found, reading = read(tmp_path / "x.json")
    assert (len(found), reading.refused_count) == (len(exports.ALL) - 1, 1)
    assert reading.cut_short == "no further record begins where one is looked for"


def test_records_of_several_kinds_may_stand_in_one_file(tmp_path: Path) -> None:
    entry = {"__REALTIME_TIMESTAMP": "1795162530101000", "_HOSTNAME": "web1", "_EXE": "/usr/bin/rustdesk"}
    rows = [{"metricset": "x"}, exports.winlogbeat(exports.STARTED), _DEFENDER_PROCESS, entry, {"x": 1}]
    exports.write_lines(tmp_path / "x.jsonl", rows)
    found, reading = read(tmp_path / "x.jsonl")
    assert [one.source for one in found] == ["sysmon_1", "defender_process", "journald"]
    assert reading.format == "windows and defender and journald (json)"
    assert [one.number for one in reading.refused] == [1, 5]


def test_values_without_names_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    row = exports.get_winevent(exports.CONNECTED)
    row["Properties"] = row["Properties"][:-1]
    exports.write_lines(tmp_path / "x.json", [row])
    found, reading = read(tmp_path / "x.json")
    assert found == []
    assert "which is which is not known" in reading.refused[0].reason


def test_a_row_of_csv_that_does_not_fit_its_head_is_refused(tmp_path: Path) -> None:
    exports.write_csv(tmp_path / "x.csv", [_DEFENDER_PROCESS])
    with (tmp_path / "x.csv").open("a") as file:
        file.write("a,b\n")
    found, reading = read(tmp_path / "x.csv")
    assert (len(found), reading.refused[0].number, "2 cells" in reading.refused[0].reason) == (1, 3, True)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_what_is_packed_and_cut_short_says_so(tmp_path: Path, pack: Any) -> None:
    rows = "".join(json.dumps(exports.winlogbeat(exports.STARTED) | {"n": n}) + "\n" for n in range(6_000))
    packed = pack(rows.encode())
    (tmp_path / "x").write_bytes(packed[: len(packed) // 2])
    found, reading = read(tmp_path / "x")
    assert 0 < len(found) < 6_000
    assert reading.outside_file().is_cut_short or reading.refused_count == 1


def test_a_damaged_event_log_keeps_its_good_chunks(tmp_path: Path) -> None:
    one = event(exports.SYSMON, 1, "PC-17", exports.AT, exports.STARTED.data)
    write_evtx(tmp_path / "x.evtx", [(exports.AT, one)] * 6, each=2)
    data = bytearray((tmp_path / "x.evtx").read_bytes())
    data[4096 + 65536 + 512 : 4096 + 65536 + 1024] = b"\xff" * 512
    (tmp_path / "y.evtx").write_bytes(data)
    found, reading = read(tmp_path / "y.evtx")
    assert len(found) == 4
    assert reading.refused_count >= 1
    (tmp_path / "z.evtx").write_bytes((tmp_path / "x.evtx").read_bytes()[: 4096 + 65536 + 700])
    found, reading = read(tmp_path / "z.evtx")
    assert len(found) == 2
    assert reading.cut_short == "it ends before its last chunk does"


def test_what_is_no_event_is_refused_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds no events that are known here \(its first record has a, b\)"):
        read(tmp_path / "x.csv")


def test_kinds_that_are_not_read_are_counted(tmp_path: Path) -> None:
    exports.write_lines(tmp_path / "x", [exports.winlogbeat(replace(exports.STARTED, number=5))])
    found, reading = read(tmp_path / "x")
    assert (found, reading.read, reading.others) == ([], 1, 1)


@pytest.mark.parametrize("packed", [b"", gzip.compress(b"", mtime=0)], ids=["plain", "gzip"])
def test_an_empty_file_is_no_file_without_events(tmp_path: Path, packed: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(packed)
    with pytest.raises(UsageError, match="is empty"):
        list(FileReading(file=tmp_path / "x.jsonl").events())
