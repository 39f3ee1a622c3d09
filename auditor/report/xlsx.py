"""The results as one workbook, for who reviews them in a spreadsheet: filters, fixed headers, no cell that acts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.model.record import Record
from auditor.report.csv_tables import TABLES, Column, differences, named_findings, starts_formula, steps
from auditor.report.exception_register import register_rows
from auditor.report.format import Format
from auditor.report.host_findings import hosts_with_findings
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible
from auditor.report.words import OUTCOMES, VERDICTS

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format as CellFormat
    from xlsxwriter.worksheet import Worksheet

_NAME = "results.xlsx"
# Excel specifications and limits: a worksheet has 1,048,576 rows, a cell 32,767 characters.
_ROWS = 1_048_576
_CHARACTERS = 32_767
_CUT = " ⟨cut here: {count} characters more, whole in results.json⟩"
_NARROW, _WIDE = 8, 60
"""Bounds of a column's width, in characters."""


def _column(name: str, meaning: str) -> Column:
    return Column(name=name, meaning=meaning, read=lambda row, _host: row.get(name))


_EXCEPTIONS = (*TABLES["exceptions"], _column("findings", "findings of this run that it covers"))
_LIMITS = (
    _column("id", "name of the limit"),
    _column("limit", "what the method does not see"),
    _column("controls", "controls whose verdicts it stands beside, separated by spaces"),
    _column("hosts", "hosts of this run that it concerns"),
)
_ABOUT = (_column("what", "what is said of the run"), _column("value", "the value"))
_COLUMNS = (
    _column("sheet", "sheet of this workbook"),
    _column("column", "column of the sheet"),
    _column("meaning", "what stands in it"),
)
SHEETS: Mapping[str, tuple[Column, ...]] = {
    "About": _ABOUT,
    "Ledger": TABLES["ledger"],
    "Findings": TABLES["findings"],
    "Remediation": TABLES["remediation"],
    "Software": TABLES["software"],
    "Listeners": TABLES["listeners"],
    "Connections": TABLES["connections"],
    "Logons": TABLES["logons"],
    "Approvals": TABLES["approvals"],
    "Exceptions": _EXCEPTIONS,
    "Population": TABLES["population"],
    "Limits": _LIMITS,
    "Columns": _COLUMNS,
}
"""Columns of each sheet, in order; new ones are added at the end only. Of the population only where one was given."""


class _Styles(Record, kw_only=True):
    """How cells look; every one of them is text or a number, never a formula."""

    header: "CellFormat"
    """Names of the columns."""
    text: "CellFormat"
    """Text that would be a formula if somebody typed it: the mark keeps it text when the cell is edited."""


class _Sheet:
    """One table of the workbook, written row after row; what does not fit goes on in a sheet of its own."""

    def __init__(self, book: "Workbook", styles: _Styles, name: str, columns: Sequence[Column]) -> None:
        self._book, self._styles, self._name, self._columns = book, styles, name, columns
        self._parts = 0
        self._begin()

    def _begin(self) -> None:
        self._parts += 1
        name = self._name if self._parts == 1 else f"{self._name} ({self._parts})"
        self._sheet: Worksheet = self._book.add_worksheet(name)
        self._next = 0
        self._widths = [len(column.name) for column in self._columns]
        self._put([column.name for column in self._columns], self._styles.header)
        self._sheet.freeze_panes(1, 1)

    def add(self, rows: Iterable[Row], host: Row | None = None) -> None:
        """Write rows, those of a host with the host at hand."""
        for row in rows:
            if self._next == _ROWS:
                self.end()
                self._begin()
            self._put([column.read(row, host or {}) for column in self._columns])

    def end(self) -> None:
        """Set the filter over what was written, and the columns' widths."""
        self._sheet.autofilter(0, 0, self._next - 1, len(self._columns) - 1)
        for place, width in enumerate(self._widths):
            # Two characters for the filter's button.
            self._sheet.set_column(place, place, min(max(width, _NARROW), _WIDE) + 2)

    def _put(self, values: Sequence[Any], style: "CellFormat | None" = None) -> None:
        for place, value in enumerate(values):
            shown = content(value)
            if isinstance(shown, str):
                acts = style or (self._styles.text if starts_formula(shown) else None)
                refused = self._sheet.write_string(self._next, place, shown, acts) if shown else 0
            else:
                refused = self._sheet.write_number(self._next, place, shown)
            if refused:
                # It answers with a number where it leaves a cell out; a table with holes would look whole.
                raise RuntimeError(f"{self._name}: a cell of row {self._next + 1} was not written ({refused})")
            self._widths[place] = max(self._widths[place], len(str(shown)))
        self._next += 1


