"""Hosts from a CSV file with a header."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from auditor.errors import InventoryError, Problem
from auditor.inventory.rows import COLUMNS, Row, column_problem, hosts_from, repeated_columns
from auditor.model.host import Host


def read_csv(text: str, file: Path) -> tuple[Host, ...]:
    """Read a comma-separated file whose first line names the columns; InventoryError names everything wrong."""
    lines = _lines(text.removeprefix("\ufeff"), file)
    number, header = next(lines, (1, []))
    names = [name.strip() for name in header]
    if "host" not in names:
        raise InventoryError(Problem(message=_no_host(names), file=file, line=number))
    problems = [problem for name in names if (problem := column_problem(name)) is not None]
    problems += [what for _, what in repeated_columns(names)]
    if problems:
        # Rows are not looked at: what they hold depends on the header.
        raise InventoryError([Problem(message=problem, file=file, line=number) for problem in problems])
    rows = []
    wrong = []
    for line, cells in lines:
        if len(cells) > len(names):
            message = f"{len(cells)} cells in {len(names)} columns (a comma inside a cell needs quotes around the cell)"
            wrong.append(Problem(message=message, file=file, line=line))
            continue
        values = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
        rows.append(Row(values=values, line=line, lines={}))
    return hosts_from(rows, file, wrong)


def _lines(text: str, file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that hold something, each with the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InventoryError(Problem(message=f"not CSV: {error}", file=file, line=begins)) from error


def _no_host(names: list[str]) -> str:
    """Say why a first line is no header of ours."""
    if len(names) == 1:
        for mark, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if mark in names[0]:
                return f"the columns are parted by {word}, and commas are wanted: save the file as comma-separated"
    return f"the first line must name the columns, `host` among them: {','.join(COLUMNS)}"
