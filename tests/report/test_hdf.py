"""Heimdall's own library reads our file, and nothing that is unknown, accepted or failed passes there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.model.record import replace
from auditor.report.hdf import FORMAT
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible
from auditor.report.writing import write_report

_HOSTILE = "</script><img src=x onerror=alert(1)>\"'\\\t\n\x1b[2J\u202e\ud800{{7*7}}"


def _profile(rows: RunRows, folder: Path) -> dict[str, dict[str, Any]]:
    (file,) = FORMAT.write(rows, folder)
    (profile,) = json.loads(file.read_text(encoding="utf-8"))["profiles"]
    return {control["id"]: control for control in profile["controls"]}


@pytest.fixture(scope="module")
def controls(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return _profile(sample, tmp_path_factory.mktemp("hdf"))


def _judged(sample: RunRows, *verdicts: str) -> RunRows:
    """Return a run in which hosts have these verdicts on one control, and what goes with each."""
    everything = [(host, verdict) for host in sample.hosts() for verdict in host["verdicts"]]
    rows: list[Row] = []
    for number, wanted in enumerate(verdicts):
        host, found = next((host, one) for host, one in everything if one["verdict"] == wanted)
        rows.append(host | {"host": f"host-{number}", "verdicts": [found | {"control": "unapproved_product"}]})
    only = {"unapproved_product": sample.controls["unapproved_product"]}
    return replace(sample, controls=only, ledger=[*rows], hosts=lambda: iter(rows))


_CASES = [
    pytest.param(("pass", "pass"), "Passed", id="passed-everywhere"),
    pytest.param(("pass", "not_applicable"), "Passed", id="passed-wherever-it-applies"),
    pytest.param(("pass", "unknown"), "Profile Error", id="unknown-once"),
    pytest.param(("unknown",), "Profile Error", id="unknown"),
    pytest.param(("not_applicable", "unknown"), "Profile Error", id="not-applicable-and-unknown"),
    pytest.param(("pass", "fail", "unknown"), "Failed", id="an-unknown-does-not-hide-a-failure"),
    pytest.param(("pass", "excepted"), "Failed", id="accepted-is-no-pass"),
    pytest.param(("excepted", "fail"), "Failed", id="a-waiver-does-not-hide-a-failure"),
    pytest.param(("excepted", "unknown"), "Failed", id="accepted-and-unknown"),
    pytest.param(("not_applicable", "not_applicable"), "Not Applicable", id="applies-to-nobody"),
    pytest.param((), "Profile Error", id="nobody-was-asked"),
]


def test_every_host_is_a_result_of_every_control(controls: dict[str, dict[str, Any]], sample: RunRows) -> None:
    assert list(controls) == list(sample.controls)
    for control in controls.values():
        named = [one["code_desc"].removesuffix(f": {control['title']}") for one in control["results"]]
        assert named == [visible(row["host"]) for row in sample.ledger]


def test_only_a_pass_passes(controls: dict[str, dict[str, Any]], sample: RunRows) -> None:
    for host in sample.hosts():
        for verdict in host["verdicts"]:
            results = controls[verdict["control"]]["results"]
            (result,) = (one for one in results if one["code_desc"].startswith(f"{visible(host['host'])}: "))
            assert (result["status"] == "passed") is (verdict["verdict"] == "pass")
            said = result.get("message") or result["skip_message"]
            for gap in verdict["gaps"]:
                assert gap["reason"] in said
            for violation in verdict["violations"]:
                assert violation["reason"] in said
            if verdict["verdict"] == "pass":
                assert ("documentation only" in said) is not verdict["proven"]


def test_a_waiver_names_the_people_and_the_end(sample: RunRows, tmp_path: Path) -> None:
    (control,) = _profile(_judged(sample, "pass", "excepted"), tmp_path).values()
    assert control["waiver_data"] == {
        "justification": "EX-2026-014: The vendor of the ticket machine maintains it through VNC until the migration.",
        "expiration_date": "2026-12-31",
        "run": True,
        "skipped_due_to_waiver": False,
        "message": "EX-2026-014 was asked for by n.haile, granted by c.brandt, and ends with 2026-12-31. "
        "Asserted, not verified.",
    }
    assert "Accepted by EX-2026-014" in control["results"][1]["message"]


@pytest.mark.parametrize("verdicts", [("excepted", "fail"), ("pass",)])
def test_a_control_that_fails_elsewhere_is_not_waived(
    verdicts: tuple[str, ...], sample: RunRows, tmp_path: Path
) -> None:
    (control,) = _profile(_judged(sample, *verdicts), tmp_path).values()
    assert "waiver_data" not in control


def test_an_exception_that_nobody_can_name_waives_nothing(sample: RunRows, tmp_path: Path) -> None:
    (control,) = _profile(replace(_judged(sample, "excepted"), exceptions={}), tmp_path).values()
    assert "waiver_data" not in control
    assert control["results"][0]["status"] == "failed"


def test_a_host_without_a_verdict_keeps_the_control_from_passing(sample: RunRows, tmp_path: Path) -> None:
    rows = _judged(sample, "pass")
    rows = replace(rows, ledger=[*rows.ledger, rows.ledger[0] | {"host": "host-9"}])
    (control,) = _profile(rows, tmp_path).values()
    assert [one["status"] for one in control["results"]] == ["passed", "error"]
    assert control["results"][1]["code_desc"] == "1 hosts of the scope without a verdict"


def test_a_verdict_of_a_newer_word_does_not_pass(sample: RunRows, tmp_path: Path) -> None:
    rows = _judged(sample, "pass")
    (host,) = rows.hosts()
    newer = host | {"verdicts": [host["verdicts"][0] | {"verdict": "newer_word"}]}
    (control,) = _profile(replace(rows, hosts=lambda: iter([newer])), tmp_path).values()
    assert [one["status"] for one in control["results"]] == ["error"]


def test_the_gravest_violation_is_the_impact(controls: dict[str, dict[str, Any]]) -> None:
    assert {name: one["impact"] for name, one in controls.items()} == {
        "complete_inventory": 0.5,
        "exposed_listener": 0.9,
        "software_installers": 0.5,
        "unapproved_product": 0.7,
    }
    assert controls["exposed_listener"]["tags"]["nist"] == ["SC-7", "CM-7", "AC-17", "Rev_5"]
    assert "nist" not in controls["unapproved_product"]["tags"]


def test_the_file_is_ascii_without_tags(sample: RunRows, tmp_path: Path) -> None:
    (file,) = FORMAT.write(_said(sample, _HOSTILE), tmp_path)
    data = file.read_bytes()
    assert data.isascii()
    assert not {byte for byte in data if byte < 0x20} - {0x0A}
    assert not set(b"<>&") & set(data)
    results = [result for control in json.loads(data)["profiles"][0]["controls"] for result in control["results"]]
    for text in (text for result in results for text in result.values()):
        assert all(line.isprintable() for line in text.split("\n")), text
    assert len(results) == len(sample.ledger) * len(sample.controls)


def _said(node: Any, name: str) -> Any:
    """Return a run in which hosts say one thing everywhere, behind what tells them apart."""
    if isinstance(node, RunRows):
        hosts = [_said(row, name) for row in node.hosts()]
        return replace(node, ledger=[_said(row, name) for row in node.ledger], hosts=lambda: iter(hosts))
    hostile = {"host", "reason", "quote", "text", "section", "subject", "advice"}
    if isinstance(node, dict):
        return {
            key: f"{value}{name}" if key in hostile and isinstance(value, str) else _said(value, name)
            for key, value in node.items()
        }
    return [_said(inner, name) for inner in node] if isinstance(node, list) else node


def test_the_same_rows_give_the_same_bytes(sample: RunRows, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(sample, tmp_path / name, [FORMAT])
    one, two = (tmp_path / name / "hdf" / "results.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert [file.name for file in one.parent.iterdir()] == ["results.json"]


@pytest.mark.slow
@pytest.mark.parametrize(("verdicts", "expected"), _CASES)
def test_heimdall_shows_what_the_scope_came_to(
    verdicts: tuple[str, ...],
    expected: str,
    sample: RunRows,
    tmp_path: Path,
    inspecjs: Callable[[Path], dict[str, Any]],
) -> None:
    (file,) = FORMAT.write(_judged(sample, *verdicts), tmp_path)
    answer = inspecjs(file)
    assert answer["kinds"] == ["1_0_ExecJson"]
    (control,) = answer["controls"]
    assert control["status"] == expected
    assert control["waived"] is False


@pytest.mark.slow
def test_heimdall_reads_severities_and_requirements(
    sample: RunRows, tmp_path: Path, inspecjs: Callable[[Path], dict[str, Any]]
) -> None:
    said = sample.controls["unapproved_product"]
    more = said | {"crosswalk": {"NIST SP 800-53 Rev. 5": ["CM-7(5)", "CM-11", "CM-8(3)"]}}
    rows = replace(_said(sample, _HOSTILE), controls={**sample.controls, "unapproved_product": more})
    (file,) = FORMAT.write(rows, tmp_path)
    by_name = {one["id"]: one for one in inspecjs(file)["controls"]}
    assert list(by_name) == list(sample.controls)
    assert (by_name["exposed_listener"]["severity"], by_name["unapproved_product"]["severity"]) == ("critical", "high")
    assert by_name["unapproved_product"]["nist"] == ["CM-7(5)", "CM-8(3)", "CM-11"]
    assert by_name["software_installers"]["nist"] == ["UM-1"]


@pytest.mark.slow
def test_heimdall_can_say_no(sample: RunRows, tmp_path: Path, inspecjs: Callable[[Path], dict[str, Any]]) -> None:
    (file,) = FORMAT.write(sample, tmp_path)
    file.write_text(file.read_text(encoding="ascii").replace('"results":', '"outcomes":'), encoding="ascii")
    assert inspecjs(file) == {"kinds": [], "controls": None}
