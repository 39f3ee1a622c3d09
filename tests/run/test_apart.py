"""What is brought as files is read in a process with limits: whatever a file does to it, the command stands."""

import gzip
import json
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from auditor.cli.main import main
from auditor.errors import HostError, UsageError
from auditor.model.record import replace
from auditor.run import apart as reading
from auditor.run.apart import ApartLimits, Begin, apart
from auditor.run.said_addresses import pack_addresses, unpack_addresses

_SMALL = ApartLimits(cpu_seconds=1, cpu_per_megabyte=0, memory_bytes=200_000_000, wall_times=300)


def _spin() -> int:
    while True:
        pass


def _eat() -> int:
    return len([bytes(1 << 20) for _ in range(1 << 12)])


def _die() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def _hang() -> int:
    signal.pause()
    return 0


def _children() -> set[str]:
    """Return our child processes, those that ended and nobody waited for included; other tests have some, too."""
    return {pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()}


@pytest.mark.parametrize(
    ("work", "limits", "said"),
    [
        pytest.param(_spin, _SMALL, "more processor time than it may, 1 s", id="spins"),
        pytest.param(_eat, _SMALL, "more memory than it may, 200 MB", id="eats"),
        pytest.param(_die, _SMALL, "ended early, or beyond its limits", id="is-killed"),
        pytest.param(_hang, ApartLimits(cpu_seconds=1, cpu_per_megabyte=0, wall_times=1), "1 s in all", id="hangs"),
    ],
)
def test_a_file_ends_its_reader_and_is_named(work: Callable[[], int], limits: ApartLimits, said: str) -> None:
    one, other = Path("harmless.log"), Path("hostile.log")

    def both(begin: Begin) -> int:
        begin(one)
        begin(other)
        return work()

    before = _children()
    with pytest.raises(UsageError, match=said) as told:
        apart(both, int, [one, other], limits)
    assert str(told.value).startswith("hostile.log: ")
    assert _children() <= before
    assert apart(lambda _: 7, int, [one], limits) == 7


def test_what_comes_back_is_held_to_its_type() -> None:
    with pytest.raises(RuntimeError, match="is not what it should be"):
        apart(lambda _: [["a", 1]], dict[str, int], [], _SMALL)  # type: ignore[arg-type, return-value]


def test_a_refusal_stays_one(tmp_path: Path) -> None:
    def refuse(_: Begin) -> int:
        raise UsageError("x: is of no known format")

    with pytest.raises(UsageError, match="x: is of no known format"):
        apart(refuse, int, [tmp_path], _SMALL)


# ---- files that are hostile


_HEAD = b"src,dst,sport,dport,proto,bytes,at\n"
_ROW = b"10.0.0.5,198.51.100.3,50123,5938,6,12000,2026-11-20T10:00:00Z\n"
_COLUMNS = "source=src,destination=dst,source_port=sport,destination_port=dport,protocol=proto,bytes=bytes,first=at"
_BOMB = 300_000_000
_DEEP = 200_000


def _packed_bomb(pack: str, begin: bytes) -> bytes:
    """Return some hundred kilobytes that unpack to 300 MB without the end of a line."""
    if pack == "gzip":
        return gzip.compress(begin + bytes(_BOMB), 1)
    return zstandard.ZstdCompressor(level=1).compress(begin + bytes(_BOMB))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "none.sqlite"))
    return tmp_path


def _grown() -> int:
    """Return the most memory that this process had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _ingest(kind: str, file: Path) -> int:
    more = ["--columns", _COLUMNS] if kind == "flows" else []
    return main(["ingest", kind, str(file), *more, "-o", "out"])


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
@pytest.mark.parametrize("kind", ["flows", "events"])
def test_a_bomb_is_a_record_that_is_refused(
    pack: str, kind: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place / "bomb"
    begin = _HEAD + _ROW if kind == "flows" else b'{"__REALTIME_TIMESTAMP":"1795162530101000","_COMM":"x"}\n'
    file.write_bytes(_packed_bomb(pack, begin))
    assert file.stat().st_size < 2_000_000
    before = _grown()
    assert _ingest(kind, file) == 3
    assert _grown() - before < 50_000_000
    assert "refused" in capsys.readouterr().err
    assert (place / "out" / "sightings.json").exists()


@pytest.mark.parametrize("kind", ["flows", "events"])
@pytest.mark.parametrize(
    "deep",
    [
        pytest.param(b'{"a":' * _DEEP + b"1" + b"}" * _DEEP, id="objects"),
        pytest.param(b"[" * _DEEP + b"]" * _DEEP, id="arrays"),
    ],
)
def test_json_that_is_deep_is_refused(kind: str, deep: bytes, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = place / "deep.json"
    file.write_bytes(b'{"__REALTIME_TIMESTAMP":"1795162530101000","_COMM":"x"}\n' * (kind == "events") + deep + b"\n")
    assert _ingest(kind, file) in (2, 3)
    said = capsys.readouterr().err
    assert "deep.json: " in said
    assert "Traceback" not in said


def test_records_that_want_all_memory_are_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Records of auditd are joined to events: those here never end, and each holds megabytes."""
    monkeypatch.setattr(reading, "LIMITS", replace(_SMALL, cpu_seconds=20, memory_bytes=40_000_000))
    file = place / "audit.log"
    line = "type=PROCTITLE msg=audit(1795162530.101:{}): proctitle=" + "6D" * 1_000_000 + "\n"
    file.write_text("".join(map(line.format, range(50))))
    before = _grown()
    assert main(["ingest", "events", str(file), "-o", "out"]) == 2
    assert _grown() - before < 50_000_000
    said = capsys.readouterr().err
    assert "audit.log: " in said
    assert "than it may" in said
    assert not (place / "out").exists()


def test_sightings_that_want_all_memory_are_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reading, "LIMITS", replace(_SMALL, cpu_seconds=20))
    (place / "sightings.json").write_text('{"head":[' + "{}," * 15_000_000 + "{}" + "]}")
    (place / "hosts.yml").write_text(json.dumps([{"host": "web1", "address": "192.0.2.1"}]))
    before = _grown()
    assert main(["audit", "-i", "hosts.yml", "--sightings", "sightings.json", "-o", "out"]) == 2
    assert _grown() - before < 120_000_000
    said = capsys.readouterr().err
    assert "sightings.json: " in said
    assert "than it may" in said


def test_more_addresses_than_a_host_may_have_are_not_dropped_in_silence() -> None:
    some = tuple(f"10.{number >> 8}.{number & 255}.1" for number in range(10_000))
    assert unpack_addresses(pack_addresses(some)) == some
    with pytest.raises(HostError, match="10001 addresses"):
        unpack_addresses(pack_addresses((*some, "192.0.2.1")))
