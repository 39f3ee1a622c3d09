"""results.json keeps what it promises to other tools."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.errors import Reason
from auditor.report.results_json import FORMAT, SCHEMA_NAME, schema
from auditor.report.run_rows import RunRows


@pytest.fixture(scope="module")
def written(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("json")
    FORMAT.write(sample, folder)
    return folder


def test_the_results_obey_the_schema_beside_them(written: Path) -> None:
    beside = json.loads((written / SCHEMA_NAME).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(beside)
    results = json.loads((written / "results.json").read_text(encoding="utf-8"))
    problems = [error.message for error in jsonschema.Draft202012Validator(beside).iter_errors(results)]
    assert problems == []


def test_each_host_stands_on_one_line_and_the_same_line_in_hosts_jsonl(written: Path, sample: RunRows) -> None:
    text = (written / "results.json").read_text(encoding="utf-8")
    lines = (written / "hosts.jsonl").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(sample.ledger)
    inside = text.split('"hosts":[\n')[1].split("\n],")[0].split(",\n")
    assert inside == lines
    assert [json.loads(line) for line in lines] == json.loads(text)["hosts"]


def test_the_files_are_ascii_so_that_nothing_acts_on_a_terminal(written: Path) -> None:
    for name in ("results.json", "hosts.jsonl"):
        data = (written / name).read_bytes()
        assert data.isascii()
        assert {byte for byte in data if byte < 0x20} == {0x0A}


def test_a_run_without_hosts_is_written_whole(fleet_of: Callable[[int], RunRows], tmp_path: Path) -> None:
    FORMAT.write(fleet_of(0), tmp_path)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert (results["hosts"], results["ledger"], results["findings"]) == ([], [], [])
    assert (tmp_path / "hosts.jsonl").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    ("place", "key"),
    [
        pytest.param("run", "coverage", id="run"),
        pytest.param("ledger", "outcome", id="ledger"),
        pytest.param("hosts", "verdicts", id="hosts"),
        pytest.param("findings", "fingerprint", id="findings"),
    ],
)
def test_the_schema_refuses_results_that_lack_a_documented_key(written: Path, place: str, key: str) -> None:
    results = json.loads((written / "results.json").read_text(encoding="utf-8"))
    row = results[place] if place == "run" else results[place][0]
    del row[key]
    with pytest.raises(jsonschema.ValidationError, match=key):
        jsonschema.validate(results, schema(), cls=jsonschema.Draft202012Validator)


def test_every_key_of_the_schema_is_described() -> None:
    assert list(_undescribed(schema(), "")) == []


def test_every_key_that_is_written_stands_in_the_schema(written: Path) -> None:
    results = json.loads((written / "results.json").read_text(encoding="utf-8"))
    strict = _closed(schema())
    problems = [error.message for error in jsonschema.Draft202012Validator(strict).iter_errors(results)]
    assert problems == []


def test_the_schema_names_every_reason_of_the_ledger() -> None:
    said = schema()["$defs"]["ledgerRow"]["properties"]["reason"]["description"]
    assert [reason for reason in Reason if f"{reason}," not in said and f"{reason}." not in said] == []


def _undescribed(node: Any, path: str) -> Any:
    if isinstance(node, dict):
        for key, value in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
            if "description" not in value and "$ref" not in value:
                yield f"{path}/{key}"
        for key, value in node.items():
            yield from _undescribed(value, f"{path}/{key}")
    elif isinstance(node, list):
        for value in node:
            yield from _undescribed(value, path)


def _closed(node: Any) -> Any:
    """Return the schema with additions forbidden, so that an undocumented key shows."""
    if isinstance(node, dict):
        closed = {key: _closed(value) for key, value in node.items()}
        if isinstance(closed.get("properties"), dict):
            closed.setdefault("additionalProperties", False)
        return closed
    return [_closed(value) for value in node] if isinstance(node, list) else node
