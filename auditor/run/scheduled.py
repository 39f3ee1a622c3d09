"""What to do when an audit is due: claim it once, begin it or say why not, and write down what became of it.

Everything follows from what the store keeps and from the hour, never from what a process remembers: a service that is
killed at any moment, or a second one beside it, comes to the same.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile

from auditor.errors import UsageError
from auditor.model.record import Record, replace
from auditor.model.schedule import Fire, FireState, Schedule
from auditor.run.audit import exit_code
from auditor.store.record import RunRecord
from auditor.store.store import Store

BUSY = 75
"""Exit code of a scheduled audit that found another one of the same hosts under way (sysexits: EX_TEMPFAIL)."""
GRACE = timedelta(minutes=1)
"""How much later than meant an audit may begin without being called late."""
INTERRUPTED = 130
_ENDED = (0, 1, 3)
"""Exit codes of an audit that came to its end."""


class Ended(Record, kw_only=True):
    """How the process of an audit ended."""

    exit_code: int
    """Its exit code; below zero the signal that ended it."""
    said: str = ""
    """Its last words."""


Launch = Callable[[Schedule, Fire, str | None], Ended]
"""Do the audit of a schedule that is due; with an id, go on with that run."""


class Surroundings(Record, kw_only=True):
    """What an attendant takes from outside."""

    launch: Launch
    """Does an audit."""
    clock: Callable[[], datetime]
    """The hour."""
    pause: Callable[[], bool]
    """Wait a while for another audit to end; True when it is asked to stop."""
    told: Callable[[Schedule, Fire], None]
    """Hear what became of each time that an audit was due, once it is written down."""
    who: str
    """Who attends, for whoever finds the lock held."""


class Attendant:
    """Attends to the schedules of a store."""

    def __init__(self, store: Store, surroundings: Surroundings) -> None:
        """Take the store, and what is done and heard outside of it."""
        self._store = store
        self._outside = surroundings

    def attend(self, name: str, *, resume: bool = False) -> list[Fire]:
        """Do what is due of one schedule, until nothing more is; return what became of each.

        Nothing is done while another attends to it. With ``resume`` an audit that was interrupted goes on, which else
        waits for a restart; one whose service died goes on in any case.
        """
        ended: list[Fire] = []
        with self._store.locks.held(lock_of(name), self._outside.who) as is_ours:
            while is_ours and (found := self._next(name, resume=resume)) is not None:
                fire = self._do(*found)
                ended.append(fire)
                if fire.state is FireState.INTERRUPTED:
                    break
        return ended

    def is_wanted(self, schedule: Schedule) -> bool:
        """Tell whether something of a schedule in force is to be done that nobody is doing."""
        unended = self._store.schedules.unended(schedule.name)
        has_died = any(fire.state is FireState.STARTED for fire in unended)
        is_due = bool(due_now(self._store, schedule, self._outside.clock()))
        return (has_died or is_due) and self._store.locks.is_free(lock_of(schedule.name))

    def _in_force(self, name: str) -> Schedule | None:
        return next((one for one in self._store.schedules.all() if one.name == name), None)

    def _next(self, name: str, *, resume: bool) -> tuple[Schedule, Fire] | None:
        """Settle what is over, and return what is to be done now."""
        schedule = self._in_force(name)
        if schedule is None:
            return None
        now = self._outside.clock()
        due = due_now(self._store, schedule, now)
        going_on = None
        for number, fire in enumerate(self._store.schedules.unended(name)):
            is_last = number == 0 and not due and fire.due > schedule.added
            if self._settled(schedule, fire, now, is_last=is_last):
                continue
            if resume or fire.state is FireState.STARTED:
                going_on = fire
        if not due:
            return None if going_on is None else (schedule, going_on)
        claimed = self._store.schedules.claim(_fates(schedule, due, now))
        for fire in claimed:
            if fire.state is not FireState.STARTED:
                self._outside.told(schedule, fire)
        begun = [fire for fire in claimed if fire.state is FireState.STARTED]
        return (schedule, begun[-1]) if begun else None

    def _settled(self, schedule: Schedule, fire: Fire, now: datetime, *, is_last: bool) -> bool:
        """Write down the end of an audit that was begun and is over; tell whether it is."""
        run = run_of(self._store, fire)
        if run is not None and run.finished is not None:
            self._write(schedule, _by_its_run(fire, run))
            return True
        if is_last and now <= fire.due + schedule.window:
            return False
        why = "its window closed before it came to its end" if is_last else "the next one was due before it went on"
        over = replace(fire, state=FireState.INTERRUPTED, ended=now, run=None if run is None else run.id)
        self._write(schedule, replace(over, reason=why))
        return True

    def _do(self, schedule: Schedule, fire: Fire) -> Fire:
        """Begin an audit, or go on with it, when no other of the same hosts is under way; return what became of it."""
        while True:
            run = run_of(self._store, fire)
            if run is not None and run.finished is not None:
                return self._write(schedule, _by_its_run(fire, run))
            ended = self._outside.launch(schedule, fire, None if run is None else run.id)
            if ended.exit_code != BUSY:
                return self._write(schedule, self._fate(fire, ended))
            if self._outside.clock() > fire.due + schedule.window:
                why = f"its window closed while it waited: {ended.said}"
                return self._write(schedule, replace(fire, state=FireState.SKIPPED, reason=why))
            if self._outside.pause():
                why = f"the service was stopped while it waited: {ended.said}"
                return self._write(schedule, replace(fire, state=FireState.INTERRUPTED, reason=why))

    def _fate(self, fire: Fire, ended: Ended) -> Fire:
        run = run_of(self._store, fire)
        code = ended.exit_code
        known = replace(fire, run=None if run is None else run.id, exit_code=code)
        if code in _ENDED:
            return replace(known, state=FireState.DONE, ended=self._outside.clock(), reason=None)
        if code == INTERRUPTED or code < 0:
            how = "it was interrupted" if code == INTERRUPTED else f"its process was ended by signal {-code}"
            return replace(known, state=FireState.INTERRUPTED, reason=f"{how}; it goes on when the service restarts")
        return replace(
            known, state=FireState.FAILED, ended=self._outside.clock(), reason=ended.said or "it said nothing"
        )

    def _write(self, schedule: Schedule, fire: Fire) -> Fire:
        self._store.schedules.update(fire)
        self._outside.told(schedule, fire)
        return fire


def lock_of(name: str) -> str:
    """Return the name of the lock that whoever attends to a schedule holds."""
    return f"schedule:{name}"


def due_now(store: Store, schedule: Schedule, now: datetime) -> list[tuple[datetime, datetime]]:
    """Return the instants at which a schedule was due, and meant to begin, of which nothing is written down yet."""
    last = store.schedules.fires(schedule.name, limit=1)
    after = max([schedule.added, *(fire.due for fire in last)])
    if next_start(schedule, after) > now:
        return []
    return list(takewhile(lambda pair: pair[1] <= now, _starts(schedule, after)))


@lru_cache(maxsize=256)
def next_start(schedule: Schedule, after: datetime) -> datetime:
    """Return when a schedule is meant to begin for the first instant later than one at which it is due."""
    return next(start for _due, start in _starts(schedule, after))


def run_of(store: Store, fire: Fire) -> RunRecord | None:
    """Return the run that was begun for a time that a schedule was due."""
    run = store.schedules.run_of(mark_of(fire))
    return None if run is None else store.run(run)


def schedule_of(run: RunRecord) -> str | None:
    """Return the name of the schedule that a run was begun by; None for one that somebody began."""
    mark = run.options.get("schedule")
    return str(mark[0]) if isinstance(mark, list) else None


def mark_of(fire: Fire) -> list[str]:
    """Return what a run keeps of the schedule that it was begun by."""
    return [fire.schedule, f"{fire.due.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"]


def read_mark(text: str) -> list[str]:
    """Read a schedule's name and the instant that it was due, as ``--scheduled`` has them."""
    name, slash, due = text.rpartition("/")
    if not slash:
        raise UsageError(f"--scheduled {text}: a schedule and an instant are wanted; it is for the service alone")
    return [name, due]


