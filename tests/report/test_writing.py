"""A report is written whole or not at all, and leaves alone what is not its own."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import OutputError
from auditor.report import writing
from auditor.report.format import Format
from auditor.report.formats import FORMATS
from auditor.report.run_rows import RunRows
from auditor.report.writing import write_report, write_side_by_side


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _failing(number: int) -> Format:
    def write(_rows: RunRows, folder: Path) -> list[Path]:
        (folder / "html").mkdir()
        (folder / "html" / "index.html").write_text("half", encoding="utf-8")
        raise OSError(number, "No space left on device", str(folder / "html" / "index.html"))

    return Format(id="html", title="a disk that fills up", write=write)


def test_the_formats_are_found_by_their_words() -> None:
    assert list(FORMATS) == [
        *("csv", "csv-excel", "hdf", "hdf-hosts", "hdf3", "html", "html-single", "json", "oscal", "xlsx"),
    ]
    assert all(name == one.id and one.title for name, one in FORMATS.items())


def test_every_format_says_whom_it_is_for() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    assert [name for name in FORMATS if f"\n| `{name}` |" not in text] == []


def test_every_format_lands_in_the_folder_and_nothing_else(sample: RunRows, tmp_path: Path) -> None:
    made = write_report(sample, tmp_path / "run", list(FORMATS.values()))
    assert {str(path.relative_to(tmp_path / "run")) for path in made} == _files(tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "csv",
        "csv-excel",
        "hdf",
        "hdf-hosts",
        "hdf3",
        "html",
        "html-single",
        "oscal",
        "results.json",
        "hosts.jsonl",
        "results.schema.json",
        "results.xlsx",
    }


def test_writing_again_replaces_the_format_and_leaves_the_rest(sample: RunRows, tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "seal").write_text("kept", encoding="utf-8")
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "stale.html").write_text("of an earlier run", encoding="utf-8")
    write_report(sample, tmp_path, [FORMATS["html"]])
    first = _files(tmp_path)
    write_report(sample, tmp_path, [FORMATS["html"]])
    assert _files(tmp_path) == first
    assert "html/stale.html" not in first
    assert (tmp_path / "evidence" / "seal").read_text(encoding="utf-8") == "kept"


def test_the_same_rows_give_the_same_bytes(sample: RunRows, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(sample, tmp_path / name, list(FORMATS.values()))
    for file in _files(tmp_path / "one"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_full_disk_keeps_the_old_report_and_says_what_to_do(sample: RunRows, tmp_path: Path) -> None:
    write_report(sample, tmp_path, [FORMATS["html"]])
    before = {name: (tmp_path / name).read_bytes() for name in _files(tmp_path)}
    with pytest.raises(OutputError, match=r"html report cannot be written: No space left on device.*-o"):
        write_report(sample, tmp_path, [_failing(28)])
    assert {name: (tmp_path / name).read_bytes() for name in _files(tmp_path)} == before


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(sample: RunRows, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match=f"{tmp_path}/file"):
        write_report(sample, tmp_path / "file" / "run", [FORMATS["csv"]])


def test_what_a_killed_run_left_is_cleared_away(sample: RunRows, tmp_path: Path) -> None:
    (tmp_path / ".writing-csv" / "csv").mkdir(parents=True)
    (tmp_path / ".old-csv").mkdir()
    write_report(sample, tmp_path, [FORMATS["csv"]])
    assert {path.name for path in tmp_path.iterdir()} == {"csv"}


def test_a_link_in_the_place_of_a_report_is_replaced_and_not_followed(sample: RunRows, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("kept", encoding="utf-8")
    run = tmp_path / "run"
    run.mkdir()
    (run / "csv").symlink_to(elsewhere)
    write_report(sample, run, [FORMATS["csv"]])
    assert not (run / "csv").is_symlink()
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]


def test_a_host_costs_little(fleet_of: Callable[[int], RunRows], tmp_path: Path) -> None:
    """The budget is 2 ms of CPU a host for all formats; four times that is a fault, not a busy machine.

    ``html-single`` is left out: it costs what the pages of ``html`` do, once more.
    """
    rows, count = fleet_of(200), 200
    formats = [form for name, form in FORMATS.items() if name != "html-single"]
    write_report(fleet_of(1), tmp_path, formats)  # templates are compiled once in a process
    before = time.process_time()
    write_report(rows, tmp_path, formats)
    assert (time.process_time() - before) / count < 0.008


def test_two_processes_write_what_one_does(sample: RunRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_MANY", 1)
    told: list[str] = []
    born: list[int] = []
    fork = os.fork

    def forked() -> int:
        born.append(fork())
        return born[-1]

    monkeypatch.setattr(os, "fork", forked)
    formats = list(FORMATS.values())
    alone = write_report(sample, tmp_path / "alone", formats)
    both = write_side_by_side(sample, tmp_path / "both", formats, lambda: told.append("here"))
    assert [file.relative_to(tmp_path / "both") for file in both] == [
        file.relative_to(tmp_path / "alone") for file in alone
    ]
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(alone, both, strict=True))
    # It was told in the process that was made, and that has ended.
    assert told == []
    assert len(born) == 1
    with pytest.raises(ChildProcessError):
        os.waitpid(born[0], os.WNOHANG)


@pytest.mark.parametrize("many", [1, 10_000], ids=["in two processes", "in one"])
def test_what_there_is_time_for_is_done_once_and_here(
    sample: RunRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(writing, "_MANY", many)
    done: list[bool] = []

    def meanwhile() -> None:
        done.append((tmp_path / "csv").is_dir())

    write_side_by_side(sample, tmp_path, [FORMATS["json"], FORMATS["csv"]], lambda: None, meanwhile)
    assert done == [True]


def test_a_full_disk_in_the_other_process_is_said_here(
    sample: RunRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_MANY", 1)
    with pytest.raises(OutputError, match="the html report cannot be written"):
        write_side_by_side(sample, tmp_path, [_failing(28), FORMATS["csv"]], lambda: None)
    # What was whole stays.
    assert (tmp_path / "csv" / "ledger.csv").is_file()
    assert not (tmp_path / "html").exists()


def test_a_fault_in_the_other_process_is_not_silent(
    sample: RunRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_MANY", 1)

    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(RuntimeError, match="ended early"):
        write_side_by_side(sample, tmp_path, list(FORMATS.values()), broken)
