"""Who came in from outside stands in every report, and nothing that such a person chose acts in one."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from auditor.model.facts.logons import RemoteLogon
from auditor.report.csv_tables import FORMAT as CSV
from auditor.report.html import FORMAT as HTML
from auditor.report.results_json import FORMAT as JSON
from auditor.report.results_json import schema
from auditor.report.run_rows import RunRows

Maker = Callable[..., RunRows]
_MALLORY = RemoteLogon(
    when=datetime(2026, 11, 19, 8, 5, 11, tzinfo=UTC),
    product="xrdp",
    user="=<b>mallory</b>",
    source="",
    succeeded=False,
    record="/var/log/xrdp-sesman.log",
)
_ALICE = RemoteLogon(
    when=datetime(2026, 11, 18, 8, 5, 11, tzinfo=UTC),
    product="tigervnc",
    user="",
    source="192.0.2.7",
    succeeded=True,
    record="/home/alice/.vnc/host:1.log",
)


def test_pages_tell_who_came(one_host: Maker, tmp_path: Path) -> None:
    HTML.write(one_host(logons=(_MALLORY, _ALICE), logon_count=700), tmp_path)
    (page,) = [file for file in (tmp_path / "html" / "hosts").iterdir() if "jump-01" in file.name]
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;mallory&lt;/b&gt;" in text
    assert "Turned away" in text
    assert "<code>192.0.2.7</code>" in text
    assert "The newest 2 of 700" in text


def test_a_page_says_that_nobody_was_recorded(one_host: Maker, tmp_path: Path) -> None:
    HTML.write(one_host(), tmp_path)
    (page,) = [file for file in (tmp_path / "html" / "hosts").iterdir() if "jump-01" in file.name]
    assert "No remote logon of the last 30 days was read" in page.read_text(encoding="utf-8")


def test_tables_tell_who_came(one_host: Maker, tmp_path: Path) -> None:
    CSV.write(one_host(logons=(_MALLORY, _ALICE), logon_count=2), tmp_path)
    with (tmp_path / "csv" / "logons.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    told = [(row["host"], row["when"], row["user"], row["source"], row["succeeded"]) for row in rows]
    assert told == [
        ("jump-01", "2026-11-19T08:05:11Z", "'=<b>mallory</b>", "", "no"),
        ("jump-01", "2026-11-18T08:05:11Z", "", "192.0.2.7", "yes"),
    ]


def test_results_hold_them_as_their_schema_says(one_host: Maker, tmp_path: Path) -> None:
    JSON.write(one_host(logons=(_MALLORY, _ALICE), logon_count=2), tmp_path)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(Draft202012Validator(schema()).iter_errors(results)) == []
    (host,) = results["hosts"]
    assert [(one["product"], one["user"], one["source"]) for one in host["logons"]] == [
        ("xrdp", "=<b>mallory</b>", None),
        ("tigervnc", None, "192.0.2.7"),
    ]
    assert host["logon_count"] == 2


@pytest.mark.parametrize("missing", [("logons", "logon_count")])
def test_rows_of_an_earlier_version_have_none(missing: tuple[str, ...], one_host: Maker, tmp_path: Path) -> None:
    rows = one_host()
    old = [{key: value for key, value in host.items() if key not in missing} for host in rows.hosts()]
    earlier = RunRows(
        run=rows.run, controls=rows.controls, ledger=rows.ledger, findings=rows.findings, hosts=lambda: iter(old),
        host_lines=lambda: iter([json.dumps(host) for host in old]), exceptions=rows.exceptions,
        approvals=rows.approvals,
    )  # fmt: skip
    HTML.write(earlier, tmp_path)
    CSV.write(earlier, tmp_path)
    assert (tmp_path / "csv" / "logons.csv").read_text(encoding="utf-8").count("\n") == 1
