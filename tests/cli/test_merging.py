"""Several sets of evidence judged as one fleet, month after month: verdicts recompute, findings keep their lives."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.cli.main import main
from auditor.report.results_json import schema
from auditor.run.manifest import write_manifest
from auditor.run.open_bundle import Bundle
from auditor.store.store import Store
from tests.run.evidence_sets import moved

Row = dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    assert main(["demo", "-q", "-o", str(folder), "--format", "json"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policies").mkdir()
    for name in ("policy.yml", "exceptions.yml", "people.yml"):
        shutil.copy(demo / "inputs" / name, tmp_path / "policies")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))


def results(folder: Path) -> Row:
    data: Row = json.loads((folder / "results.json").read_text())
    jsonschema.Draft202012Validator(schema()).validate(data)
    return data


def assess(*words: object, output: str = "out", formats: str = "json") -> Path:
    before = set(Path(output).glob("*"))
    assert main(["assess", *map(str, words), "-o", output, "--format", formats]) in (0, 1, 3)
    (made,) = set(Path(output).glob("*")) - before
    return made


def row_of(folder: Path, host: str) -> Row:
    (row,) = [row for row in results(folder)["ledger"] if row["host"] == host]
    return dict(row)


def test_the_order_in_which_sets_are_named_changes_no_byte(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = moved(demo, tmp_path / "first", timedelta(0), lambda name: name < "n")
    second = moved(demo, tmp_path / "second", timedelta(0))
    one, other = assess(first, second), assess(second, first, output="again")
    assert (one / "hosts.jsonl").read_bytes() == (other / "hosts.jsonl").read_bytes()
    assert (one / "results.json").read_text().partition("\n")[2] == (other / "results.json").read_text().partition(
        "\n"
    )[2]
    assert results(one)["run"]["sources"] == results(other)["run"]["sources"]
    assert results(one)["run"]["scope"] == results(other)["run"]["scope"]
    for made in (one, other):
        capsys.readouterr()
        assert main(["verify", str(made), "--recompute"]) == 0
        seal = Bundle(first).manifest["seal"]
        assert f"judged from first, 0 hosts of 10: its seal {seal}" in capsys.readouterr().err


def test_a_host_that_fell_silent_is_judged_from_what_it_said_before(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monday = moved(demo, tmp_path / "monday", timedelta(0))
    tuesday = moved(demo, tmp_path / "tuesday", timedelta(days=1), lambda name: name == "web-1", silent="web-1")
    capsys.readouterr()
    made = assess(tuesday, monday, formats="json,html,csv")
    said = capsys.readouterr().err
    row = row_of(made, "web-1")
    assert (row["reason"], row["origin"]) == (None, "monday")
    (other,) = row["passed_over"]
    assert (other["run"], other["why"], other["reason"]) == ("tuesday", "no_answer", "timeout")
    assert "web-1: judged from monday; asked again for tuesday, it did not answer (timeout)" in said
    page = next((made / "html" / "hosts").glob("*web-1.html")).read_text()
    assert "Passed over" in page
    assert "it was off" in page
    assert "tuesday no_answer" in (made / "csv" / "ledger.csv").read_text()
    assert main(["verify", str(made), "--recompute", "-q"]) == 0


def test_what_it_said_before_does_not_outlive_the_policy_s_patience(demo: Path, tmp_path: Path) -> None:
    monday = moved(demo, tmp_path / "monday", timedelta(0))
    later = moved(demo, tmp_path / "later", timedelta(days=60), lambda name: name == "web-1", silent="web-1")
    made = assess(monday, later)
    (host,) = [host for host in results(made)["hosts"] if host["host"] == "web-1"]
    (verdict,) = [one for one in host["verdicts"] if one["control"] == "complete_inventory"]
    assert verdict["verdict"] == "fail"
    assert "60 days old" in verdict["violations"][0]["reason"]
    assert main(["verify", str(made), "--recompute", "-q"]) == 0


def lives(folder: Path) -> dict[str, tuple[str, str | None]]:
    return {row["fingerprint"]: (row["first_seen"], row["failing_since"]) for row in results(folder)["findings"]}


@pytest.mark.slow
def test_findings_live_on_from_month_to_month(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    months = []
    for month in range(3):
        gap = timedelta(days=20 * month)
        west = moved(demo, tmp_path / f"west-{month}", gap, lambda name: name < "n")
        east = moved(demo, tmp_path / f"east-{month}", gap, lambda name: name >= "n")
        months.append(assess(west, east))
    first, second, third = map(lives, months)
    assert first
    assert first.items() <= second.items() <= third.items()
    # Forty days later a host that was never seen in full is a finding of its own.
    assert {born for born, _ in first.values()} == {results(months[0])["run"]["as_of"]}
    assert {born for name, (born, _) in third.items() if name not in second} == {results(months[2])["run"]["as_of"]}
    assert [results(month)["run"]["sequence"] for month in months] == [1, 2, 3]
    previous = [json.loads((month / "manifest.json").read_text())["previous"] for month in months]
    assert [None if one is None else one["run"] for one in previous] == [None, months[0].name, months[1].name]
    for judged in months:
        assert main(["verify", str(judged), "--recompute", "-q"]) == 0
    capsys.readouterr()
    assert main(["runs", "--format", "json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [month.name for month in reversed(months)]
    # What was judged is judged again by its name, and by its folder; neither is one more month.
    for named in (months[1].name, months[1]):
        again = assess(named, output=f"again-{Path(named).is_dir()}")
        assert (again / "hosts.jsonl").read_bytes() == (months[1] / "hosts.jsonl").read_bytes()
        assert lives(again) == second
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        assert len(store.runs()) == 3


@pytest.mark.slow
def test_months_judged_in_the_wrong_order_move_no_life(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A month that is judged late knows what was known then, and the months after it do not begin anew from it."""
    sets = [
        (
            moved(demo, tmp_path / f"west-{month}", gap, lambda name: name < "n"),
            moved(demo, tmp_path / f"east-{month}", gap),
        )
        for month, gap in enumerate((timedelta(0), timedelta(days=20)))
    ]
    newer = assess(*sets[1])
    capsys.readouterr()
    late = assess(*sets[0])
    assert f"not kept in the store: run {newer.name} judges hosts of it" in capsys.readouterr().err
    assert {first for first, _ in lives(late).values()} == {results(late)["run"]["as_of"]}
    twice = assess(*sets[1])
    assert lives(twice) == lives(newer)
    assert (twice / "hosts.jsonl").read_bytes() == (newer / "hosts.jsonl").read_bytes()
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        assert [run.id for run in store.runs()] == [newer.name]


