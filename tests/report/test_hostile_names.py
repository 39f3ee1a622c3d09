"""Whatever a host calls itself, its users, programs, packages and rules: no report holds what acts, or loses a host."""

import csv
import json
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.model.record import replace
from auditor.report.formats import FORMATS
from auditor.report.rows import compact
from auditor.report.run_rows import RunRows
from auditor.report.writing import write_report

pytestmark = pytest.mark.slow

SAID = frozenset(
    {"name", "version", "hostname", "detail", "reason", "process", "executable", "user", "rule", "quote", "tenant"}
    | {"subject", "privilege_note", "text", "host"}
)
"""Members of a row that hold, or may hold, a host's own words."""
_ACTING = "\x1b]0;owned\x07\x1b[2J\0\u202e\u2028</script><script>alert(1)</script><img src=x onerror=alert(2)>\ud800"


class _Tags(HTMLParser):
    """The elements of a page, with the names of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {(tag, ""), *((tag, name) for name, _ in attrs)}


def _renamed(node: Any, name: str) -> Any:
    """Return a row in which the host says one thing everywhere, behind what tells its rows apart."""
    if isinstance(node, dict):
        return {
            key: f"{value}{name}" if key in SAID and isinstance(value, str) else _renamed(value, name)
            for key, value in node.items()
        }
    return [_renamed(inner, name) for inner in node] if isinstance(node, list) else node


def _written(rows: RunRows, folder: Path) -> dict[str, str]:
    write_report(rows, folder, list(FORMATS.values()))
    return {str(file.relative_to(folder)): _text(file) for file in folder.rglob("*") if _is_ours(file)}


def _text(file: Path) -> str:
    # The mark of UTF-8 belongs at the head of the tables for Excel, and nowhere else.
    return file.read_text(encoding="utf-8-sig" if file.parent.name == "csv-excel" else "utf-8")


def _is_ours(file: Path) -> bool:
    return file.is_file() and file.suffix in (".html", ".csv", ".json", ".jsonl")


def _cells(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


_PIECES = [
    *("<b>", "'", '"', "&amp;", "-->", "{{ 7*7 }}", "=1+1", ";@x", "javascript:"),
    *("\t", "\n", "\r", "\x1b[2J", "\u202e", "\ud800", "\0"),
]
_NAMES = st.one_of(
    st.text(st.characters(exclude_categories=()), min_size=1, max_size=20),
    st.lists(st.sampled_from(_PIECES), max_size=6).map("".join),
)


@pytest.mark.parametrize("place", ["before", "behind"])
def test_no_report_holds_what_acts(sample: RunRows, place: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tags = {tag for text in _written(sample, Path(folder)).values() for tag in _Tags(text).found}

    @settings(max_examples=max(1, settings().max_examples // 12))
    @given(name=_NAMES)
    @example(name=_ACTING)
    def check(name: str) -> None:
        hosts = [_renamed(row, name) for row in sample.hosts()]
        if place == "before":
            hosts = [
                {**row, "hostname": name, "os": {**row["os"], "name": name} if row["os"] else None} for row in hosts
            ]
        # As the store hands them on.
        lines = [compact(row) for row in hosts]
        hosts = [json.loads(line) for line in lines]
        rows = replace(
            sample,
            ledger=[json.loads(compact(_renamed(row, name))) for row in sample.ledger],
            findings=[json.loads(compact(_renamed(row, name))) for row in sample.findings],
            hosts=lambda: iter(hosts),
            host_lines=lambda: iter(lines),
        )
        with tempfile.TemporaryDirectory() as folder:
            files = _written(rows, Path(folder))
        for file, text in files.items():
            assert [char for char in set(text) if not char.isprintable() and char not in "\r\n"] == [], file
            if file.endswith(".html"):
                assert {tag for tag in _Tags(text).found if tag not in tags} == set(), file
            if file.endswith(".csv"):
                assert len({len(row) for row in _cells(text)}) <= 1, file
                assert not [
                    cell for row in _cells(text) for cell in row if cell.lstrip().startswith(("=", "+", "@"))
                ], file
        assert [row["host"] for row in json.loads(files["results.json"])["hosts"]] == [row["host"] for row in hosts]
        assert len(files["hosts.jsonl"].splitlines()) == len(hosts)

    check()
