"""How results look on a terminal: tables, and colours where they help."""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import tabulate

from auditor.report.visible import visible

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


def table(rows: Iterable[Row], columns: Sequence[str], *, coloured: bool = False, cell: int = _CELL) -> str:
    """Return a plain table; what a host said cannot act on the terminal."""
    body = [[_cell(row.get(name), cell, coloured=coloured) for name in columns] for row in rows]
    heads = [name.replace("_", " ").upper() for name in columns]
    return tabulate.tabulate(body, headers=heads, tablefmt="plain", disable_numparse=True)


def _cell(value: Any, width: int, *, coloured: bool) -> str:  # noqa: ANN401 — whatever JSON holds
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(item) for item in value)
    text = visible(str(value))
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
        print(text, file=sys.stderr)
