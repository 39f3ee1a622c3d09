"""The tables open in a spreadsheet without doing anything."""

import csv
import io
from pathlib import Path

import pytest

from auditor.model.record import replace
from auditor.report.csv_tables import FORMAT, TABLES, cell, steps, write_rows
from auditor.report.run_rows import RunRows


@pytest.fixture(scope="module")
def folder(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tables")
    FORMAT.write(sample, place)
    return place / "csv"


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0", id="equals"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("-1", "'-1", id="minus-in-text"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\t=1", "' ⇥ =1", id="tab"),
        pytest.param("\rx", "'⟨U+000D⟩x", id="carriage-return"),
        pytest.param("  =1", "'  =1", id="after-spaces"),
        pytest.param("\xa0=1", "'⟨U+00A0⟩=1", id="after-unusual-space"),
        pytest.param("＝1", "'＝1", id="full-width"),  # noqa: RUF001 — full-width on purpose
        pytest.param("a;=1", "a;'=1", id="second-cell-where-semicolons-separate"),
        pytest.param('a;" =1', "a;'\" =1", id="second-cell-in-quotes"),
        pytest.param("a\nb", "a⟨U+000A⟩b", id="line-end"),
        pytest.param("a-b=c", "a-b=c", id="sign-inside-stays"),
        pytest.param(-5, -5, id="number-stays"),
        pytest.param(0.5, 0.5, id="fraction-stays"),
        pytest.param(["10.0.0.0/8", "=1"], "10.0.0.0/8 =1", id="list-in-one-cell"),
        pytest.param(["=1"], "'=1", id="list-that-starts-a-formula"),
        pytest.param(None, "", id="nothing-is-empty"),
        pytest.param(True, "yes", id="true"),
        pytest.param(False, "no", id="false"),
    ],
)
def test_a_cell_is_disarmed(value: object, expected: object) -> None:
    assert cell(value) == expected


def test_no_cell_of_any_table_starts_a_formula_or_hides_a_character(folder: Path) -> None:
    cells = [text for name in TABLES for row in read(folder, name) for text in row.values()]
    assert [text for text in cells if text.lstrip().startswith(("=", "+", "-", "@"))] == []
    assert [text for text in cells if not text.isprintable()] == []
    assert "'=cmd|' /C calc'!A0" in cells


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_its_documented_columns(folder: Path, name: str) -> None:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    documented = [row["column"] for row in read(folder, "columns") if row["table"] == name]
    assert header == [column.name for column in TABLES[name]] == documented


def test_the_tables_hold_every_row_of_the_results(folder: Path, sample: RunRows) -> None:
    hosts = list(sample.hosts())
    assert len(read(folder, "ledger")) == len(sample.ledger)
    assert len(read(folder, "findings")) == len(sample.findings)
    assert len(read(folder, "software")) == sum(len(host["sightings"]) for host in hosts)
    assert len(read(folder, "listeners")) == sum(len(host["listeners"]) for host in hosts)


def test_what_to_do_has_a_row_for_each_step(folder: Path, sample: RunRows) -> None:
    rows = [row for row in read(folder, "remediation") if row["host"] == "db-01.example.net"]
    assert [(row["control"], row["step"], row["basis"], row["due"]) for row in rows] == [
        *(("exposed_listener", step, "violation", "2026-12-04T06:30:00Z") for step in ("1", "2")),
        *(("unapproved_product", step, "violation", "2026-11-16T06:30:00Z") for step in ("1", "2", "3")),
    ]
    assert {row["fingerprint"] for row in rows} == {
        row["fingerprint"] for row in sample.findings if row["host"] == "db-01.example.net"
    }
    others = {row["host"]: row["basis"] for row in read(folder, "remediation") if row["basis"] != "violation"}
    assert others == {"kiosk-03.example.net": "excepted", "'=cmd|' /C calc'!A0": "suspected"}


def test_a_violation_without_steps_is_not_left_out() -> None:
    violation: dict[str, object] = {"fingerprint": "f", "exception": None, "remediation": []}
    host = {"verdicts": [{"control": "c", "violations": [violation], "suspected": []}]}
    (row,) = steps(host, {})
    assert (row["basis"], row["step"], row["action"], row["due"]) == ("violation", None, None, None)


def test_numbers_are_written_as_numbers(folder: Path) -> None:
    first = (folder / "listeners.csv").read_text(encoding="utf-8").split("\n")[1]
    assert ",22," in first


def test_rows_of_a_list_command_are_disarmed_too() -> None:
    stream = io.StringIO()
    write_rows(stream, ("host", "port", "rule"), [{"host": "=1", "port": 22}])
    assert stream.getvalue() == '"host","port","rule"\n"\'=1",22,""\n'


def test_an_approval_is_one_row_with_what_became_of_it(folder: Path) -> None:
    (row,) = read(folder, "approvals")
    assert (row["approval"], row["owner"], row["hosts_used"], row["hosts_broken"]) == (
        "helpdesk-xrdp",
        "Workplace services",
        "1",
        "0",
    )
    assert (row["used_on"], row["review"], row["stale"]) == ("app-01.example.net", "current", "no")
    # Names of accounts are the hosts' own words, and this one would act as a formula in a cell of its own.
    assert row["users_seen"] == "'=cmd|' /C calc'!A0; root"


def test_a_run_that_an_earlier_version_kept_has_no_register(sample: RunRows, tmp_path: Path) -> None:
    told = ("product", "versions", "tenant", "reason", "owner", "review_by")
    earlier = {name: {key: row[key] for key in told} for name, row in sample.approvals.items()}
    FORMAT.write(replace(sample, approvals=earlier), tmp_path)
    (row,) = read(tmp_path / "csv", "approvals")
    assert (row["owner"], row["hosts_used"], row["users_seen"]) == ("Workplace services", "", "")
