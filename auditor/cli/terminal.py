"""How results look on a terminal: tables, and colours where they help."""

import json
import os
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, TextIO

from auditor.report.visible import inert, visible

Row = dict[str, Any]

_COLOURS = {
    "pass": "32",
    "compliant": "32",
    "fail": "1;31",
    "noncompliant": "1;31",
    "unknown": "33",
    "partial": "33",
    "unreachable": "35",
    "excepted": "36",
    "critical": "1;31",
    "high": "31",
}
_CELL = 60
_WIDTH, _NARROWEST, _GAP = 120, 80, 2
"""Characters of a line where no terminal says, of the narrowest table, and between two columns."""
_BLOCK = 500
"""Rows of a table that are held until their widths are known."""
FORMATS = ("table", "json", "csv")


def add_format_option(parser: ArgumentParser) -> None:
    """Add ``--format`` of the list commands."""
    parser.add_argument("--format", choices=FORMATS, default="table", help="how to print (default: table)")


def print_rows(rows: Sequence[Row], columns: Sequence[str], options: Namespace) -> None:
    """Print rows as the list commands do; ``columns`` are those of the table, JSON and CSV have every one."""
    if options.format == "json":
        print(json.dumps(list(rows), indent=1, ensure_ascii=True))
    elif options.format == "csv":
        from auditor.report.csv_tables import write_rows  # noqa: PLC0415 — only when asked for

        write_rows(sys.stdout, list(rows[0]) if rows else list(columns), rows)
    elif rows:
        print(table(rows, columns, coloured=has_colour(options, sys.stdout)))


def print_stream(rows: Iterable[Row], names: Sequence[str], columns: Sequence[str], options: Namespace) -> None:
    """Print rows as they come, however many; ``names`` are the members of each, ``columns`` those of the table.

    A table is printed a block at a time, each with its own head and as wide as what is in it.
    """
    if options.format == "json":
        separator = "[\n"
        for row in rows:
            print(f"{separator} {json.dumps(row, ensure_ascii=True)}", end="")
            separator = ",\n"
        print("[]" if separator == "[\n" else "\n]")
    elif options.format == "csv":
        from auditor.report.csv_tables import write_rows  # noqa: PLC0415 — only when asked for

        write_rows(sys.stdout, names, rows)
    else:
        coloured, left = has_colour(options, sys.stdout), iter(rows)
        while block := list(islice(left, _BLOCK)):
            print(table(block, columns, coloured=coloured))


def table(rows: Iterable[Row], columns: Sequence[str], *, coloured: bool = False, cell: int = _CELL) -> str:
    """Return a plain table; what a host said cannot act on the terminal."""
    return _table(list(rows), columns, [cell] * len(columns), coloured=coloured)


def fitted(rows: Sequence[Row], columns: Sequence[str], options: Namespace) -> str:
    """Return a plain table that is no wider than the terminal: the widest columns are cut first.

    What is no terminal takes 120 characters a line, unless ``COLUMNS`` says otherwise.
    """
    width = max(shutil.get_terminal_size((_WIDTH, 24)).columns, _NARROWEST)
    least = [len(name) + _GAP for name in columns]  # tabulate pads heads so
    wide = [max(low, *(len(_text(row.get(name))) for row in rows)) for name, low in zip(columns, least, strict=True)]
    room = width - _GAP * (len(columns) - 1)
    while sum(wide) > room and wide != least:
        wide[max(range(len(wide)), key=lambda place: (wide[place] > least[place], wide[place]))] -= 1
    return _table(rows, columns, wide, coloured=has_colour(options, sys.stdout))


def _table(rows: Sequence[Row], columns: Sequence[str], widths: Sequence[int], *, coloured: bool) -> str:
    import tabulate  # noqa: PLC0415 — 0.03 s that only commands with a table cost

    body = [
        [_cell(row.get(name), width, coloured=coloured) for name, width in zip(columns, widths, strict=True)]
        for row in rows
    ]
    heads = [name.replace("_", " ").upper() for name in columns]
    return tabulate.tabulate(body, headers=heads, tablefmt="plain", disable_numparse=True)


def _text(value: Any) -> str:  # noqa: ANN401 — whatever JSON holds
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(item) for item in value)
    return visible(str(value))


def _cell(value: Any, width: int, *, coloured: bool) -> str:  # noqa: ANN401 — whatever JSON holds
    text = _text(value)
    if len(text) > width:
        text = text[: width - 1] + "…"
    colour = _COLOURS.get(text) if coloured else None
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def heading(text: str, options: Namespace) -> str:
    """Return a heading above a table."""
    return f"\x1b[1m{text}\x1b[0m" if has_colour(options, sys.stdout) else text


def has_colour(options: Namespace, stream: TextIO) -> bool:
    """Tell whether a stream may be coloured."""
    return stream.isatty() and not options.no_color and not os.environ.get("NO_COLOR")


def say(options: Namespace, text: str) -> None:
    """Say something beside the results, on standard error, unless asked to be quiet."""
    if not options.quiet:
        print(inert(text), file=sys.stderr)
