"""Two months of one fleet compared: what is new, what is gone, what cannot be seen, and by which rules."""

import csv
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from auditor.report.words import CHANGES
from tests.run.evidence_sets import moved

Row = dict[str, Any]


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Judge two months: web-3 comes, web-1 goes, db-1 falls silent, and the helpdesk loses its approval."""
    folder = tmp_path_factory.mktemp("months")
    demo = folder / "demo"
    assert main(["demo", "-q", "-o", str(demo), "--format", "json"]) == 0
    (folder / "policies").mkdir()
    for name in ("policy.yml", "exceptions.yml", "people.yml"):
        shutil.copy(demo / "inputs" / name, folder / "policies")
    first = moved(demo, folder / "1" / "fleet", timedelta(0), lambda name: name != "web-3")
    second = moved(demo, folder / "2" / "fleet", timedelta(days=10), lambda name: name != "web-1", silent="db-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("AUDITOR_STORE", str(folder / "store.sqlite"))
        assert main(["assess", "-q", str(first), "--format", "json"]) == 3
        policy = folder / "policies" / "policy.yml"
        policy.write_text(policy.read_text().replace("groups: [helpdesk]", "groups: [nobody]"))
        assert main(["assess", "-q", str(second), "--format", "html,csv,json"]) == 3
    return folder


@pytest.fixture
def said(months: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command over the two months and hand out what it prints."""
    monkeypatch.setenv("AUDITOR_STORE", str(months / "store.sqlite"))
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words: str, code: int | None = 0) -> str:
        capsys.readouterr()
        ended = main(list(words))
        assert ended in (0, 1) if code is None else ended == code
        return capsys.readouterr().out

    return run


def runs(said: Callable[..., str]) -> list[str]:
    return [row["id"] for row in reversed(json.loads(said("runs", "--format", "json")))]


def test_the_last_two_runs_are_compared(said: Callable[..., str]) -> None:
    rows = json.loads(said("diff", "--format", "json", code=1))
    assert {(row["change"], row["host"] or row["subject"]) for row in rows} == {
        ("rules", "policy"),
        ("host_added", "web-3"),
        ("host_removed", "web-1"),
        ("new", "helpdesk-1"),
        ("not_observable", "db-1"),
        ("out_of_scope", "web-3"),
    }
    assert {row["cause"] for row in rows if row["change"] == "new"} == {"rules"}
    assert {row["detail"] for row in rows if row["change"] == "not_observable"} == {"not reached: it was off"}
    first, second = runs(said)
    assert json.loads(said("diff", first, second, "--format", "json", code=1)) == rows
    assert json.loads(said("diff", second, "--format", "json", code=1)) == rows


def test_the_other_way_round_nothing_that_was_not_seen_is_new(said: Callable[..., str]) -> None:
    first, second = runs(said)
    rows = json.loads(said("diff", second, first, "--format", "json", code=0))
    assert {(row["change"], row["host"]) for row in rows if row["severity"]} == {
        ("changed", "db-1"),
        ("resolved", "helpdesk-1"),
        ("out_of_scope", "web-3"),
    }


def test_a_spreadsheet_gets_the_same_rows(said: Callable[..., str]) -> None:
    table = list(csv.DictReader(io.StringIO(said("diff", "--format", "csv", code=1))))
    rows = json.loads(said("diff", "--format", "json", code=1))
    assert [(row["change"], row["host"], row["fingerprint"]) for row in table] == [
        (row["change"], row["host"] or "", row["fingerprint"] or "") for row in rows
    ]


