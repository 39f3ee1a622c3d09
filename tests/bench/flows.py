# ruff: noqa: T201 — a command prints
"""What flow records cost: records a second, processor time and memory, each format against the goal.

Records are drawn by a fixed seed: of every hundred, two are of a product's port, all others of the web and of DNS, as
on the edge of an office. ``python -m tests.bench.flows --records 10000000 --formats zeek_conn,ipfix``.
"""

import argparse
import random
import resource
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.measure import measure

GOAL_SECONDS, GOAL_MEMORY = 60.0, 500
_BEGIN = 1_790_000_000
_BLOCK = 50_000
_DIFFERENT = 200_000
"""Records that are drawn; they come again and again until there are enough."""


def _records() -> Iterator[tuple[str, int, str, int, int, int, int, int]]:
    """Yield source, its port, destination, its port, protocol, bytes, packets and begin."""
    dice = random.Random("flows")  # noqa: S311 — a bench, no secret
    for place in range(_DIFFERENT):
        client = f"10.{dice.randrange(4)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        server = f"203.0.113.{dice.randrange(1, 255)}"
        port = dice.choice((5938, 7070, 5900)) if place % 50 == 0 else dice.choice((443, 443, 443, 80, 53))
        ends = (client, dice.randrange(32_768, 61_000), server, port)
        if place % 2:
            ends = (*ends[2:], *ends[:2])
        yield *ends, 17 if port == 53 else 6, dice.randrange(60, 100_000), dice.randrange(1, 100), _BEGIN + place // 100


def _nfdump(source: str, sport: int, dest: str, dport: int, proto: int, size: int, packets: int, first: int) -> bytes:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(first))
    name = "TCP" if proto == 6 else "UDP"
    zeros = ",".join("0" * 20)
    return f"{when},{when},0.014,{source},{dest},{sport},{dport},{name},...AP.SF,0,0,{packets},{size},0,0,{zeros}\n".encode()


_NFDUMP_HEAD = (
    b"ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,"
    + ",".join(f"x{place}" for place in range(20)).encode()
    + b"\n"
)
_ZEEK_FIELDS = [
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
_ZEEK_HEAD = ("#separator \\x09\n#path\tconn\n#fields\t" + "\t".join(_ZEEK_FIELDS) + "\n").encode()


def _zeek(source: str, sport: int, dest: str, dport: int, proto: int, size: int, packets: int, first: int) -> bytes:
    if sport < dport:
        source, sport, dest, dport = dest, dport, source, sport
    name = "tcp" if proto == 6 else "udp"
    return (
        f"{first}.250000\tCx9{first:x}\t{source}\t{sport}\t{dest}\t{dport}\t{name}\t-\t1.250000\t{size}\t{size}\tSF\tT\tF\t0"
        f"\tShADadFf\t{packets}\t{size}\t{packets}\t{size}\t-\n"
    ).encode()


_AWS_HEAD = b"version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"


def _aws(source: str, sport: int, dest: str, dport: int, proto: int, size: int, packets: int, first: int) -> bytes:
    return (
        f"2 123456789010 eni-1235b8ca123456789 {source} {dest} {sport} {dport} {proto} {packets} {size} {first} {first + 60} "
        "ACCEPT OK\n"
    ).encode()


def _table(file: Path, records: int, head: bytes, line: Callable[..., bytes]) -> None:
    lines = [line(*one) for one in _records()]
    blocks = [b"".join(lines[at : at + _BLOCK]) for at in range(0, len(lines), _BLOCK)]
    with file.open("wb") as stream:
        stream.write(head)
        for place in range(-(-records // _BLOCK)):
            stream.write(blocks[place % len(blocks)])


_FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 8), (2, 8), (152, 8), (153, 8))


def _ipfix(file: Path, records: int) -> None:
    """Write messages of IPFIX, a template before them, as they lie in a file (RFC 5655)."""
    template = struct.pack(">HH", 256, len(_FIELDS)) + b"".join(struct.pack(">HH", *one) for one in _FIELDS)
    sets = struct.pack(">HH", 2, 4 + len(template)) + template
    with file.open("wb") as stream:
        stream.write(struct.pack(">HHIII", 10, 16 + len(sets), _BEGIN, 0, 1) + sets)
        packed = [
            bytes(map(int, source.split("."))) + bytes(map(int, dest.split(".")))
            + struct.pack(">HHBQQQQ", sport, dport, proto, size, packets, first * 1000, first * 1000 + 900)
            for source, sport, dest, dport, proto, size, packets, first in _records()
        ]  # fmt: skip
        messages = []
        for at in range(0, len(packed), 25):
            body = b"".join(packed[at : at + 25])
            messages.append(
                struct.pack(">HHIII", 10, 20 + len(body), _BEGIN, 0, 1) + struct.pack(">HH", 256, 4 + len(body)) + body
            )
        for place in range(-(-records // 25)):
            stream.write(messages[place % len(messages)])


FORMATS: dict[str, Callable[[Path, int], None]] = {
    "nfdump_csv": lambda file, records: _table(file, records, _NFDUMP_HEAD, _nfdump),
    "zeek_conn": lambda file, records: _table(file, records, _ZEEK_HEAD, _zeek),
    "aws_vpc": lambda file, records: _table(file, records, _AWS_HEAD, _aws),
    "ipfix": _ipfix,
}


def _measured(name: str, records: int, place: Path) -> bool:
    file = place / name
    FORMATS[name](file, records)
    words = [sys.executable, "-m", "auditor.cli.main", "ingest", "flows", str(file), "-o", str(place / "out"), "-q",
        "--store", str(place / "none.sqlite"), "-p", "policies/policy.yml"]  # fmt: skip
    cost = measure(words)
    cpu, memory = cost.cpu, cost.memory / 1e6
    size = file.stat().st_size / 1e6
    file.unlink()
    holds = cost.status == 0 and cpu <= GOAL_SECONDS and memory <= GOAL_MEMORY
    print(
        f"{name:12} {records:>11,} records {size:>7,.0f} MB  {cost.wall:6.1f} s wall  {cpu:6.1f} s CPU  "
        f"{records / cpu:>10,.0f} records/s of CPU  {memory:5.0f} MB  {'holds' if holds else 'MISSED'}",
        flush=True,
    )
    return holds


def main() -> int:
    """Measure the formats; exit code 1 where one misses the goal for ten million records."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="auditor-flows-") as place:
        held = [_measured(name, options.records, Path(place)) for name in options.formats.split(",")]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
