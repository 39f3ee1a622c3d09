"""Whatever stands in a text that is not ours, of a host, an inventory, a policy or an exception: no format acts on it.

Every field of the schema that admits any text says the same hostile thing, and once something harmless. What is written
of both has the same form, and the hostile text can be read from it again.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
from jsonschema import Draft202012Validator
from openpyxl import load_workbook

from auditor.cli.main import COMMANDS, parser_for
from auditor.cli.main import main as auditor
from auditor.cli.terminal import FORMATS as FORMATS_OF_LISTS
from auditor.report.formats import FORMATS
from auditor.report.results_json import schema
from auditor.report.rows import compact
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible
from auditor.report.writing import write_report
from tests.report.hostile_rows import Said
from tests.report.stored_rows import store_rows

pytestmark = pytest.mark.slow

HARMLESS = "harmless"
HOSTILE = {
    "markup": "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>&lt;",
    "link": "javascript:alert(1)//",
    "template": "{{ 7*7 }}{% raw %}{# x #}${7*7}#{7*7}<%= 7*7 %>",
    "equals": "=cmd|' /C calc'!A0",
    "plus": "+1;=1",
    "minus": '-2+3;"=1',
    "at": "@SUM(1)",
    "tab": "\t=1",
    "line-end": "\r\n=1",
    "quotes": '",\n"\'`\\',
    "control": "\x00\x01\x08\x0b\x0c\x7f\x85\x9b2J",
    "terminal": "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://192.0.2.1\x1b\\",
    "direction": "\u202eexe.\u2066\u2069\u200b\u200e\ufeff\u2028\u00ad\U000e0041",
    "not-in-xml": "<r>]]>\ufffe\uffff\U0001ffff&#0;</r>",
    "half-characters": "\ud800a\udfff\udc00\ud83d",
    "path": "../../../../etc/passwd",
    "long": "W" * 3_000,
}
_SIGN = re.compile(r"⟨U\+([0-9A-F]{4,6})⟩")
_CUT = 32_767


def said(text: str) -> str:
    """Return a text as the store hands it on."""
    whole: str = json.loads(compact({"text": text}))["text"]
    return whole


@pytest.fixture(scope="module")
def harmless(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return _written(sample, HARMLESS, tmp_path_factory.mktemp("harmless"))


def _written(sample: RunRows, text: str, folder: Path) -> dict[str, Path]:
    write_report(Said(text, sample.controls).rows(sample), folder, list(FORMATS.values()))
    # The place of a page in the ledger is its name; what is behind it tells people whose it is.
    return {_place(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}


def _place(file: Path) -> str:
    number, sign, _ = file.name.partition("-")
    return str(file.with_name(number)) if sign and number.isdigit() else str(file)


def test_such_rows_are_those_of_results(sample: RunRows) -> None:
    rows = Said("x", sample.controls).rows(sample)
    results = {
        "run": rows.run,
        "controls": rows.controls,
        "ledger": rows.ledger,
        "hosts": list(rows.hosts()),
        "findings": rows.findings,
        **{name: getattr(rows, name) for name in ("exceptions", "approvals", "accepted_limits")},
    }
    assert [error.message for error in Draft202012Validator(schema()).iter_errors(results)] == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_format_acts_on_it(sample: RunRows, harmless: Mapping[str, Path], text: str, tmp_path: Path) -> None:
    hostile = _written(sample, text, tmp_path)
    assert list(hostile) == list(harmless)
    names = [part for file in tmp_path.rglob("*") for part in file.relative_to(tmp_path).parts]
    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)] == []
    rows = Said(text, sample.controls).rows(sample)
    for place, file in hostile.items():
        _CHECKS[file.suffix](file, harmless[place], said(text))
    results = json.loads(hostile["results.json"].read_bytes())
    assert (
        results["hosts"]
        == list(rows.hosts())
        == [json.loads(line) for line in hostile["hosts.jsonl"].read_text(encoding="ascii").splitlines()]
    )
    assert results["ledger"] == rows.ledger
    assert results["findings"] == rows.findings
    assert results["exceptions"] == rows.exceptions
    assert results["approvals"] == rows.approvals
    assert results["accepted_limits"] == rows.accepted_limits


# A file beside, a place on a page, or hosts that are asked for: whatever is wanted of these is percent-encoded.
_OURS = re.compile(r"[a-z0-9./_-]*(#[a-z0-9_-]*(\?[A-Za-z0-9._~%=&-]*)?)?")


class _Page(HTMLParser):
    """The elements of a page with the names of their attributes, in order, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}", ()))

    def handle_data(self, data: str) -> None:
        self.text += data


def _check_page(file: Path, other: Path, text: str) -> None:
    written = file.read_text(encoding="utf-8")
    page, known = _Page(written), _Page(other.read_text(encoding="utf-8"))
    assert page.elements == known.elements, file
    foreign = [link for link in page.links if link not in known.links and not _OURS.fullmatch(link)]
    assert foreign == [], file
    assert {char for char in set(written) if not char.isprintable()} <= {"\n"}, file
    assert HARMLESS not in known.text or visible(text).split()[0] in page.text, file


def _check_table(file: Path, other: Path, text: str) -> None:
    encoding = "utf-8-sig" if file.parent.name == "csv-excel" else "utf-8"
    _check_rows(file.read_text(encoding=encoding), other.read_text(encoding=encoding), text)


