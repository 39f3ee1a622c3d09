"""The workbook holds what the tables hold, and no cell of it acts."""

import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from auditor.model.record import replace
from auditor.report import xlsx
from auditor.report.run_rows import RunRows
from auditor.report.writing import write_report
from auditor.report.xlsx import FORMAT, SHEETS, content

_MARKUP = '<r></t></is></c><c r="A2"><f>HYPERLINK("http://192.0.2.1")</f></c></r>'
_HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "=HYPERLINK(1)",
    "http://192.0.2.1/",
    "mailto:a@b",
    "internal:Ledger!A1",
    "{=1}",
    "_x0041_",
    "<r>x</r>",
    _MARKUP,
    "</t></is></c><f>1</f>",
    "]]>",
    "\x1b[2J\u202e\0",
    " ",
    "12",
    "x" * 40_000,
)


@pytest.fixture(scope="module")
def book(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    place = tmp_path_factory.mktemp("workbook")
    (file,) = FORMAT.write(sample, place)
    assert list(place.iterdir()) == [file]
    return openpyxl.load_workbook(file)


def _rows(book: Workbook, sheet: str) -> list[dict[str, object]]:
    header, *rows = book[sheet].values
    return [dict(zip(header, row, strict=True)) for row in rows]


def _said_by(name: str, sample: RunRows, folder: Path) -> Path:
    """Write a fleet in which one name stands in every cell that a host can fill."""

    def renamed(node: object) -> object:
        if isinstance(node, dict):
            return {key: renamed(value) for key, value in node.items()}
        if isinstance(node, list):
            return [renamed(inner) for inner in node]
        return name if isinstance(node, str) else node

    def hostile(row: dict[str, object]) -> dict[str, object]:
        renamed_row = renamed(row)
        assert isinstance(renamed_row, dict)
        return renamed_row

    rows = replace(
        sample,
        run=sample.run | {"population": {**sample.run["population"], "only_in_population": [name]}},
        ledger=[hostile(row) for row in sample.ledger],
        findings=[hostile(row) for row in sample.findings],
        hosts=lambda: (hostile(row) for row in sample.hosts()),
        exceptions={name: hostile(next(iter(sample.exceptions.values())))},
        approvals={name: hostile(next(iter(sample.approvals.values())))},
    )
    (file,) = FORMAT.write(rows, folder)
    return file


def test_every_sheet_has_its_columns_a_fixed_header_and_a_filter(book: Workbook) -> None:
    assert book.sheetnames == list(SHEETS)
    for sheet in book:
        header = next(iter(sheet.values))
        assert list(header) == [column.name for column in SHEETS[sheet.title]], sheet.title
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref == sheet.dimensions
    documented = [(row["sheet"], row["column"]) for row in _rows(book, "Columns")]
    assert documented == [(name, column.name) for name, columns in SHEETS.items() for column in columns]


def test_the_workbook_holds_every_row_of_the_results(book: Workbook, sample: RunRows) -> None:
    hosts = list(sample.hosts())
    assert [row["host"] for row in _rows(book, "Ledger")] == [row["host"] for row in sample.ledger]
    assert [row["fingerprint"] for row in _rows(book, "Findings")] == [row["fingerprint"] for row in sample.findings]
    assert len(_rows(book, "Software")) == sum(len(host["sightings"]) for host in hosts)
    assert len(_rows(book, "Listeners")) == sum(len(host["listeners"]) for host in hosts)
    assert [(row["approval"], row["product"]) for row in _rows(book, "Approvals")] == [("helpdesk-xrdp", "xrdp")]
    (exception,) = _rows(book, "Exceptions")
    assert (exception["approved_by"], exception["end"], exception["findings"]) == ("c.brandt", "2026-12-31", 1)
    assert (exception["standing"], exception["why"]) == ("asserted", "c.brandt (approved_by) has not signed it")
    assert [(row["id"], row["hosts"]) for row in _rows(book, "Limits")] == [("perimeter", 8), ("software-sources", 8)]


def test_the_first_sheet_says_what_was_not_assessed(book: Workbook) -> None:
    about = {row["what"]: row["value"] for row in _rows(book, "About")}
    assert book.sheetnames[0] == "About"
    assert (about["Hosts in scope"], about["Hosts fully assessed"]) == (10, 6)
    assert (about["Hosts: Not reached"], about["Hosts: Partly assessed"]) == (2, 2)
    assert about["Verdicts: Unknown"] == 11
    assert about["Passes that rest on documentation only"] == 8


def test_ports_are_numbers_and_nothing_else_became_one(book: Workbook) -> None:
    rows = _rows(book, "Listeners")
    assert {type(row["port"]) for row in rows} == {int}
    assert {type(row["address"]) for row in rows} == {str}


@pytest.mark.parametrize("name", _HOSTILE, ids=lambda name: ascii(name[:24]))
def test_what_a_host_calls_itself_is_text_in_every_cell(name: str, sample: RunRows, tmp_path: Path) -> None:
    file = _said_by(name, sample, tmp_path)
    book = openpyxl.load_workbook(file)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert [cell.hyperlink for cell in cells if cell.hyperlink is not None] == []
    hosts = [row["host"] for row in _rows(book, "Ledger")]
    assert len(hosts) == len(sample.ledger)
    # ISO/IEC 29500-1, 22.9.2.19: _x0041_ in a cell means "A", so its underscore is written as _x005F_, which
    # spreadsheets undo and openpyxl does not.
    assert {str(host).replace("_x005F_", "_") for host in hosts} == {content(name)}
    acting = [cell for cell in cells if isinstance(cell.value, str) and cell.value.lstrip().startswith(tuple("=+-@"))]
    assert [cell.coordinate for cell in acting if not cell.quotePrefix] == []
    _has_no_foreign_element(file)


def _has_no_foreign_element(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    sheets = {part: text for part, text in parts.items() if part.startswith("xl/worksheets/")}
    found = {element.tag.rpartition("}")[2] for text in sheets.values() for element in ET.fromstring(text).iter()}  # noqa: S314 — written a moment ago
    assert found == {
        *("worksheet", "dimension", "sheetViews", "sheetView", "pane", "selection", "sheetFormatPr"),
        *("cols", "col", "sheetData", "row", "c", "is", "t", "v", "autoFilter", "pageMargins"),
    }
    assert not [part for part in parts if "externalLink" in part or "connections" in part or "worksheets/_rels" in part]


def test_a_text_that_a_cell_cannot_hold_is_cut_and_says_so(sample: RunRows, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(_said_by("x" * 40_000, sample, tmp_path))
    value = _rows(book, "Ledger")[0]["host"]
    assert isinstance(value, str)
    assert len(value) <= 32_767
    kept = len(value.partition(" ")[0])
    assert value.endswith(f"⟨cut here: {40_000 - kept} characters more, whole in results.json⟩")


def test_rows_beyond_a_sheet_go_on_in_another(sample: RunRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_ROWS", 5)
    (file,) = FORMAT.write(sample, tmp_path)
    book = openpyxl.load_workbook(file)
    assert [name for name in book.sheetnames if name.startswith("Ledger")] == ["Ledger", "Ledger (2)", "Ledger (3)"]
    hosts = [row["host"] for part in ("Ledger", "Ledger (2)", "Ledger (3)") for row in _rows(book, part)]
    assert hosts == [row["host"] for row in sample.ledger]
    assert book["Ledger (3)"].auto_filter.ref == book["Ledger (3)"].dimensions


def test_a_cell_that_is_left_out_is_an_error(sample: RunRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_CHARACTERS", 50_000)
    with pytest.raises(RuntimeError, match="was not written"):
        _said_by("x" * 40_000, sample, tmp_path)


def test_a_run_without_hosts_is_written_whole(fleet_of: Callable[[int], RunRows], tmp_path: Path) -> None:
    (file,) = FORMAT.write(fleet_of(0), tmp_path)
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == list(SHEETS)
    assert _rows(book, "Ledger") == []


def test_the_same_rows_give_the_same_bytes(sample: RunRows, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(sample, tmp_path / name, [FORMAT])
    assert (tmp_path / "one" / "results.xlsx").read_bytes() == (tmp_path / "two" / "results.xlsx").read_bytes()


# XlsxWriter leaves an archive that it could not finish to the collector, which tries once more.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("room", [pytest.param(100, id="while-filling"), pytest.param(4000, id="while-closing")])
def test_a_full_disk_is_an_error_of_the_system(room: int, sample: RunRows, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            FORMAT.write(sample, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
