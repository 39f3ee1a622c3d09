"""The demo needs nothing but itself, writes the same bytes every time, and is what reports/sample shows."""

import json
from pathlib import Path

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


def test_it_shows_every_verdict_a_linux_host_can_have(tmp_path: Path) -> None:
    assert main(["demo", "-q", "-o", str(tmp_path), "--format", "json"]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    verdicts = {row["verdict"] for host in results["hosts"] for row in host["verdicts"]}
    assert verdicts == {"pass", "fail", "unknown", "excepted", "not_applicable"}
    assert {row["outcome"] for row in results["ledger"]} == {"compliant", "noncompliant", "partial", "unreachable"}
