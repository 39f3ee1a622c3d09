"""Read a file of events: tell its format by what it holds, read each record, count what is understood and what not."""

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from auditor.errors import UsageError
from auditor.ingest.events.defender import defender_event, is_defender
from auditor.ingest.events.evtx_file import MAGIC, evtx_records
from auditor.ingest.events.linux import (
    auditd_events,
    ausearch_event,
    is_ausearch,
    is_journal,
    journal_event,
)
from auditor.ingest.events.records import Record, Text, csv_records, json_records, lines_of
from auditor.ingest.events.windows import is_windows, windows_event
from auditor.ingest.opening import DAMAGES, Damaged, opened
from auditor.model.device_event import DeviceEvent, RefusedRecord
from auditor.model.outside import TEXT_LENGTH, OutsideFile

Told = tuple[int, DeviceEvent | RefusedRecord | None]

_BEGIN = 4096
_PACKED = (".gz", ".zst")
_AUDITD = (b"type=", b"node=", b"----")
_WHOLE_JSON = ("results", "Results", "value", "events")
"""Members that hold the records of a file which is one object."""
_WRAPPED = frozenset(("result", "_source", *_WHOLE_JSON))


class _Kind(NamedTuple):
    """A kind of records."""

    name: str
    """What it is called."""
    knows: Callable[[Mapping[str, Any]], bool]
    """Tells whether a record is of it."""
    read: Callable[[Mapping[str, Any]], DeviceEvent | None]
    """Reads one."""


@dataclass(slots=True)
class FileReading:
    """One file on its way: its events, and afterwards what became of its records."""

    file: Path
    """The file."""
    device: str | None = None
    """Whose records are that name no device; None for the file's name without its endings."""
    format: str = "unknown"
    """What it was read as."""
    read: int = 0
    """Records that were understood, those of kinds that are not looked at included."""
    others: int = 0
    """Of these, records of kinds that are not looked at."""
    refused: list[RefusedRecord] = field(default_factory=list)
    """The first records that were not understood."""
    refused_count: int = 0
    """How many there are of them."""
    cut_short: str | None = None
    """Why the rest is not known; None where all of it was read."""
    sha256: str = ""
    """SHA-256 of its bytes as they lie there."""

    _SHOWN = 20

    def events(self) -> Iterator[DeviceEvent]:
        """Yield its events, once; UsageError for a file that is of none of the formats."""
        with opened(self.file) as file:
            try:
                for _, found in self._told(file.stream):
                    if isinstance(found, DeviceEvent):
                        self.read += 1
                        yield found
                    else:
                        self._count(found)
            except Damaged as error:
                self.cut_short = str(error)
            except DAMAGES as error:
                self.cut_short = f"its packing is damaged: {error}"
            self.sha256 = file.sha256()

    def _count(self, found: RefusedRecord | None) -> None:
        if found is None:
            self.read += 1
            self.others += 1
            return
        self.refused_count += 1
        if len(self.refused) < self._SHOWN:
            self.refused.append(found)

    def outside_file(self) -> OutsideFile:
        """Return what is sealed of it; it has to be read to its end before."""
        return OutsideFile(
            name=self.file.name[:TEXT_LENGTH].encode("utf-8", "replace").decode(),
            sha256=self.sha256,
            format=self.format,
            read=self.read,
            refused=self.refused_count,
            is_cut_short=self.cut_short is not None,
        )

    def _told(self, stream: "io.BufferedReader[Any]") -> Iterator[Told]:
        begin = stream.peek(_BEGIN)[:_BEGIN]
        if not begin:
            raise UsageError(f"{self.file}: is empty: no events were looked at")
        if begin.startswith(MAGIC):
            self.format = "evtx"
            yield from _mapped(self._evtx(stream), windows_event)
            return
        if begin.lstrip(b"\xef\xbb\xbf \r\n").startswith(_AUDITD):
            self.format = "auditd"
            yield from auditd_events(lines_of(Text(stream)), self._device())
            return
        text = Text(stream)
        sample = begin.decode("utf-16" if begin[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
        is_json = sample.lstrip("\ufeff \r\n\t").startswith(("{", "["))
        records = _unwrapped(json_records(text)) if is_json else csv_records(text)
        kinds = self._kinds()
        names: dict[str, None] = {}
        unknown: Mapping[str, Any] | None = None
        for number, record in records:
            if isinstance(record, RefusedRecord):
                yield number, record
                continue
            # The next one is mostly of the same kind.
            if not kinds[0].knows(record):
                at = next((place for place, kind in enumerate(kinds) if kind.knows(record)), None)
                if at is None:
                    unknown = unknown or record
                    yield number, RefusedRecord(number=number, reason="is no event of a kind that is known here")
                    continue
                kinds.insert(0, kinds.pop(at))
            if kinds[0].name not in names:
                names[kinds[0].name] = None
                self.format = f"{' and '.join(names)} ({'json' if is_json else 'csv'})"
            yield number, _read(kinds[0].read, record, number)
        if not names and unknown is not None:
            raise UsageError(
                f"{self.file}: holds no events that are known here (its first record has "
                f"{', '.join(list(map(str, unknown))[:6])[:120]}): docs/events.md says which exports are read"
            )

    def _kinds(self) -> list[_Kind]:
        """Return the kinds of records that are known, the surest to tell first."""
        return [
            _Kind("windows", is_windows, windows_event),
            _Kind("defender", is_defender, defender_event),
            _Kind("journald", is_journal, lambda one: journal_event(one, self._device())),
            _Kind("ausearch", is_ausearch, lambda one: ausearch_event(one, self._device())),
        ]

    def _device(self) -> str:
        if self.device is not None:
            return self.device
        name = self.file.name
        for ending in _PACKED:
            name = name.removesuffix(ending)
        return name.rsplit(".", 1)[0]

    def _evtx(self, stream: "io.BufferedReader[Any]") -> Iterator[Record]:
        """Give the library a file of its own where ours is packed: it moves about in it."""
        if not self.file.name.endswith(_PACKED) and _is_plain(self.file):
            yield from evtx_records(self.file)
            return
        with tempfile.NamedTemporaryFile(prefix="auditor-evtx-") as place:
            shutil.copyfileobj(stream, place)
            place.flush()
            yield from evtx_records(Path(place.name))


def _is_plain(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def _unwrapped(records: Iterator[Record]) -> Iterator[Record]:
    """Yield the records themselves, where each lies in another object, or all of them do."""
    for number, record in records:
        if isinstance(record, RefusedRecord):
            yield number, record
            continue
        if _WRAPPED.isdisjoint(record):
            yield number, record
            continue
        result = record.get("result")
        if isinstance(result, dict):  # Splunk
            yield number, result
            continue
        many = next((record[name] for name in _WHOLE_JSON if isinstance(record.get(name), list)), None)
        if many is None:
            source = record.get("_source")  # Elasticsearch
            yield number, source if isinstance(source, dict) else record
            continue
        for place, one in enumerate(many, 1):
            yield place, one if isinstance(one, dict) else RefusedRecord(number=place, reason="is no JSON object")


def _mapped(records: Iterator[Record], read: Callable[[Mapping[str, Any]], DeviceEvent | None]) -> Iterator[Told]:
    for number, record in records:
        yield number, record if isinstance(record, RefusedRecord) else _read(read, record, number)


def _read(
    read: Callable[[Mapping[str, Any]], DeviceEvent | None], record: Mapping[str, Any], number: int
) -> DeviceEvent | RefusedRecord | None:
    try:
        return read(record)
    except ValueError as error:
        return RefusedRecord(number=number, reason=str(error))
