"""Records that somebody damaged, by accident or not: never a crash, and what is kept can be sealed and read back."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.errors import UsageError
from auditor.hunt.matching import Matcher
from auditor.ingest.document import parse_document, sealed
from auditor.ingest.events.reading import FileReading
from auditor.model.outside import Origin, OutsideRecord
from auditor.run.event_sightings import EventSightings
from tests.ingest.events import exports
from tests.ingest.events.test_reading import _AUDITD, _DEFENDER_NETWORK, _DEFENDER_PROCESS

_VALUES: list[Any] = [
    None, True, 0, -1, 1e999, 10**30, "", "-", "\ud800x", "a" * 5000, [], {}, [[]], {"a": 1}, ["x"],
    "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "/Date(99999999999999)/", "1e400", "%%14593", "65536",
    "\x00", exports.AT.isoformat(),
]  # fmt: skip
_RECORDS: list[Any] = [
    *(make(one) for make in (exports.winlogbeat, exports.get_winevent, exports.splunk) for one in exports.ALL),
    _DEFENDER_PROCESS,
    _DEFENDER_NETWORK,
    {"__REALTIME_TIMESTAMP": "1795162530101000", "_HOSTNAME": "w", "SYSLOG_IDENTIFIER": "sysmon", "MESSAGE": "<Event>"},
]


@pytest.fixture
def sightings() -> EventSightings:
    return EventSightings(
        matcher=Matcher(load_catalogue(), ["teamviewer", "anydesk"]),
        covers=lambda _event, _product: None,
        host_of=lambda _device: None,
    )


def _damaged(record: Any, dice: random.Random) -> None:
    places = list(record) if isinstance(record, dict) else list(range(len(record)))
    if not places:
        return
    place = dice.choice(places)
    if isinstance(record[place], (dict, list)) and dice.random() < 0.7:
        _damaged(record[place], dice)
    else:
        record[place] = copy.deepcopy(dice.choice(_VALUES))


def _read(file: Path, sightings: EventSightings) -> int:
    reading = FileReading(file=file)
    try:
        for event in reading.events():
            sightings.add(event)
    except UsageError:
        return 0
    assert reading.outside_file().sha256
    return reading.read


def test_values_of_every_kind_in_every_place(tmp_path: Path, sightings: EventSightings) -> None:
    dice, read = random.Random(7), 0  # noqa: S311 — a seed, no secret
    for _ in range(60):
        rows = [copy.deepcopy(row) for row in dice.choices(_RECORDS, k=30)]
        for row in rows:
            for _ in range(dice.randrange(1, 4)):
                _damaged(row, dice)
        exports.write_lines(tmp_path / "x", rows)
        read += _read(tmp_path / "x", sightings)
    found, _ = sightings.sightings()
    assert read > 500
    assert found
    record = OutsideRecord(origin=Origin.EVENT, tool_version="1", catalogue_sha256="0" * 64, files=(), sightings=found)
    assert parse_document(sealed(record).encode(), "x") == record


@pytest.mark.parametrize("name", ["auditd", "array", "a.evtx", "d.csv"])
def test_bytes_of_every_kind_in_every_place(tmp_path: Path, sightings: EventSightings, name: str) -> None:
    dice = random.Random(8)  # noqa: S311 — a seed, no secret
    data = {
        "auditd": _AUDITD.encode(),
        "array": json.dumps(_RECORDS, indent=4).encode(),
        **{key: file.read_bytes() for key, file in exports.write_all(tmp_path).items()},
    }[name]
    read = 0
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(dice.randrange(1, 12)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        (tmp_path / "x").write_bytes(damaged[: dice.randrange(len(damaged))] if dice.random() < 0.3 else damaged)
        read += _read(tmp_path / "x", sightings)
    # What is not damaged is read all the same.
    assert read