def _check_rows(written: str, other: str, text: str) -> None:
    rows, known = (list(csv.reader(io.StringIO(one, newline=""))) for one in (written, other))
    assert [len(row) for row in rows] == [len(row) for row in known]
    for cell, plain in zip(_cells(rows), _cells(known), strict=True):
        assert cell.isprintable(), cell
        for part in cell.split(";"):
            assert not part.lstrip("\"' ").startswith(("=", "+", "-", "@")) or part.lstrip('" ').startswith("'"), cell
        assert not cell.startswith(("=", "+", "-", "@", " ")) or plain == cell, cell
        assert _read_again(cell).count(text) == plain.count(HARMLESS), cell


def _cells(rows: list[list[str]]) -> Iterator[str]:
    return (cell for row in rows for cell in row)


def _read_again(cell: str) -> str:
    """Undo what disarms a cell: the apostrophe before what would be a formula, and signs written out."""
    parts = [re.sub(r"""^(["' ]*)'(?=["' ]*[=+@-])""", r"\1", part) for part in cell.split(";")]
    parts = [part.removeprefix("'") if part.startswith(("' ⇥", "'⟨U+000")) else part for part in parts]
    return _SIGN.sub(lambda sign: chr(int(sign[1], 16)), ";".join(parts).replace(" ⇥ ", "\t"))


def _check_json(file: Path, other: Path, _text: str) -> None:
    written = file.read_text(encoding="ascii")
    assert {char for char in set(written) if not char.isprintable()} <= {"\n"}, file
    for line, plain in zip(_documents(file, written), _documents(other, other.read_text()), strict=True):
        assert _form(json.loads(line)) == _form(json.loads(plain)), file


def _documents(file: Path, written: str) -> list[str]:
    return written.splitlines() if file.suffix == ".jsonl" else [written]


def _form(node: Any) -> Any:
    """Return what a document is made of, without its texts; names of members that are ids do not count."""
    if isinstance(node, dict):
        return [_form(inner) for inner in node.values()]
    return [_form(inner) for inner in node] if isinstance(node, list) else type(node)


def _check_workbook(file: Path, other: Path, text: str) -> None:
    book, known = load_workbook(file), load_workbook(other)
    assert book.sheetnames == known.sheetnames
    shown = visible(text) if not text.startswith("<r>") else f"⟨U+003C⟩{visible(text[1:])}"
    for name in book.sheetnames:
        assert book[name].dimensions == known[name].dimensions, name
        for row, plain_row in zip(book[name].iter_rows(), known[name].iter_rows(), strict=True):
            for cell, plain in zip(row, plain_row, strict=True):
                assert cell.data_type == plain.data_type != "f", (name, cell.coordinate)
                assert cell.hyperlink is None
                value = str(cell.value)
                assert len(value) <= _CUT
                if HARMLESS in str(plain.value) and len(text) < _CUT:
                    assert value.count(shown) + value[1:].count(visible(text)) >= str(plain.value).count(HARMLESS)
    assert _parts(file) == _parts(other)


def _parts(file: Path) -> dict[str, set[str]]:
    """Return the elements of each part of a workbook."""
    with ZipFile(file) as packed:
        return {
            name: {element.tag for element in ET.fromstring(packed.read(name)).iter()}  # noqa: S314 — our own
            for name in packed.namelist()
        }


def _check_same(file: Path, other: Path, _text: str) -> None:
    assert file.read_bytes() == other.read_bytes(), file


def _lists() -> list[str]:
    """Return the commands that print rows of a run."""
    found = []
    for name in COMMANDS:
        actions = parser_for(name)._actions
        known = {word: action for action in actions for word in action.option_strings}
        if any(action.required and action.nargs != "*" for action in actions):
            continue
        if "--store" in known and tuple(known.get("--format", known["--store"]).choices or ()) == FORMATS_OF_LISTS:
            found.append(name)
    return found


def test_the_commands_that_list_are_known() -> None:
    assert {"diff", "exceptions", "findings", "hosts", "listeners", "runs", "software"} <= set(_lists())


def test_no_list_acts_on_it(sample: RunRows, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stores = {
        text: store_rows(Said(text, sample.controls).rows(sample), tmp_path / f"{number}.sqlite")
        for number, text in enumerate((HARMLESS, *HOSTILE.values()))
    }
    for name, form in product(_lists(), FORMATS_OF_LISTS):
        plain = _printed(name, form, stores[HARMLESS], capsys)
        assert plain, name
        for text in HOSTILE.values():
            written = _printed(name, form, stores[text], capsys)
            assert [char for char in set(written) if not char.isprintable() and char != "\n"] == [], (name, form)
            assert written.count("\n") == plain.count("\n"), (name, form)
            if form == "csv":
                _check_rows(written, plain, said(text))
            elif form == "json":
                assert _form(json.loads(written)) == _form(json.loads(plain)), name


def _printed(name: str, form: str, store: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert auditor([name, "--store", str(store), "--format", form]) in (0, 1)
    told = capsys.readouterr()
    assert [char for char in set(told.err) if not char.isprintable() and char != "\n"] == [], name
    return told.out


# A format that writes something else says here what is safe of it.
_CHECKS = {
    ".html": _check_page,
    ".csv": _check_table,
    ".json": _check_json,
    ".jsonl": _check_json,
    ".xlsx": _check_workbook,
    ".css": _check_same,
    ".js": _check_same,
}
