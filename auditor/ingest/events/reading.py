"""Read a file of events: tell its format by what it holds, read each record, count what is understood and what not."""

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from auditor.ingest.events.opened import Damaged, opened
from auditor.ingest.events.records import Record, csv_records, json_records, lines_of, text_of
from auditor.ingest.events.windows import is_windows, windows_event
from auditor.model.device_event import DeviceEvent, RefusedRecord
from auditor.model.outside import OutsideFile

Told = tuple[int, DeviceEvent | RefusedRecord | None]

_BEGIN = 4096
_PACKED = (".gz", ".zst")
_AUDITD = (b"type=", b"node=", b"----")
_WHOLE_JSON = ("results", "Results", "value", "events")
"""Members that hold the records of a file which is one object."""


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
        with opened(self.file) as (stream, digested):
            try:
                for _, found in self._told(stream):
                    yield from self._counted(found)
            except Damaged as error:
                self.cut_short = str(error)
            self.sha256 = digested.rest()

    def _counted(self, found: DeviceEvent | RefusedRecord | None) -> Iterator[DeviceEvent]:
        if isinstance(found, RefusedRecord):
            self.refused_count += 1
            if len(self.refused) < self._SHOWN:
                self.refused.append(found)
            return
        self.read += 1
        if found is None:
            self.others += 1
        else:
            yield found

    def outside_file(self) -> OutsideFile:
        """Return what is sealed of it; it has to be read to its end before."""
        return OutsideFile(
            name=self.file.name,
            sha256=self.sha256,
            format=self.format,
            read=self.read,
            refused=self.refused_count,
            is_cut_short=self.cut_short is not None,
        )

    def _told(self, stream: io.BufferedReader) -> Iterator[Told]:
        begin = stream.peek(_BEGIN)[:_BEGIN]
        if begin.startswith(MAGIC):
            self.format = "evtx"
            yield from _mapped(self._evtx(stream), windows_event)
            return
        if begin.lstrip(b"\xef\xbb\xbf \r\n").startswith(_AUDITD):
            self.format = "auditd"
            yield from auditd_events(lines_of(text_of(stream)), self._device())
            return
        text = text_of(stream)
        sample = begin.decode("utf-16" if begin[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
        is_json = sample.lstrip("\ufeff \r\n\t").startswith(("{", "["))
        records = _unwrapped(json_records(text)) if is_json else csv_records(text)
        read: Callable[[Mapping[str, Any]], DeviceEvent | None] | None = None
        begun = "json" if is_json else "csv"
        for number, record in records:
            if isinstance(record, RefusedRecord):
                yield number, record
                continue
            if read is None:
                name, read = self._reader(record)
                self.format = f"{name} ({begun})"
            yield number, _read(read, record, number)

    def _reader(self, record: Mapping[str, Any]) -> tuple[str, Callable[[Mapping[str, Any]], DeviceEvent | None]]:
        """Return what reads records such as this one, the first that was understood."""
        if is_windows(record):
            return "windows", windows_event
        if is_defender(record):
            return "defender", defender_event
        if is_journal(record):
            return "journald", lambda one: journal_event(one, self._device())
        if is_ausearch(record):
            return "ausearch", lambda one: ausearch_event(one, self._device())
        names = ", ".join(list(map(str, record))[:6])
        raise UsageError(
            f"{self.file}: holds no events that are known here (its first record has {names[:120]}): docs/events.md "
            "says which exports are read"
        )

    def _device(self) -> str:
        if self.device is not None:
            return self.device
        name = self.file.name
        for ending in _PACKED:
            name = name.removesuffix(ending)
        return name.rsplit(".", 1)[0]

    def _evtx(self, stream: io.BufferedReader) -> Iterator[Record]:
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
