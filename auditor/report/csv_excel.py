"""The same tables as in csv/, opened by Excel with every letter right: it takes a file for UTF-8 only by its mark."""

from pathlib import Path

from auditor.report.csv_tables import write_tables
from auditor.report.format import Format
from auditor.report.run_rows import RunRows


def _write(rows: RunRows, folder: Path) -> list[Path]:
    # "utf-8-sig" puts the byte order mark (U+FEFF) in front, once a file; programs read csv/ without it.
    return write_tables(rows, folder / "csv-excel", encoding="utf-8-sig")


FORMAT = Format(
    id="csv-excel",
    title="the tables of csv with the mark by which Excel knows UTF-8",
    write=_write,
)
