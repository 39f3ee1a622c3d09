"""What exporters say of their sampling is said of the conversations, whenever it comes and however it is told."""

import struct
from pathlib import Path

import pytest

from auditor.ingest.flows.conversations import Conversations
from auditor.ingest.flows.reading import FlowFile, Ways
from auditor.ingest.flows.record import Wanted
from tests.ingest.flows.test_formats import BEGAN
from tests.ingest.flows.test_laws import _FIELDS, netflow_v5

_RECORD = struct.pack(
    ">4s4sHHBIIQQ", bytes((10, 0, 0, 5)), bytes((203, 0, 113, 5)), 50111, 5938, 6, 1000, 10, BEGAN * 1000, BEGAN * 1000
)


def message(version: int, *sets: tuple[int, bytes], domain: int = 1) -> bytes:
    body = b"".join(struct.pack(">HH", number, 4 + len(one)) + one for number, one in sets)
    if version == 9:
        return struct.pack(">HHIIII", 9, 1, 1000, BEGAN, 0, domain) + body
    return struct.pack(">HHIII", 10, 16 + len(body), BEGAN, 0, domain) + body


def fields(*parts: tuple[int, int]) -> bytes:
    return b"".join(struct.pack(">HH", *part) for part in parts)


def records(version: int, *more: tuple[int, int], values: bytes = b"") -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    """Return a template and two records, with further parts at their end."""
    parts = (*_FIELDS, *more)
    template = struct.pack(">HH", 256, len(parts)) + fields(*parts)
    return (0 if version == 9 else 2, template), (256, (_RECORD + values) * 2)


def options(version: int, *parts: tuple[int, int], values: bytes) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    """Return a template of options about an interface, by whose number NetFlow v9 could be misread, and a record."""
    if version == 9:
        head = struct.pack(">HHH", 257, 4, 4 * len(parts)) + fields((2, 4), *parts)
        return (1, head), (257, bytes(4) + values)
    head = struct.pack(">HHH", 257, 1 + len(parts), 1) + fields((149, 4), *parts)
    return (3, head), (257, bytes(4) + values)


def sampled(place: Path, data: bytes) -> tuple[int, ...]:
    (place / "x").write_bytes(data)
    file = FlowFile(path=place / "x", ways=Ways())
    added = Conversations(telling=frozenset({(6, 5938)}))
    added.add(file.flows(Wanted({5938})), file)
    assert (file.tally.refused, file.tally.is_cut_short) == (0, False), file.tally.problems
    (one,) = added.all()
    assert one.bytes == 1000 * one.count > 0
    return one.sampled


@pytest.mark.parametrize(("word", "expected"), [(0, ()), (1, ()), (0x4001, ()), (100, (100,)), (0x4000 | 64, (64,))])
def test_the_head_of_netflow_v5(word: int, expected: tuple[int, ...], tmp_path: Path) -> None:
    data = netflow_v5()
    assert sampled(tmp_path, data[:22] + word.to_bytes(2, "big") + data[24:]) == expected


_INTERVAL = ((34, 4), (35, 1))
_BY_100 = struct.pack(">IB", 100, 1)


@pytest.mark.parametrize("version", [9, 10])
@pytest.mark.parametrize("is_before", [True, False])
def test_options_of_a_domain_before_its_records_or_after(version: int, is_before: bool, tmp_path: Path) -> None:
    said = message(version, *options(version, *_INTERVAL, values=_BY_100))
    flows = message(version, *records(version))
    assert sampled(tmp_path, said + flows if is_before else flows + said) == (100,)


@pytest.mark.parametrize("version", [9, 10])
def test_options_of_another_domain_say_nothing(version: int, tmp_path: Path) -> None:
    said = message(version, *options(version, *_INTERVAL, values=_BY_100), domain=7)
    assert sampled(tmp_path, said + message(version, *records(version))) == ()


@pytest.mark.parametrize("version", [9, 10])
def test_a_record_names_its_sampler(version: int, tmp_path: Path) -> None:
    sampler = (48, 1) if version == 9 else (302, 8)
    number = struct.pack(">B" if version == 9 else ">Q", 3)
    one = message(version, *options(version, sampler, (50, 4), values=number + struct.pack(">I", 512)))
    other = message(version, *options(version, sampler, (50, 4), values=bytes(len(number)) + struct.pack(">I", 7)))
    flows = message(version, *records(version, sampler, values=number))
    assert sampled(tmp_path, one + other + flows) == (512,)
    assert sampled(tmp_path, message(version, *records(version))) == ()
    # It names one that nobody tells of: that it is sampled is known, and not how.
    assert sampled(tmp_path, flows) == (0,)


def test_intervals_and_spaces_of_ipfix(tmp_path: Path) -> None:
    said = message(10, *options(10, (302, 2), (305, 4), (306, 4), values=struct.pack(">HII", 5, 1, 999)))
    assert sampled(tmp_path, said + message(10, *records(10, (302, 2), values=b"\0\5"))) == (1000,)
    said = message(10, *options(10, (309, 4), (310, 4), values=struct.pack(">II", 10, 4000)))
    assert sampled(tmp_path, said + message(10, *records(10))) == (400,)


def test_records_that_say_it_themselves(tmp_path: Path) -> None:
    flows = message(10, *records(10, (34, 4), values=struct.pack(">I", 20)))
    whole = message(10, *records(10, (34, 4), values=struct.pack(">I", 1)))
    assert sampled(tmp_path, flows) == (20,)
    assert sampled(tmp_path, whole) == ()
    assert sampled(tmp_path, flows + whole) == (20,)
