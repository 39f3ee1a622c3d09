"""The folder that ``auditor ingest events`` writes: a table, a page for people, and the sealed sightings."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auditor.cli.files import write_whole
from auditor.errors import OutputError
from auditor.model.outside import OutsideRecord
from auditor.report.csv_tables import write_rows
from auditor.report.events_page import events_page
from auditor.report.visible import visible

Row = Mapping[str, Any]


def write_events(folder: Path, rows: Sequence[Row], record: OutsideRecord, document: str) -> Path:
    """Write ``events.csv``, ``index.html`` and ``sightings.json`` into a folder, each whole, and return it."""
    table = io.StringIO()
    names = list(rows[0]) if rows else ["host", "device", "product"]
    write_rows(table, names, rows)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{visible(str(folder))}: cannot be written: {error.strerror}") from error
    write_whole(folder / "events.csv", table.getvalue())
    write_whole(folder / "index.html", events_page(rows, record.files))
    write_whole(folder / "sightings.json", document)
    return folder
