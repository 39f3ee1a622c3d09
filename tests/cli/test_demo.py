"""The demo needs nothing but itself, writes the same bytes every time, and is what reports/sample shows."""

import html
import json
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main

SAMPLE = Path(__file__).parents[2] / "reports" / "sample"


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_version_writes_the_same_bytes(tmp_path: Path) -> None:
    assert main(["demo", "-q", "-o", str(tmp_path / "one")]) == 0
    assert main(["demo", "-q", "-o", str(tmp_path / "two")]) == 0
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_the_sample_is_what_the_demo_writes(tmp_path: Path) -> None:
    """`make sample` writes it anew."""
    assert main(["demo", "-q", "-o", str(tmp_path)]) == 0
    made, kept = files_of(tmp_path), files_of(SAMPLE)
    assert sorted(made) == sorted(kept)
    assert [name for name, data in made.items() if data != kept[name]] == []


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("demo")
    assert main(["demo", "-q", "-o", str(folder), "--format", "json"]) == 0
    return json.loads((folder / "results.json").read_text())  # type: ignore[no-any-return]


def test_it_shows_every_verdict_and_every_outcome(results: dict[str, Any]) -> None:
    verdicts = {row["verdict"] for host in results["hosts"] for row in host["verdicts"]}
    assert verdicts == {"pass", "fail", "unknown", "excepted", "not_applicable"}
    assert {row["outcome"] for row in results["ledger"]} == {"compliant", "noncompliant", "partial", "unreachable"}


def test_of_each_system_one_host_is_clean_and_one_is_not(results: dict[str, Any]) -> None:
    outcomes = {(host["os"]["family"], host["outcome"]) for host in results["hosts"] if host["os"]}
    assert outcomes >= {
        (family, outcome) for family in ("linux", "windows", "macos") for outcome in ("compliant", "noncompliant")
    }


def test_findings_of_the_windows_and_macos_hosts_are_those_planted(results: dict[str, Any]) -> None:
    failed = {
        host["host"]: {row["control"] for row in host["verdicts"] if row["verdict"] == "fail"}
        for host in results["hosts"]
        if "simulated" in host["groups"]
    }
    assert failed == {
        "app-1": set(),
        "desk-22": {"exposed_listener", "remote_access_at_boot", "remote_desktop", "unapproved_product"},
        "mac-3": set(),
        "mac-7": {
            "exposed_listener",
            "per_user_copy",
            "remote_access_at_boot",
            "screen_sharing",
            "session_peers",
            "software_installers",
            "unapproved_product",
            "writable_program_path",
        },
    }
    (approved,) = next(host for host in results["hosts"] if host["host"] == "app-1")["sightings"]
    assert approved["product"] == "microsoft-rdp"


def test_what_is_simulated_is_said_to_be(
    results: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = [host for host in results["hosts"] if host["os"]]
    simulated = {host["host"] for host in hosts if host["os"]["family"] != "linux"}
    assert {host["host"] for host in hosts if "simulated" in host["groups"]} == simulated
    for host in hosts:
        if host["host"] in simulated:
            # No pass rests on what a real host was seen to say.
            assert {row["proven"] for row in host["verdicts"] if row["verdict"] == "pass"} == {False}
    assert main(["demo", "-o", str(tmp_path)]) == 0
    said = "app-1, desk-22, mac-3 and mac-7 are simulated from their makers' documentation, not recorded"
    assert said in capsys.readouterr().err
    assert said in html.unescape((tmp_path / "html" / "index.html").read_text())


def test_whoever_shares_a_port_with_another_product_is_told_of_his_own(tmp_path: Path) -> None:
    """Screen Sharing of a Mac and x11vnc of a Linux host listen on one port."""
    assert main(["demo", "-q", "-o", str(tmp_path), "--format", "html"]) == 0
    (page,) = (tmp_path / "html" / "owners").glob("*-web-team.html")
    text = page.read_text()
    assert "Bind x11vnc to 127.0.0.1" in text
    assert "Screen Sharing" not in text
    fleet = (tmp_path / "html" / "index.html").read_text()
    assert "Elsewhere: x11vnc listens on 0.0.0.0:5900/tcp" in fleet


def test_a_socket_of_a_mac_is_quoted_by_its_name(results: dict[str, Any]) -> None:
    mac = next(host for host in results["hosts"] if host["host"] == "mac-7")
    (row,) = [row for row in mac["verdicts"] if row["control"] == "exposed_listener"]
    quotes = {
        violation["subject"]: {proof["quote"] for proof in violation["proof"] if proof["section"] == "sockets.macos"}
        for violation in row["violations"]
    }
    assert quotes["listener:tcp/7070"] == {"n*:7070"}
