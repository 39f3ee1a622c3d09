"""`auditor ingest flows` prints what it writes, says who is at the far end, and refuses what is for other files."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main

_COLUMNS = "source=src,destination=dst,source_port=sport,destination_port=dport,protocol=proto,bytes=bytes,first=at"
_FLOWS = """\
src,dst,sport,dport,proto,bytes,at
10.0.0.5,198.51.100.3,50123,5938,6,12000,2026-11-20T10:00:00Z
198.51.100.3,10.0.0.5,5938,50123,6,99000,2026-11-20T10:00:01Z
10.0.0.9,10.0.0.7,40000,5900,6,5000,2026-11-21T10:00:00Z
8.8.4.4,10.0.0.7,40000,5900,6,700,2026-11-21T10:00:00Z
"""


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows.csv").write_text(_FLOWS, encoding="utf-8")
    (tmp_path / "networks.csv").write_text(
        "network,organisation,country\n8.8.0.0/16,=Example Cloud,US\n", encoding="utf-8"
    )
    return tmp_path


def ingest(*words: str) -> int:
    return main(["ingest", "flows", "flows.csv", "--columns", _COLUMNS, *words])


def test_what_is_written_is_printed(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ingest("--format", "json") == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert sorted((row["source"], row["destination"], row["product"], row["bytes"]) for row in rows) == [
        ("10.0.0.5", "198.51.100.3", "teamviewer", 111_000),
        ("10.0.0.9", "10.0.0.7", "generic-vnc", 5_000),
        ("8.8.4.4", "10.0.0.7", "generic-vnc", 700),
    ]
    assert ingest("--format", "csv") == 0
    assert capsys.readouterr().out == (flows / "flows" / "conversations.csv").read_text(encoding="utf-8")


def test_the_far_end_may_be_either_end(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ingest("--format", "csv", "--far-end-data", "networks.csv") == 0
    rows = {row["source"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert rows["8.8.4.4"]["far_organisation"] == "'=Example Cloud"
    assert rows["10.0.0.9"]["far_organisation"] == ""
    page = (flows / "flows" / "conversations.html").read_text(encoding="utf-8")
    assert "far end: =Example Cloud, US" in page


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        ("envelope", ["--port", "5900"], "--port is for flows"),
        ("events", ["--columns", "source=a"], "--columns is for flows"),
        ("flows", ["--device", "web1"], "--device is for events"),
        ("envelope", ["--far-end"], "--far-end is for flows and events"),
    ],
)
@pytest.mark.usefixtures("flows")
def test_an_option_of_other_files_is_refused(
    kind: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest", kind, "flows.csv", *words]) == 2
    assert said in capsys.readouterr().err
