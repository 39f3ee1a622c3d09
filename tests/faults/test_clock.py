"""A clock that jumps: deadlines do not care, times stay sane, and nobody is judged by a clock that is in the past."""

import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from auditor.model.schedule import FireState
from auditor.store.store import Store
from tests.faults.scenarios import AUDIT, HOSTS, ROOT, auditor, prepared
from tests.run.simulated_calendar import Clock, Service, a_schedule, utc

_LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
_needs_faketime = pytest.mark.skipif(_LIBRARY is None, reason="libfaketime is not installed here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepared(tmp_path)
    return tmp_path


def _at(clock: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of ours whose clock on the wall is another one."""
    return _run(clock, [sys.executable, "-m", "auditor.cli.main", *words])


def _run(clock: str, command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command whose clock on the wall is another one; what measures spans of time is the machine's."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "LD_PRELOAD": str(_LIBRARY),
        "FAKETIME": clock,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _results(folder: Path) -> list[dict[str, object]]:
    """Return the results of every run, oldest first."""
    with closing(Store(str(folder / "store.sqlite"))) as store:
        runs = store.runs()[::-1]
    return [json.loads((folder / "reports" / run.id / "results.json").read_bytes()) for run in runs]


@_needs_faketime
@pytest.mark.slow
@pytest.mark.parametrize(("step", "is_told"), [(-7, True), (86_400, False)], ids=["back", "forward"])
def test_a_clock_that_jumps_at_every_look_does_no_harm(folder: Path, step: int, is_told: bool) -> None:
    """Seven seconds back, or a day on, whenever anybody looks: more jumps than any real clock makes."""
    words = AUDIT.format(folder, "json").replace("-q", "--deadline 60").split()
    done = _at(f"@2026-11-28 12:00:00 i{step}", *words)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    if is_told:
        assert "clock was set back since the run began" in done.stderr
    (results,) = _results(folder)
    run, ledger = results["run"], results["ledger"]
    assert isinstance(run, dict)
    assert isinstance(ledger, list)
    assert run["started"] <= run["finished"]
    assert [(row["host"], row["reason"]) for row in ledger] == [(name, None) for name in HOSTS]
    assert auditor(["verify", str(folder / "reports" / run["id"]), "--recompute"])[0] == 0


@_needs_faketime
@pytest.mark.slow
def test_nobody_is_judged_by_a_clock_that_is_in_the_past(folder: Path) -> None:
    """What ended since then would count again: an exception of the year before, or an approval."""
    words = AUDIT.format(folder, "json").split()
    assert auditor(words)[0] == 1
    past = _at("-400d", *words)
    assert (past.returncode, past.stdout) == (2, "")
    assert "this machine's clock says" in past.stderr
    assert "say --clock-was-ahead" in past.stderr
    assert len(_results(folder)) == 1, "nothing was begun"
    # It was the first audit whose clock was wrong: whoever knows that says so.
    assert _at("-400d", *words, "--clock-was-ahead").returncode == 1
    assert len(_results(folder)) == 2


_DEADLINE = """
import time
from auditor.transport.deadline import Deadline
began, deadline = time.time(), Deadline.after(100)
print(time.time() - began > 80_000, deadline.passed, 90 < deadline.remaining <= 100)
"""


@_needs_faketime
def test_a_deadline_is_held_by_no_clock_on_the_wall() -> None:
    """A day passes on the wall with every look at it; a deadline of 100 seconds has as many left as before."""
    done = _run("@2026-11-28 12:00:00 i86400", [sys.executable, "-c", _DEADLINE])
    assert done.stdout.split() == ["True", "False", "True"], done.stderr


def test_a_schedule_whose_clock_is_set_back_begins_nothing_twice(tmp_path: Path) -> None:
    clock = Clock(utc("2027-01-01T00:00:00"))
    service = Service(store=tmp_path / "store.sqlite", clock=clock)
    with closing(Store(str(service.store))) as store:
        store.schedules.add(a_schedule("weekly", "0 6 * * 1", "UTC", added=clock.now))
        attendant = service.attendant(store)

        def begun() -> int:
            attendant.attend("weekly")
            return len(service.audits)

        clock.now = utc("2027-03-01T06:00:00")
        first = begun()
        assert first == 1
        for set_back_to in ("2027-02-22T06:00:00", "2027-02-27T00:00:00", "2027-03-01T05:59:00", "2027-03-01T06:05:00"):
            clock.now = utc(set_back_to)
            assert begun() == first
        clock.now = utc("2027-03-08T06:00:00")
        assert begun() == first + 1
        due = [fire.due for fire in store.schedules.fires("weekly")]
        assert len(due) == len(set(due))
        # Two years ahead by mistake: one is begun, the others are missed, each once. Back again, nothing is due until
        # then, which the list tells by the time of the next; docs/schedules.md says what to do.
        clock.now = utc("2029-03-05T06:00:00")
        assert begun() == first + 2
        clock.now = utc("2027-03-15T06:00:00")
        assert begun() == first + 2
        done = [fire.due for fire in store.schedules.fires("weekly") if fire.state is FireState.DONE]
        assert max(done) - clock.now > timedelta(days=700)
