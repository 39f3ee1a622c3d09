"""The results as data: results.json, hosts.jsonl, and the schema that says what stands in them."""

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import TextIO

from auditor.report.format import Format
from auditor.report.rows import Row, compact
from auditor.report.run_rows import RunRows

SCHEMA_NAME = "results.schema.json"
"""Name of the schema, in the package and beside the results."""
_BLOCK = 1 << 18
"""Bytes that are handed to the disk at once: the line of a host has some fifty thousand."""


def schema() -> Row:
    """Return the JSON Schema (2020-12) of results.json."""
    loaded: Row = json.loads(_schema_text())
    return loaded


def _schema_text() -> str:
    return (files("auditor.report") / "schemas" / SCHEMA_NAME).read_text(encoding="utf-8")


def _write(rows: RunRows, folder: Path) -> list[Path]:
    """Write both files in one pass; a host's line is copied as the store keeps it, never encoded again."""
    results, lines, beside = folder / "results.json", folder / "hosts.jsonl", folder / SCHEMA_NAME
    with (
        results.open("w", _BLOCK, encoding="utf-8", newline="\n") as whole,
        lines.open("w", _BLOCK, encoding="utf-8", newline="\n") as each,
    ):
        whole.write(f'{{"run":{compact(rows.run)},\n"controls":{compact(dict(rows.controls))},\n')
        whole.write(f'"exceptions":{compact(dict(rows.exceptions))},\n"approvals":{compact(dict(rows.approvals))},\n')
        whole.write(f'"accepted_limits":{compact(dict(rows.accepted_limits))},\n')
        whole.write('"ledger":[')
        _write_rows(whole, rows.ledger)
        whole.write('\n],\n"hosts":[')
        separator = "\n"
        for line in rows.host_lines():
            whole.write(separator)
            whole.write(line)
            each.write(line)
            each.write("\n")
            separator = ",\n"
        whole.write('\n],\n"findings":[')
        _write_rows(whole, rows.findings)
        whole.write("\n]}\n")
    beside.write_text(_schema_text(), encoding="utf-8")
    return [results, lines, beside]


def _write_rows(stream: TextIO, rows: Iterable[Row]) -> None:
    separator = "\n"
    for row in rows:
        stream.write(separator)
        stream.write(compact(row))
        separator = ",\n"


FORMAT = Format(
    id="json",
    title="results.json and hosts.jsonl with their schema, for other tools",
    write=_write,
)