@pytest.mark.parametrize("words", [("diff",), ("findings", "--all")])
def test_tables_fit_the_terminal(said: Callable[..., str], words: tuple[str, ...]) -> None:
    lines = said(*words, code=int(words[0] == "diff")).splitlines()
    assert 100 < max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("nonsense",), "no run 'nonsense'", id="no-run"),
        pytest.param(("20", "20", "20"), "3 runs are named", id="three"),
    ],
)
@pytest.mark.usefixtures("said")
def test_what_cannot_be_compared_is_said(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert main(["diff", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_run_is_not_compared_with_itself_or_with_none(
    said: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = runs(said)
    assert main(["diff", first, first]) == 2
    assert "named twice" in capsys.readouterr().err
    assert main(["diff", first]) == 2
    assert "is the first of its scope" in capsys.readouterr().err


def test_the_fleet_page_says_what_changed(months: Path, said: Callable[..., str]) -> None:
    first, second = runs(said)
    page = (months / "reports" / second / "html" / "index.html").read_text()
    section = page.partition('<h2 id="changes">')[2].partition("</section>")[0]
    text = " ".join(re.sub(r"<[^>]+>", " ", section).split())
    assert text.startswith(f"Changes since the last run Compared with run {first}")
    counts = Counter(row["change"] for row in json.loads(said("diff", "--format", "json", code=1)))
    assert {"new", "not_observable", "out_of_scope"} <= set(counts)
    for sentence in (
        ", ".join(f"{counts[change]} {change.replace('_', ' ')}" for change in CHANGES if counts[change]) + ".",
        "The rules are not those of that run",
        "1 host was added to the scope: web-3. 1 host was removed from the scope: web-1.",
        "same evidence, other rules",
        "not reached: it was off",
    ):
        assert sentence in text, text
    assert "changes" not in (months / "demo" / "results.json").read_text()


def found(said: Callable[..., str], *words: str) -> list[Row]:
    rows: list[Row] = json.loads(said("findings", "--format", "json", *words))
    return rows


def test_findings_are_sorted_by_how_grave_and_when_due(said: Callable[..., str]) -> None:
    ranks = ["critical", "high", "medium", "low"]
    order = [(ranks.index(row["severity"]), row["due"] or "9999") for row in found(said)]
    assert order == sorted(order)
    assert len({rank for rank, _ in order}) > 2


@pytest.mark.parametrize(
    ("words", "keeps"),
    [
        pytest.param(("--host", "web-*"), lambda row, _: row["host"].startswith("web-"), id="host"),
        pytest.param(
            ("--control", "exposed_listener"), lambda row, _: row["control"] == "exposed_listener", id="control"
        ),
        pytest.param(
            ("--severity", "high", "--severity", "low"),
            lambda row, _: row["severity"] in ("high", "low"),
            id="severity",
        ),
        pytest.param(("--owner", "Data team"), lambda row, _: row["owner"] == "Data team", id="owner"),
        pytest.param(("--state", "not_observable"), lambda row, _: row["state"] == "not_observable", id="state"),
        pytest.param(("--overdue",), lambda row, _: row["overdue"], id="overdue"),
        pytest.param(("--new",), lambda row, run: row["opened_by"] == run, id="new"),
    ],
)
def test_filters_keep_what_they_say(
    said: Callable[..., str], words: tuple[str, ...], keeps: Callable[[Row, str], bool]
) -> None:
    (_, run), everything = runs(said), found(said)
    kept = [row for row in everything if keeps(row, run)]
    assert 0 < len(kept) < len(everything)
    assert found(said, *words) == kept


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(
            ("--owner", "Data taem"), "no owner 'Data taem' in this run (did you mean 'Data team'?)", id="owner"
        ),
        pytest.param(("--host", "db-9"), "no host 'db-9' in this run", id="host"),
        pytest.param(("--control", "exposed_listner"), "(did you mean 'exposed_listener'?)", id="control"),
    ],
)
@pytest.mark.usefixtures("said")
def test_a_filter_that_fits_nothing_is_no_empty_list(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert main(["findings", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_silent_host_goes_on_being_due(said: Callable[..., str]) -> None:
    rows = found(said, "--host", "db-1")
    assert {row["state"] for row in rows} == {"not_observable"}
    assert {row["overdue"] for row in rows if row["severity"] == "critical"} == {True}


def test_explain_tells_the_life_of_a_finding(said: Callable[..., str]) -> None:
    first, _ = runs(said)
    row = next(row for row in found(said, "--overdue", "--state", "open"))
    text = said("explain", row["fingerprint"][:12])
    assert f"opened by     {first}" in text
    assert f"{row['due']}, overdue" in text


@pytest.mark.slow
def test_a_life_names_its_runs(
    months: Path, tmp_path: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The helpdesk is approved again in the third month, and no more in the fifth."""
    shutil.copy(months / "store.sqlite", tmp_path)
    shutil.copytree(months / "policies", tmp_path / "policies")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))
    policy = tmp_path / "policies" / "policy.yml"
    without = policy.read_text()
    approved = without.replace("groups: [nobody]", "groups: [helpdesk]")
    made = []
    for month, text in ((3, approved), (4, approved), (5, without)):
        policy.write_text(text)
        evidence = moved(months / "demo", tmp_path / str(month) / "fleet", timedelta(days=10 * month))
        assert main(["assess", "-q", str(evidence), "--format", "json"]) == 3
        made.append(runs(said)[-1])
        assert main(["verify", "-q", str(tmp_path / "reports" / made[-1]), "--recompute"]) == 0
    _, second, third, fourth, fifth = runs(said)

    def helpdesk(run: str) -> Row:
        rows = json.loads(said("findings", "--run", run, "--all", "--host", "helpdesk-1", "--format", "json"))
        (row,) = [row for row in rows if row["control"] == "unapproved_product"]
        return dict(row)

    def life(run: str) -> tuple[str, str | None, str | None, int]:
        row = helpdesk(run)
        return row["state"], row["opened_by"], row["closed_by"], row["reopened"]

    assert life(second) == ("open", second, None, 0)
    assert life(third) == ("closed", second, f"run {third}", 0)
    assert life(fourth) == ("closed", second, f"run {third}", 0)
    assert life(fifth) == ("open", fifth, None, 1)
    assert helpdesk(fifth)["first_seen"] == helpdesk(second)["failing_since"]

    named = helpdesk(second)["fingerprint"]

    def became(before: str, after: str) -> set[tuple[str, str | None, bool]]:
        # Other hosts have changes of their own, which decide the exit code.
        rows = json.loads(said("diff", before, after, "--format", "json", code=None))
        return {(row["change"], row["cause"], row["fails_newly"]) for row in rows if row["fingerprint"] == named}

    # Every answer is the same recording: what differs is the policy.
    assert became(second, third) == {("resolved", "rules", False)}
    assert became(third, fourth) == set()
    assert became(second, fourth) == {("resolved", "rules", False)}
    assert became(fourth, fifth) == {("reopened", "rules", True)}
    assert became(second, fifth) == {("reopened", None, True)}
    stated = json.loads((tmp_path / "reports" / third / "results.json").read_text())["findings"]
    assert [row["closed_by"] for row in stated if row["fingerprint"] == named] == [{"kind": "run", "id": None}]


def test_the_page_of_the_second_month_draws_the_first_from_what_is_sealed(months: Path) -> None:
    first, second = sorted((months / "reports").iterdir())
    before = json.loads((first / "results.json").read_text())
    (told,) = json.loads((second / "inputs" / "history.json").read_text())["runs"]
    assert told["run"] == before["run"]["id"]
    assert told["findings"]["open"] == sum(1 for row in before["findings"] if row["state"] == "open")
    assert json.loads((first / "results.json").read_text())["run"]["history"]["runs"] == []
    page = (second / "html" / "index.html").read_text()
    assert "2 runs of this scope, the oldest at the left" in page
    assert f"{told['findings']['open']:,} in the first run that counted them" in page


def test_a_report_that_is_written_again_is_the_same_after_later_runs(
    months: Path, said: Callable[..., str], tmp_path: Path
) -> None:
    """What the trend is drawn from is sealed, so that nothing which is judged later changes a page."""
    _, second = sorted((months / "reports").iterdir())
    said("report", second.name, "--format", "html", "-o", str(tmp_path), "-q")
    for file in (second / "html").rglob("*.html"):
        assert (tmp_path / second.name / "html" / file.relative_to(second / "html")).read_bytes() == file.read_bytes()


def test_a_bundle_that_is_judged_again_elsewhere_keeps_its_trend_and_says_that_it_has_no_run_to_compare_with(
    months: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted((months / "reports").iterdir())
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))
    assert main(["assess", "-q", str(second), "--format", "html", "-o", str(tmp_path / "out")]) == 3
    (folder,) = (tmp_path / "out").iterdir()
    page = (folder / "html" / "index.html").read_text()
    assert "2 runs of this scope, the oldest at the left" in page
    assert f"Run {first.name} came before this one, and its rows are not at hand here" in page
    assert "Which hosts were added or removed since a run before is not told here" in page
