"""Formats that no exporter here writes, as their makers document them: each gives the same conversation."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import zstandard

from auditor.errors import UsageError
from auditor.ingest.flows.conversations import Conversation, Conversations
from auditor.ingest.flows.layouts import named_columns
from auditor.ingest.flows.reading import FlowFile, Ways
from auditor.ingest.flows.record import Wanted

BEGAN = 1_795_800_000
_PORTS = {5938, 7070, 5900}
_ZEEK = [
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
    "local_orig",
    "local_resp",
    "missed_bytes",
    "history",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
    "tunnel_parents",
]
_ZEEK_ROW = (
    f"{BEGAN}.000000\tCHhAvVGS1DHFjwGM9\t10.0.0.5\t50111\t203.0.113.5\t5938\ttcp\t-\t60.000000\t500\t600\tSF\tT\tF\t0\t"
    "ShADadfF\t10\t1000\t12\t1500\t-\n"
)
_ZEEK_HEAD = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\t2026-11-27-00-00-00\n"
    "#fields\t" + "\t".join(_ZEEK) + "\n#types\t" + "\t".join(["string"] * len(_ZEEK)) + "\n"
)
_ZEEK_DNS = _ZEEK_ROW.replace("5938", "53").replace("tcp", "udp")
ZEEK = _ZEEK_HEAD + _ZEEK_ROW + _ZEEK_DNS + "#close\t2026-11-27-01-00-00\n"
ZEEK_JSON = "".join(
    json.dumps(
        {
            "ts": BEGAN, "uid": "CHhAvVGS1DHFjwGM9", "id.orig_h": "10.0.0.5", "id.orig_p": 50111, "id.resp_h": "203.0.113.5",
            "id.resp_p": port, "proto": "tcp", "duration": 60.0, "conn_state": "SF", "orig_pkts": 10,
            "orig_ip_bytes": 1000, "resp_pkts": 12, "resp_ip_bytes": 1500,
        }
    ) + "\n"
    for port in (5938, 443)
)  # fmt: skip
_AWS_HEAD = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"
_AWS_ROWS = (
    f"2 123456789010 eni-1 10.0.0.5 203.0.113.5 50111 5938 6 10 1000 {BEGAN} {BEGAN + 60} ACCEPT OK\n"
    f"2 123456789010 eni-1 203.0.113.5 10.0.0.5 5938 50111 6 12 1500 {BEGAN} {BEGAN + 60} ACCEPT OK\n"
    f"2 123456789010 eni-1 198.51.100.7 10.0.0.5 50112 5900 6 1 40 {BEGAN} {BEGAN + 60} REJECT OK\n"
    f"2 123456789010 eni-1 - - - - - - - {BEGAN} {BEGAN + 60} - NODATA\n"
)
_TUPLES = [
    f"{BEGAN}000,10.0.0.5,203.0.113.5,50111,5938,6,O,B,NX,0,0,0,0",
    f"{BEGAN + 60}000,10.0.0.5,203.0.113.5,50111,5938,6,O,E,NX,10,1000,12,1500",
    f"{BEGAN}000,198.51.100.7,10.0.0.5,50112,5900,6,I,D,NX,0,0,0,0",
]
AZURE_VNET = json.dumps(
    {
        "records": [
            {
                "time": "2026-11-27T00:00:00Z", "category": "FlowLogFlowEvent", "flowLogVersion": 4,
                "flowRecords": {"flows": [{"aclID": "x", "flowGroups": [{"rule": "allow", "flowTuples": _TUPLES}]}]},
            }
        ]
    }
)  # fmt: skip
AZURE_NSG = json.dumps(
    {
        "records": [
            {
                "time": "2026-11-27T00:00:00Z",
                "properties": {
                    "Version": 2,
                    "flows": [
                        {
                            "rule": "allow",
                            "flows": [
                                {
                                    "mac": "000D3AF87856",
                                    "flowTuples": [
                                        f"{BEGAN},10.0.0.5,203.0.113.5,50111,5938,T,O,A,B,,,,",
                                        f"{BEGAN + 60},10.0.0.5,203.0.113.5,50111,5938,T,O,A,E,10,1000,12,1500",
                                        f"{BEGAN},198.51.100.7,10.0.0.5,50112,5900,T,I,D,B,,,,",
                                    ],
                                }
                            ],
                        }
                    ],
                },
            }
        ]
    },
    indent=1,
)


def _gcp(source: str, sport: int, dest: str, dport: int, size: int, packets: int) -> str:
    connection = {"src_ip": source, "src_port": sport, "dest_ip": dest, "dest_port": dport, "protocol": 6}
    times = {"start_time": "2026-11-27T17:20:00Z", "end_time": "2026-11-27T17:21:00Z"}
    payload = {
        "connection": connection,
        "bytes_sent": str(size),
        "packets_sent": str(packets),
        "reporter": "SRC",
        **times,
    }
    return json.dumps({"jsonPayload": payload, "logName": "vpc_flows"}) + "\n"


GCP = _gcp("10.0.0.5", 50111, "203.0.113.5", 5938, 1000, 10) + _gcp("203.0.113.5", 5938, "10.0.0.5", 50111, 1500, 12)
_SHORT = (
    "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows\n"
    "2026-11-27 17:20:00.000,60.000,TCP,10.0.0.5,50111,203.0.113.5,5938,10,1000,1\n"
    "2026-11-27 17:20:00.000,60.000,TCP,203.0.113.5,5938,10.0.0.5,50111,12,1500,1\n"
    "2026-11-27 17:20:00.000,0.000,ICMP,10.0.0.5,0,203.0.113.5,8.0,1,84,1\n"
)
_OWN = (
    'when;from;from port;to;to port;octets;note\r\n2026-11-27T17:20:00Z;10.0.0.5;50111;203.0.113.5;5938;1000;"a;b"\r\n'
    "2026-11-27T17:21:00Z;203.0.113.5;5938;10.0.0.5;50111;1500;plain\r\n"
)
_COLUMNS = "first=when,source=from,source_port=from port,destination=to,destination_port=to port,bytes=octets"


def read(file: Path, ways: Ways | None = None, ports: set[int] | None = None) -> tuple[list[Conversation], FlowFile]:
    added = Conversations(telling=frozenset((6, port) for port in _PORTS))
    one = FlowFile(path=file, ways=ways or Ways())
    added.add(one.flows(Wanted(_PORTS if ports is None else ports)), one)
    return added.all(), one


@pytest.mark.parametrize(
    ("text", "name", "records", "denied"),
    [
        pytest.param(ZEEK, "zeek_conn", 2, 0, id="Zeek's table"),
        pytest.param(ZEEK_JSON, "zeek_conn", 2, 0, id="Zeek's JSON"),
        pytest.param(_AWS_HEAD + _AWS_ROWS, "aws_vpc", 4, 1, id="AWS with a head"),
        pytest.param(_AWS_ROWS, "aws_vpc", 4, 1, id="AWS without a head"),
        pytest.param(AZURE_VNET, "azure_vnet", 3, 1, id="Azure, a virtual network"),
        pytest.param(AZURE_NSG, "azure_nsg", 3, 1, id="Azure, a security group"),
        pytest.param(GCP, "gcp_vpc", 2, 0, id="Google"),
        pytest.param(_SHORT, "nfdump_csv_short", 3, 0, id="nfdump from 1.7.4"),
    ],
)
@pytest.mark.parametrize(
    "pack", [str.encode, lambda text: gzip.compress(text.encode()), lambda text: zstandard.compress(text.encode())],
    ids=["plain", "gzip", "zstd"],
)  # fmt: skip
def test_a_format_gives_the_conversation(
    tmp_path: Path, text: str, name: str, records: int, denied: int, pack: Callable[[str], bytes]
) -> None:
    (tmp_path / "log").write_bytes(pack(text))
    (one,), file = read(tmp_path / "log")
    assert (one.client, one.server, one.port, one.protocol) == ("10.0.0.5", "203.0.113.5", 5938, 6)
    assert (one.bytes, one.packets) == (2500, 22)
    assert (one.first, one.last) == (BEGAN, BEGAN + 60)
    assert one.sources == (name,)
    assert (file.tally.read, file.tally.denied, file.tally.refused) == (records, denied, 0)


def test_any_table_with_named_columns(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(_OWN, newline="")
    (one,), file = read(tmp_path / "own.csv", Ways(columns=named_columns([_COLUMNS])))
    assert (one.client, one.server, one.bytes, one.count, file.format) == ("10.0.0.5", "203.0.113.5", 2500, 2, "csv")
    assert (one.first, one.last) == (BEGAN, BEGAN + 60)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("source=from", "no column is named for source_port, destination, destination_port, first"),
        ("sauce=from", "did you mean 'source'"),
        (_COLUMNS.replace("=octets", "=octet"), "did you mean 'octets'"),
    ],
)
def test_columns_that_are_not_there_are_named(tmp_path: Path, columns: str, said: str) -> None:
    (tmp_path / "own.csv").write_text(_OWN)
    with pytest.raises(UsageError, match=said):
        read(tmp_path / "own.csv", Ways(columns=named_columns([columns])))


def test_a_clock_that_does_not_say_where_it_stands_is_told(tmp_path: Path) -> None:
    (tmp_path / "nfdump.csv").write_text(_SHORT)
    zone = ZoneInfo("America/New_York")
    (one,), _ = read(tmp_path / "nfdump.csv", Ways(zone=zone))
    assert one.first == datetime(2026, 11, 27, 17, 20, tzinfo=zone).timestamp()


def test_who_began_tells_where_no_port_does(tmp_path: Path) -> None:
    rows = (
        f"2 1 eni-1 10.0.0.9 10.0.0.8 45000 46000 6 1 10 {BEGAN + 5} {BEGAN + 6} ACCEPT OK\n"
        f"2 1 eni-1 10.0.0.8 10.0.0.9 46000 45000 6 1 10 {BEGAN} {BEGAN + 1} ACCEPT OK\n"
    )
    (tmp_path / "log").write_text(_AWS_HEAD + rows)
    added = Conversations(telling=frozenset())
    file = FlowFile(path=tmp_path / "log", ways=Ways())
    added.add(file.flows(Wanted(None)), file)
    (one,) = added.all()
    assert (one.client, one.server, one.port, one.count) == ("10.0.0.8", "10.0.0.9", 45000, 2)


def test_a_well_known_port_serves_whatever_the_other_is(tmp_path: Path) -> None:
    row = f"2 1 eni-1 10.0.0.9 10.0.0.8 5938 53 17 1 10 {BEGAN} {BEGAN + 6} ACCEPT OK\n"
    (tmp_path / "log").write_text(_AWS_HEAD + row)
    (one,), _ = read(tmp_path / "log")
    assert (one.client, one.server, one.port) == ("10.0.0.9", "10.0.0.8", 53)


def test_conversations_that_are_too_many_are_counted(tmp_path: Path) -> None:
    rows = "".join(
        f"2 1 eni-1 10.0.0.{place} 203.0.113.5 50111 5938 6 1 10 {BEGAN} {BEGAN + 6} ACCEPT OK\n" for place in range(9)
    )
    (tmp_path / "log").write_text(_AWS_HEAD + rows)
    added = Conversations(telling=frozenset({(6, 5938)}), most=4)
    file = FlowFile(path=tmp_path / "log", ways=Ways())
    added.add(file.flows(Wanted({5938})), file)
    assert (len(added.all()), added.beyond) == (4, 5)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("10.0.0.5 203.0.113.5 50111 5938 6 10 x", "record 3: count 'x'"),
        ("10.0.0.5 203.0.113 50111 5938 6 10 1000", "record 3: '203.0.113' does not"),
        ("10.0.0.5 203.0.113.5 99999 5938 6 10 1000", "record 3: port '99999'"),
        ("10.0.0.5 203.0.113.5 50111 5938 900 10 1000", "record 3: protocol '900'"),
        ("10.0.0.5 203.0.113.5 50111 5938 6 10", "record 3: 13 columns, where the head has 14"),
        ("10.0.0.5 203.0.113.5 50111 5938 6 10 -5", "record 3: count '-5'"),
        ("10.0.0.5 203.0.113.5 50111 http 6 10 5", "record 3: port 'http'"),
    ],
)
def test_a_record_that_is_none_is_named_and_the_others_are_kept(tmp_path: Path, row: str, said: str) -> None:
    good = _AWS_ROWS.splitlines(keepends=True)[0]
    bad = f"2 1 eni-1 {row} {BEGAN} {BEGAN + 60} ACCEPT OK\n"
    (tmp_path / "log").write_text(_AWS_HEAD + good + bad + good)
    (one,), file = read(tmp_path / "log")
    assert (one.count, file.tally.read, file.tally.refused) == (2, 2, 1)
    assert said in file.tally.problems[0]


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_file_that_is_cut_off_says_so_and_keeps_what_came_before(
    tmp_path: Path, pack: Callable[[bytes], bytes], cut: float
) -> None:
    rows = "".join(
        f"2 1 eni-1 10.{place % 200}.0.5 203.0.113.5 {40_000 + place % 9999} 5938 6 1 {place} {BEGAN + place} {BEGAN + place} "
        "ACCEPT OK\n"
        for place in range(20_000)
    )
    data = pack((_AWS_HEAD + rows).encode())
    (tmp_path / "log").write_bytes(data[: int(len(data) * cut)])
    found, file = read(tmp_path / "log")
    assert file.tally.is_cut_short
    assert any("damaged, or the file is cut off" in one for one in file.tally.problems)
    assert file.tally.read == sum(one.count for one in found) < 20_000


def test_what_is_no_record_of_flows_is_refused_whole(tmp_path: Path) -> None:
    for name, data, said in (
        ("a.txt", b"dear all,\nplease find enclosed\n", "is in no format that is known"),
        ("b.json", b'{"a": 1}\n', "is in no format that is known"),
        ("c.pcapng", b"\x0a\x0d\x0d\x0a" + bytes(60), "is in no format that is known"),
        ("d.csv", b"", "is empty"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=said):
            read(tmp_path / name)
