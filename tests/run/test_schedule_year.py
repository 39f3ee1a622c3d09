"""A simulated year of schedules: leaps of four zones' clocks, restarts, a month that was missed; each begins once."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path

import pytest

from auditor.model.schedule import FireState
from auditor.run.calendar import calendar_of
from auditor.store.store import Store
from tests.run.simulated_calendar import Clock, Service, a_schedule, by_the_clock_on_the_wall, set_clock, utc

pytestmark = pytest.mark.slow

# Of 2028 (tzdata): Berlin leaps on 26 March and 29 October, New York on 12 March and 5 November, Lord Howe on 2 April
# and 1 October, by half an hour. Every one is a Sunday.
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
BEGIN, END = utc("2028-01-01T00:00:00"), utc("2029-01-01T00:00:00")
KILLED, RESTARTED = utc("2028-03-26T00:50:00"), utc("2028-03-26T01:40:00")
DOWN, UP = utc("2028-05-20T00:00:00"), utc("2028-07-09T12:00:00")
_LEAPING = (3, 4, 10, 11)


def _is_sunday(wall: datetime) -> bool:
    return wall.month in _LEAPING and wall.isoweekday() == 7


def _is_last(wall: datetime) -> bool:
    return (wall + timedelta(days=1)).month != wall.month


_PLAN: dict[str, tuple[str, str, tuple[int, int], Callable[[datetime], bool]]] = {
    **{f"monthly-{zone[-5:]}": ("0 6 1 * *", zone, (6, 0), lambda wall: wall.day == 1) for zone in ZONES},
    **{f"leapt-{zone[-5:]}": ("15 2 * 3,4,10,11 0", zone, (2, 15), _is_sunday) for zone in ZONES},
    **{f"twice-{zone[-5:]}": ("45 1 * 3-4,oct,nov 7", zone, (1, 45), _is_sunday) for zone in ZONES},
    "leap-day": ("30 4 29 feb *", "Europe/Berlin", (4, 30), lambda wall: (wall.month, wall.day) == (2, 29)),
    "day-31": ("0 22 31 * *", "America/New_York", (22, 0), lambda wall: wall.day == 31),
    "last-day": ("0 22 L * *", "Australia/Lord_Howe", (22, 0), _is_last),
}
_NAMES = {name: name.replace("/", "-") for name in _PLAN}
JITTER = timedelta(minutes=40)


def test_every_audit_of_a_year_is_begun_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(BEGIN)
    set_clock(monkeypatch, clock)
    service = Service(store=tmp_path / "store.sqlite", clock=clock)
    with closing(Store(str(service.store))) as store:
        for name, (cron, zone, _, _) in _PLAN.items():
            jitter = JITTER if name.startswith("monthly") else timedelta(0)
            store.schedules.add(a_schedule(_NAMES[name], cron, zone, jitter=jitter, added=BEGIN))
    for stops, starts in [(KILLED, RESTARTED), (DOWN, UP), (END, END)]:
        service.run(stops)
        clock.now = starts

    begun = Counter((audit.schedule, audit.due) for audit in service.audits)
    assert set(begun.values()) == {1}
    at = {(audit.schedule, audit.due): audit.at for audit in service.audits}
    with closing(Store(str(service.store))) as store:
        for name, (_, zone, (hour, minute), days) in _PLAN.items():
            dues = by_the_clock_on_the_wall(zone, hour, minute, BEGIN, END, days)
            fires = store.schedules.fires(_NAMES[name])[::-1]
            assert [fire.due for fire in fires] == dues, name
            caught_up = max((due for due in dues if DOWN <= due < UP), default=None)
            for fire in fires:
                was_down = DOWN <= fire.due < UP
                is_late = KILLED < fire.due < RESTARTED - timedelta(minutes=1) or (
                    was_down and fire.due == caught_up and fire.due + timedelta(days=10) >= UP
                )
                state = FireState.MISSED if was_down and not is_late else FireState.DONE
                assert (fire.state, fire.late) == (state, is_late), (name, fire)
                assert (fire.run is None, (name, fire.due) in at) == (
                    state is FireState.MISSED,
                    state is FireState.DONE,
                )
        # What is one instant in the store is one run, and every run is one of a schedule.
        marks = Counter(str(run.options["schedule"]) for run in store.runs())
        assert set(marks.values()) == {1}
        assert marks.total() == len(service.audits)


def test_the_plan_of_the_year_meets_what_it_is_for() -> None:
    """The year above would prove nothing if no due time lay in a leap, in the kill or in the month that was missed."""
    dues = {
        name: by_the_clock_on_the_wall(zone, *when, BEGIN, END, days) for name, (_, zone, when, days) in _PLAN.items()
    }
    assert utc("2028-03-26T01:00:00") in dues["leapt-erlin"]  # 02:15 does not exist: 03:00 in Berlin
    assert utc("2028-03-12T07:00:00") in dues["leapt-_York"]  # 03:00 in New York
    assert utc("2028-09-30T15:30:00") in dues["leapt-_Howe"]  # 02:30 on Lord Howe Island
    assert utc("2028-11-05T05:45:00") in dues["twice-_York"]  # the first of two
    assert utc("2028-04-01T14:45:00") in dues["twice-_Howe"]
    assert [len(dues[name]) for name in ("leap-day", "day-31", "last-day", "monthly-UTC")] == [1, 7, 12, 12]
    assert KILLED < utc("2028-03-26T01:00:00") < RESTARTED
    assert [due.month for due in dues["monthly-UTC"] if DOWN <= due < UP] == [6, 7]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("hour", "minute"), [(0, 0), (1, 30), (1, 45), (2, 0), (2, 15), (2, 30), (2, 45), (3, 0)])
def test_every_day_of_four_years_has_its_instant(zone: str, hour: int, minute: int) -> None:
    first, last = utc("2027-01-01T00:00:00"), utc("2029-01-01T00:00:00")
    calendar = calendar_of(a_schedule(cron=f"{minute} {hour} * * *", zone=zone))
    dues = list(takewhile(lambda due: due <= last, calendar.dues(first)))
    assert dues == by_the_clock_on_the_wall(zone, hour, minute, first, last, lambda _wall: True)
    assert len(dues) in (2 * 365, 2 * 365 + 1, 2 * 365 + 2)
