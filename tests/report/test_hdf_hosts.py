"""A file for each host: Heimdall's own library shows the host's verdicts, and nothing unknown or accepted passes."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditor.model.record import replace
from auditor.report.hdf_hosts import FORMAT
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible
from auditor.report.writing import write_report

_HOSTILE = "</script><img src=x onerror=alert(1)>\"'\\\t\n\x1b[2J\u202e\ud800{{7*7}}"
_SHOWN = {
    "pass": "Passed",
    "fail": "Failed",
    "excepted": "Failed",
    "unknown": "Profile Error",
    "not_applicable": "Not Applicable",
}


def _documents(rows: RunRows, folder: Path) -> list[Row]:
    return [json.loads(file.read_text(encoding="ascii")) for file in FORMAT.write(rows, folder)]


def _only(rows: RunRows, host: Row) -> RunRows:
    return replace(rows, ledger=[host], hosts=partial(iter, [host]))


def test_every_host_has_a_file_of_its_own(sample: RunRows, tmp_path: Path) -> None:
    documents = _documents(sample, tmp_path)
    assert [one["platform"]["target_id"] for one in documents] == [visible(row["host"]) for row in sample.ledger]
    for document, host in zip(documents, sample.hosts(), strict=True):
        (profile,) = document["profiles"]
        assert [one["id"] for one in profile["controls"]] == [one["control"] for one in host["verdicts"]]
        assert {len(one["results"]) for one in profile["controls"]} == {1}
        assert document["passthrough"]["auditor"]["host"]["outcome"] == host["outcome"]


def test_what_an_exception_accepts_fails_with_a_waiver(sample: RunRows, tmp_path: Path) -> None:
    waived = 0
    for document, host in zip(_documents(sample, tmp_path), sample.hosts(), strict=True):
        for control, verdict in zip(document["profiles"][0]["controls"], host["verdicts"], strict=True):
            assert ("waiver_data" in control) is (verdict["verdict"] == "excepted")
            if "waiver_data" in control:
                waived += 1
                assert control["waiver_data"]["skipped_due_to_waiver"] is False
                assert [one["status"] for one in control["results"]] == ["failed"]
    assert waived


def test_a_verdict_of_a_newer_word_does_not_pass(sample: RunRows, tmp_path: Path) -> None:
    host = next(sample.hosts())
    newer = host | {"verdicts": [one | {"verdict": "newer_word"} for one in host["verdicts"]]}
    (document,) = _documents(_only(sample, newer), tmp_path)
    assert {one["results"][0]["status"] for one in document["profiles"][0]["controls"]} == {"error"}


def test_the_same_rows_give_the_same_bytes(sample: RunRows, tmp_path: Path) -> None:
    one, two = (write_report(sample, tmp_path / name, [FORMAT]) for name in ("one", "two"))
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


@pytest.mark.slow
def test_heimdall_shows_the_verdicts_of_a_host(
    sample: RunRows, tmp_path: Path, inspecjs: Callable[[Path], dict[str, Any]]
) -> None:
    met: set[str] = set()
    for number, host in enumerate(sample.hosts()):
        wanted = {one["control"]: _SHOWN[one["verdict"]] for one in host["verdicts"]}
        if set(wanted.values()) <= met:
            continue
        met |= set(wanted.values())
        hostile = host | {"host": f"{host['host']}{_HOSTILE}", "owner": _HOSTILE, "detail": _HOSTILE}
        folder = tmp_path / str(number)
        folder.mkdir()
        (file,) = FORMAT.write(_only(sample, hostile), folder)
        answer = inspecjs(file)
        assert answer["kinds"] == ["1_0_ExecJson"]
        assert {one["id"]: one["status"] for one in answer["controls"]} == wanted
    assert met == set(_SHOWN.values())