def test_what_would_be_is_not_kept(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    west = moved(demo, tmp_path / "west", timedelta(0), lambda name: name < "n")
    east = moved(demo, tmp_path / "east", timedelta(0), lambda name: name >= "n")
    made = assess(west, east, "--as-of", "2030-01-01T00:00:00+01:00")
    assert results(made)["run"]["as_of"] == "2029-12-31T23:00:00Z"
    assert "not kept in the store: --as-of" in capsys.readouterr().err
    assert main(["verify", str(made), "--recompute", "-q"]) == 0
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        assert store.runs() == []


def test_a_merge_that_breaks_off_leaves_no_run(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [
        moved(demo, tmp_path / "west", timedelta(0), lambda name: name < "n"),
        moved(demo, tmp_path / "east", timedelta(0), lambda name: name >= "n"),
    ]

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("auditor.run.ending.Ending.close", broken)
    assert main(["assess", *map(str, sets), "-o", "out", "-q"]) == 130
    assert list(Path("out").glob("*")) == []
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        assert store.runs() == []


def test_a_merge_that_was_killed_is_begun_anew(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a kill leaves in the store counts as no run, and nothing can go on with it."""
    west = moved(demo, tmp_path / "west", timedelta(0), lambda name: name == "web-1")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("auditor.run.ending.Ending.close", killed)
        patched.setattr(Store, "forget", lambda *_: None)
        assert main(["assess", str(west), "-o", "out", "-q"]) == 130
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        (left,) = store.runs()
    assert left.finished is None
    assert main(["audit", "--resume", left.id]) == 2
    assert "`auditor assess` judges it anew" in capsys.readouterr().err
    made = assess(west)
    assert results(made)["run"]["as_of"] == left.as_of
    assert "kept in the store as run" in capsys.readouterr().err
    assert main(["verify", str(made), "--recompute", "-q"]) == 0


@pytest.mark.slow
def test_a_merge_is_merged_on_and_says_all_it_passed_over(demo: Path, tmp_path: Path) -> None:
    days = [moved(demo, tmp_path / f"day-{day}", timedelta(days=day)) for day in range(3)]
    both = assess(days[0], days[1])
    made = assess(both, days[2], output="more")
    row = row_of(made, "web-1")
    assert row["origin"] == "day-2"
    assert [(one["run"], one["why"]) for one in row["passed_over"]] == [(both.name, "older")]
    again = assess(both, "-p", "policies/policy.yml", output="other")
    row = row_of(again, "web-1")
    assert [(one["run"], one["why"]) for one in row["passed_over"]] == [("day-0", "older")]
    for folder in (both, made, again):
        assert main(["verify", str(folder), "--recompute", "-q"]) == 0


def test_what_a_site_s_inventory_was_held_against_is_not_dropped_in_silence(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = moved(demo, tmp_path / "other", timedelta(days=1))
    assess(demo, other)
    assert "demo: what its inventory was held against is not carried over" in capsys.readouterr().err


@pytest.fixture
def spoilt(demo: Path, tmp_path: Path) -> Callable[[str], Path]:
    def spoil(words: str) -> Path:
        folder = moved(demo, tmp_path / "spoilt", timedelta(0))
        file = folder / "evidence" / "hosts.jsonl"
        file.write_text(file.read_text().replace('"rights":"root"', words, 1))
        write_manifest(folder, None)
        return folder

    return spoil


def test_one_spoilt_set_stops_all_before_a_host_is_judged(
    demo: Path, spoilt: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assess", str(demo), str(spoilt('"rights":"sudo"')), "-o", "out"]) == 2
    assert "is not what its seal says" in capsys.readouterr().err
    assert list(Path("out").glob("*")) == []
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        assert store.runs() == []


def test_moved_evidence_is_sealed_as_what_it_is(demo: Path, tmp_path: Path) -> None:
    """Tests rest on it: evidence of another day is like the demo's, and of that day."""
    later = Bundle(moved(demo, tmp_path / "later", timedelta(days=3)))
    assert list(later.problems()) == []
    assert later.as_of == datetime.fromisoformat(Bundle(demo).run["as_of"]).astimezone(UTC) + timedelta(days=3)
