"""Files of events, read apart: the sightings that they add up to, and what became of the records."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.ingest.document import check_record, fitting
from auditor.ingest.events.reading import FileReading
from auditor.model.device_event import RefusedRecord
from auditor.model.outside import Origin, OutsideFile, OutsideRecord
from auditor.model.record import Record
from auditor.run.apart import Begin, apart
from auditor.run.event_sightings import EventSightings

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_REASON = 400


class EventFile(Record, kw_only=True):
    """What became of one file."""

    told: OutsideFile
    """What is sealed of it."""
    others: int
    """Of its records, those of kinds that are not looked at."""
    refused: tuple[RefusedRecord, ...]
    """The first records that were not understood."""
    cut_short: str | None
    """Why the rest is not known; None where all of it was read."""


class EventsRead(Record, kw_only=True):
    """What the process that reads hands back."""

    files: tuple[EventFile, ...]
    """The files, in the order in which they were named."""
    record: OutsideRecord
    """What they show, as it is sealed."""
    beyond: int
    """Events of rows beyond those that are added up at a time."""
    used: dict[str, int]
    """Events that each suppression covered."""


def read_events(
    files: "Sequence[Path]", device: str | None, found: EventSightings, made_by: tuple[str, str, str | None]
) -> EventsRead:
    """Read files in a process with limits; UsageError where one is of no known format, or breaks a limit.

    ``device`` is whose records are that name none. ``made_by`` is what the record is made by: version of the tool,
    digest of the catalogue, digest of the suppressions.
    """
    read = apart(lambda begin: _read(files, device, found, made_by, begin), EventsRead, files)
    if len(read.files) != len(files):
        raise RuntimeError("what was read of events is of other files than were asked for")
    try:
        check_record(read.record)
    except ValueError as error:
        raise RuntimeError(f"what was read of events is not what it should be: {error}") from error
    return read


def _read(
    files: "Sequence[Path]",
    device: str | None,
    found: EventSightings,
    made_by: tuple[str, str, str | None],
    begin: Begin,
) -> EventsRead:
    read = []
    for file in files:
        begin(file)
        reading = FileReading(file=file, device=device)
        for event in reading.events():
            found.add(event)
        read.append(_told(reading))
    sightings, left_out = found.sightings()
    tool, catalogue, rules = made_by
    record = OutsideRecord(
        origin=Origin.EVENT,
        tool_version=tool,
        catalogue_sha256=catalogue,
        files=tuple(sorted((one.told for one in read), key=lambda one: (one.sha256, one.name))),
        rules_sha256=rules,
        sightings=sightings,
        left_out=left_out,
    )
    return EventsRead(files=tuple(read), record=fitting(record)[0], beyond=found.left_out, used=dict(found.used))


def _told(reading: FileReading) -> EventFile:
    return EventFile(
        told=reading.outside_file(),
        others=reading.others,
        refused=tuple(RefusedRecord(number=one.number, reason=_plain(one.reason)) for one in reading.refused),
        cut_short=None if reading.cut_short is None else _plain(reading.cut_short),
    )


def _plain(text: str) -> str:
    """Cut a hostile text, and take out of it what UTF-8 cannot say."""
    return text[:_LONGEST_REASON].encode("utf-8", "replace").decode()
