"""The folder that ``auditor ingest events`` writes: a table, a page for people, and the sealed sightings."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditor import __version__
from auditor.cli.files import write_whole
from auditor.errors import OutputError
from auditor.ingest.document import LARGEST, sealed
from auditor.ingest.events.reading import FileReading
from auditor.model.outside import Origin, OutsideRecord, OutsideSighting, bounded
from auditor.report.csv_tables import write_rows
from auditor.report.events_page import events_page
from auditor.report.visible import visible

Row = Mapping[str, Any]


def write_events(
    folder: Path,
    rows: Sequence[Row],
    sightings: tuple[OutsideSighting, ...],
    files: Sequence[FileReading],
    *,
    catalogue_sha256: str,
    rules_sha256: str | None,
    left_out: int,
) -> Path:
    """Write ``events.csv``, ``index.html`` and ``sightings.json`` into a folder, each whole, and return it."""
    read = sorted((one.outside_file() for one in files), key=lambda one: (one.sha256, one.name))
    record = OutsideRecord(
        origin=Origin.EVENT,
        tool_version=__version__,
        catalogue_sha256=catalogue_sha256,
        files=tuple(read),
        rules_sha256=rules_sha256,
        sightings=sightings,
        left_out=left_out,
    )
    document = sealed(record)
    while len(document) > LARGEST:
        # Texts of a record may be escaped to six times their length: what no reader would take is not written.
        kept, more = bounded(list(record.sightings), len(record.sightings) // 2)
        record = replace(record, sightings=kept, left_out=record.left_out + more)
        document = sealed(record)
    table = io.StringIO()
    names = list(rows[0]) if rows else ["host", "device", "product"]
    write_rows(table, names, rows)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{visible(str(folder))}: cannot be written: {error.strerror}") from error
    write_whole(folder / "events.csv", table.getvalue())
    write_whole(folder / "index.html", events_page(rows, read))
    write_whole(folder / "sightings.json", document)
    return folder
