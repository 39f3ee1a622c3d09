"""Excel reads every letter of the tables, which are the same as those that programs read."""

from pathlib import Path

from auditor.report import csv_tables
from auditor.report.csv_excel import FORMAT
from auditor.report.run_rows import RunRows


def test_the_tables_are_those_of_csv_behind_the_mark_of_utf_8(sample: RunRows, tmp_path: Path) -> None:
    made = FORMAT.write(sample, tmp_path)
    plain = csv_tables.FORMAT.write(sample, tmp_path)
    assert [file.name for file in made] == [file.name for file in plain]
    assert [file.read_bytes() for file in made] == [b"\xef\xbb\xbf" + file.read_bytes() for file in plain]
