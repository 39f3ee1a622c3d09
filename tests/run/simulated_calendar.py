"""A service over a simulated stretch of time: APScheduler's own loop and triggers, the real store, another clock."""

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import apscheduler.schedulers.base
import apscheduler.triggers.date
import pytest
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.blocking import BlockingScheduler

from auditor.model.host import HostFacts
from auditor.model.schedule import Fire, Schedule
from auditor.run.calendar_loop import Loop
from auditor.run.scheduled import Attendant, Ended, Surroundings, mark_of
from auditor.store.record import RunRecord
from auditor.store.store import Store, digest

_NUMBERS = count()
STEP = timedelta(minutes=15)
"""Every time of the tests, and every leap of the zones that they speak of, is a multiple of it."""


class Clock:
    """A clock that is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def read(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


def set_clock(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Have APScheduler read this clock."""

    class Simulated(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock.now.astimezone(tz)

    for module in (apscheduler.schedulers.base, apscheduler.triggers.date):
        monkeypatch.setattr(module, "datetime", Simulated)


class _Until(BlockingScheduler):  # type: ignore[misc]
    """APScheduler's scheduler, waiting by the simulated clock."""

    def __init__(self, clock: Clock, until: datetime) -> None:
        super().__init__()
        self._clock, self._until = clock, until

    def _main_loop(self) -> None:
        while self._clock.now < self._until:
            wait = self._process_jobs()
            self._clock.now = min(
                self._until, max(self._clock.now, self._clock.now + timedelta(seconds=math.ceil(wait)))
            )


@dataclass(frozen=True, kw_only=True)
class Audit:
    """An audit that was begun, or gone on with."""

    schedule: str
    due: datetime
    at: datetime
    resumed: str | None


@dataclass
class Service:
    """A service on a store of its own file, begun and ended as often as a test likes."""

    store: Path
    clock: Clock
    ends: Callable[[Audit], int] = field(default=lambda _audit: 0)
    takes: timedelta = timedelta(minutes=3)
    audits: list[Audit] = field(default_factory=list)
    told: list[Fire] = field(default_factory=list)

    def run(self, until: datetime) -> None:
        """Run a service until an instant, at which it is gone."""
        with closing(Store(str(self.store))) as store:
            attendant = self.attendant(store)
            failed: list[BaseException] = []
            Loop(
                schedules=store.schedules.all,
                attend=attendant.attend,
                resume=lambda name: attendant.attend(name, resume=True),
                is_wanted=attendant.is_wanted,
                failed=failed.append,
                scheduler=_Until(self.clock, until),
                executor=DebugExecutor(),
                every=timedelta(days=2),
            ).start()
            assert failed == []

    def attendant(self, store: Store) -> Attendant:
        def pause() -> bool:
            self.clock.pass_by(timedelta(minutes=10))
            return False

        return Attendant(
            store,
            Surroundings(
                launch=lambda schedule, fire, run: self._audit(store, schedule, fire, run),
                clock=self.clock.read,
                pause=pause,
                told=lambda _schedule, fire: self.told.append(fire),
                who="a test",
            ),
        )

    def _audit(self, store: Store, schedule: Schedule, fire: Fire, run: str | None) -> Ended:
        """Do what the process of an audit does to the store, in the time that it takes."""
        audit = Audit(schedule=schedule.name, due=fire.due, at=self.clock.now, resumed=run)
        self.audits.append(audit)
        code = self.ends(audit)
        if code in (0, 1, 3, 130) and run is None:
            run = begun(store, self.clock.now, schedule=mark_of(fire)).id
        self.clock.pass_by(self.takes)
        if code in (0, 1, 3):
            assert run is not None
            finished(store, run, self.clock.now)
        return Ended(exit_code=code, said="last words")


def begun(store: Store, now: datetime, **options: object) -> RunRecord:
    record = RunRecord(
        id=f"{now:%Y-%m-%dT%H%M%SZ}-{next(_NUMBERS):04}",
        sequence=0,
        started=text_of(now),
        finished=None,
        operator="o",
        tool_version="0",
        as_of=text_of(now),
        scope_count=1,
        scope_sha256="s",
        scope_source="x",
        options={"patterns": ["local"]} | options,
        inputs={"policy": digest("policy")},
        summary={},
    )
    return store.begin(record, [(HostFacts(name="h", key="h"), "{}")], ["policy"])


def finished(store: Store, run: str, now: datetime, *, violating: int = 0) -> None:
    outcomes = {"compliant": 1 - violating, "noncompliant": violating, "partial": 0, "unreachable": 0}
    coverage = {"scope": 1, "reached": 1, "assessed": 1, "wanted": 1.0}
    store.finish(
        run,
        finished=text_of(now),
        summary={"coverage": coverage, "outcomes": outcomes, "violating_hosts": violating},
    )
    store.note(run, seal=digest(run), previous=None)


def text_of(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_schedule(name: str = "monthly", cron: str = "0 6 1 * *", zone: str = "UTC", **changes: object) -> Schedule:
    values: dict[str, object] = {
        "name": name,
        "cron": cron,
        "zone": zone,
        "jitter": timedelta(0),
        "window": timedelta(days=10),
        "catch_up": True,
        "words": ("local",),
        "folder": "/",
        "added": utc("2027-12-31T00:00:00"),
        "added_by": "o",
    }
    return Schedule(**(values | changes))  # type: ignore[arg-type]


def by_the_clock_on_the_wall(
    zone: str, hour: int, minute: int, first: datetime, last: datetime, days: Callable[[datetime], bool]
) -> list[datetime]:
    """Return when a daily time comes, found without any calendar.

    It is the first instant of a day at which the clock on the wall shows the time or a later one. So a time that is
    leapt over comes with the leap, and one that comes twice comes the first time.
    """
    found: dict[object, datetime] = {}
    now = first - timedelta(days=2)
    while now <= last:
        wall = now.astimezone(ZoneInfo(zone))
        if days(wall) and (wall.hour, wall.minute) >= (hour, minute):
            found.setdefault(wall.date(), now)
        now += STEP
    return [due for due in sorted(found.values()) if first < due <= last]
