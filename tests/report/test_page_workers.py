"""Pages that several processes write are those that one writes, and no fault in one of them is lost."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from auditor.report import page_workers
from auditor.report.html import FORMAT as HTML
from auditor.report.page_workers import PageWorkers
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows


@pytest.fixture
def of_three(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have three processors, and a process worth its start for any host; give the processes that were made."""
    monkeypatch.setattr(page_workers, "_MANY", 1)
    monkeypatch.setattr(page_workers, "_BLOCK", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2})
    born: list[int] = []
    fork = os.fork

    def forked() -> int:
        born.append(fork())
        return born[-1]

    monkeypatch.setattr(os, "fork", forked)
    return born


def _write(folder: Path, work: Callable[[Row, Sequence[Row], str], None], count: int) -> None:
    with PageWorkers(work, count) as workers:
        # Who waits gets the first hosts: each process has its part, however busy the machine is.
        for _, pipe in workers._workers:
            assert pipe.poll(60)
        for number in range(count):
            workers.give({"number": number}, [{"of": number}], str(folder / f"{number}.html"))


def test_every_page_is_written_once_and_every_process_takes_part(of_three: list[int], tmp_path: Path) -> None:
    def work(host: Row, findings: Sequence[Row], page: str) -> None:
        assert findings == [{"of": host["number"]}]
        with Path(page).open("x", encoding="utf-8") as file:
            file.write(f"{host['number']} {os.getpid()}")

    _write(tmp_path, work, 201)
    written = dict(file.read_text(encoding="utf-8").split() for file in tmp_path.iterdir())
    assert sorted(map(int, written)) == list(range(201))
    assert set(map(int, written.values())) - {os.getpid()} == set(of_three)
    assert len(of_three) == 2


def test_no_process_is_left(of_three: list[int], tmp_path: Path) -> None:
    _write(tmp_path, lambda _host, _findings, _page: None, 9)
    assert len(of_three) == 2
    for pid in of_three:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def test_a_disk_that_fills_up_is_the_error_that_it_is(of_three: list[int], tmp_path: Path) -> None:
    def full(_host: Row, _findings: Sequence[Row], page: str) -> None:
        raise OSError(28, "No space left on device", page)

    with pytest.raises(OSError, match="No space left on device") as told:
        _write(tmp_path, full, 50)
    assert told.value.errno == 28
    assert str(told.value.filename).startswith(str(tmp_path))
    assert len(of_three) == 2


def test_a_disk_that_is_full_for_the_others_alone_is_said_here(of_three: list[int], tmp_path: Path) -> None:
    here = os.getpid()

    def full(_host: Row, _findings: Sequence[Row], page: str) -> None:
        if os.getpid() != here:
            raise OSError(28, "No space left on device", page)

    with pytest.raises(OSError, match="No space left on device"):
        _write(tmp_path, full, 4)
    assert len(of_three) == 2


def test_a_fault_in_another_process_is_not_silent(of_three: list[int], tmp_path: Path) -> None:
    here = os.getpid()

    def broken(_host: Row, _findings: Sequence[Row], _page: str) -> None:
        if os.getpid() != here:
            os._exit(1)

    with pytest.raises(RuntimeError, match="ended early"):
        _write(tmp_path, broken, 4)
    assert len(of_three) == 2


def test_few_hosts_are_written_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2})
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was made for three pages"))
    _write(tmp_path, lambda _host, _findings, page: Path(page).touch(), 3)
    assert len(list(tmp_path.iterdir())) == 3


def test_pages_of_many_hosts_are_the_same_however_many_processes_write_them(
    of_three: list[int], sample: RunRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = HTML.write(sample, _folder(tmp_path / "several"))
    assert len(of_three) == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    alone = HTML.write(sample, _folder(tmp_path / "alone"))
    assert len(of_three) == 2
    assert [file.read_bytes() for file in several] == [file.read_bytes() for file in alone]
    assert [file.relative_to(tmp_path / "several") for file in several] == [
        file.relative_to(tmp_path / "alone") for file in alone
    ]


def _folder(place: Path) -> Path:
    place.mkdir()
    return place