def _fates(schedule: Schedule, due: list[tuple[datetime, datetime]], now: datetime) -> list[Fire]:
    """Say what becomes of instants that have come: the last one is begun if it may be, the others were missed."""
    *earlier, (last, start) = due
    fates = [
        Fire(
            schedule=schedule.name,
            due=one,
            state=FireState.MISSED,
            at=now,
            late=False,
            reason="no service ran before the next one was due",
        )
        for one, _ in earlier
    ]
    late = now - start > GRACE
    why = None
    if now > last + schedule.window:
        why = "no service ran while its window was open"
    elif late and not schedule.catch_up:
        why = "no service ran at the time, and the schedule catches up with nothing"
    state = FireState.STARTED if why is None else FireState.MISSED
    return [
        *fates,
        Fire(schedule=schedule.name, due=last, state=state, at=now, late=late and why is None, reason=why),
    ]


def _by_its_run(fire: Fire, run: RunRecord) -> Fire:
    """Say what became of an audit whose end nobody saw, by the run that it left."""
    assert run.finished is not None  # noqa: S101 — whoever asks has looked
    known = replace(fire, run=run.id, ended=datetime.fromisoformat(run.finished))
    if "seal" in run.summary:
        return replace(known, state=FireState.DONE, exit_code=exit_code(run), reason=None)
    why = f"it ended before its reports were written: `auditor report {run.id}` writes them"
    return replace(known, state=FireState.FAILED, exit_code=None, reason=why)


def _starts(schedule: Schedule, after: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield when a schedule is due later than an instant, and when it begins then."""
    from auditor.run.calendar import calendar_of  # noqa: PLC0415 — APScheduler, which an audit by hand never asks

    return calendar_of(schedule).starts(after)