def content(value: Any) -> str | int | float:  # noqa: ANN401 — whatever JSON can hold
    """Return a value as a cell holds it: numbers stay numbers, all else is text on one line that nothing hides in."""
    if value is None:
        return ""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return value
    text = visible(" ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    if text.startswith("<r>"):
        # XlsxWriter takes text between <r> and </r> for markup of its own and copies it into the sheet unescaped
        # (Worksheet._write_cell, version 3.3.1): a host could write cells, and formulas, with its name.
        text = f"⟨U+003C⟩{text[1:]}"
    if len(text) <= _CHARACTERS:
        return text
    kept = _CHARACTERS - len(_CUT) - 10
    return text[:kept] + _CUT.format(count=len(text) - kept)


def _write(rows: RunRows, folder: Path) -> list[Path]:
    """Write the workbook in one pass over the hosts; rows wait in files beside it, not in memory."""
    # Formats are listed by every command that takes --format: XlsxWriter is loaded only where a workbook is written.
    from xlsxwriter import Workbook  # noqa: PLC0415
    from xlsxwriter.exceptions import XlsxFileError  # noqa: PLC0415

    place = folder / _NAME
    # In this mode strings stand in their cells and a sheet is written as it comes.
    book = Workbook(str(place), {"constant_memory": True, "tmpdir": str(folder)})
    book.use_zip64()
    book.set_properties(
        {
            "title": content(f"Remote-access audit {rows.run['id']}"),
            "comments": content(f"Written by auditor {rows.run['tool_version']}"),
            # The clock's own would make every copy differ.
            "created": datetime.fromisoformat(rows.run["as_of"]).replace(tzinfo=None),
        }
    )
    try:
        _fill(book, rows)
        book.close()
    except XlsxFileError as error:
        raise _as_os_error(error, place) from error
    finally:
        # After a fault XlsxWriter leaves the files in which rows wait open.
        for sheet in book.worksheets():
            with suppress(OSError):
                sheet.row_data_fh.close()
    return [place]


def _as_os_error(error: Exception, place: Path) -> OSError:
    """Return what XlsxWriter wraps when a disk is full or a place cannot be written."""
    cause = error.args[0] if error.args else None
    return cause if isinstance(cause, OSError) else OSError(None, str(error), str(place))


def _fill(book: "Workbook", rows: RunRows) -> None:
    styles = _Styles(
        header=book.add_format({"bold": True, "bottom": 1}),
        text=book.add_format({"quote_prefix": True}),
    )
    sheets = {
        name: _Sheet(book, styles, name, columns)
        for name, columns in SHEETS.items()
        if name != "Population" or rows.run.get("population") is not None
    }
    tally = _Tally()
    sheets["Ledger"].add(rows.ledger)
    sheets["Findings"].add(named_findings(rows))
    excepted: Counter[str] = Counter()
    for host, findings in hosts_with_findings(rows, lambda finding: excepted.update(_excepted(finding))):
        for finding in findings:
            excepted.update(_excepted(finding))
        due = {finding["fingerprint"]: finding["due"] for finding in findings}
        tally.add(host)
        sheets["Remediation"].add(steps(host, due), host)
        sheets["Software"].add(host["sightings"], host)
        sheets["Listeners"].add(host["listeners"], host)
        sheets["Connections"].add(host.get("connections", ()), host)
        sheets["Logons"].add(host.get("logons", ()), host)
    sheets["Approvals"].add({"approval": name, **row} for name, row in rows.approvals.items())
    sheets["Exceptions"].add({**row, "findings": excepted[row["id"]]} for row in register_rows(rows))
    if "Population" in sheets:
        sheets["Population"].add(differences(rows.run["population"]))
    sheets["Limits"].add(tally.limits())
    sheets["Columns"].add(
        {"sheet": name, "column": column.name, "meaning": column.meaning} for name in sheets for column in SHEETS[name]
    )
    sheets["About"].add({"what": what, "value": value} for what, value in _about(rows, tally))
    for sheet in sheets.values():
        sheet.end()


def _excepted(finding: Row) -> tuple[str, ...]:
    return (finding["exception"],) if finding["state"] == "excepted" else ()


class _Tally:
    """What is counted over the hosts while they pass."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        """How often each verdict was given."""
        self.unproven = 0
        """Passes that rest on documentation only."""
        self._limits: dict[tuple[str, str], tuple[set[str], int]] = {}

    def add(self, host: Row) -> None:
        """Count one host."""
        seen: dict[tuple[str, str], set[str]] = {}
        for verdict in host["verdicts"]:
            self.verdicts[verdict["verdict"]] += 1
            self.unproven += verdict["verdict"] == "pass" and not verdict["proven"]
            for limit in verdict["limits"]:
                seen.setdefault((limit["id"], limit["text"]), set()).add(verdict["control"])
        for limit, controls in seen.items():
            known, hosts = self._limits.get(limit, (set(), 0))
            self._limits[limit] = known | controls, hosts + 1

    def limits(self) -> Iterable[Row]:
        """Yield the limits that were met, sorted."""
        for (name, text), (controls, hosts) in sorted(self._limits.items()):
            yield {"id": name, "limit": text, "controls": sorted(controls), "hosts": hosts}


def _about(rows: RunRows, tally: _Tally) -> Iterable[tuple[str, Any]]:
    """Yield what a reader has to know before the first table: scope, coverage, what counts, and the inputs."""
    run = rows.run
    outcomes = Counter(row["outcome"] for row in rows.ledger)
    yield from (
        ("Run", run["id"]),
        ("Number of the run", run["sequence"]),
        ("Judged as of", run["as_of"]),
        ("Started", run["started"]),
        ("Finished", run["finished"]),
        ("Operator", run["operator"]),
        ("Scope from", run["scope"]["source"]),
        ("Hosts in scope", run["scope"]["count"]),
        ("Hosts fully assessed", run["coverage"]["assessed"]),
    )
    yield from ((f"Hosts: {title}", outcomes[name]) for name, title in OUTCOMES.items())
    yield from ((f"Verdicts: {title}", tally.verdicts[name]) for name, title in VERDICTS.items())
    yield from (
        ("Passes that rest on documentation only", tally.unproven),
        ("What unknown means", "Not established. It is never a pass: the page of the host names each gap."),
        ("Policy", run["policy"].get("name")),
        ("SHA-256 of the scope", run["scope"]["sha256"]),
        ("SHA-256 of the policy", run["policy"]["sha256"]),
        ("SHA-256 of the exceptions", run["exceptions"]["sha256"]),
        ("SHA-256 of the catalogue", run["catalogue"]["sha256"]),
        ("Catalogue", run["catalogue"]["version"]),
        ("ATT&CK", run["attack"]["version"]),
        ("Auditor", run["tool_version"]),
    )


FORMAT = Format(
    id="xlsx",
    title="one workbook with filters: ledger, findings, what to do, software, listeners, approvals, exceptions, limits",
    write=_write,
)
