"""Schedules as the store keeps them: added, removed, and claimed each time they are due, by whoever comes first."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.errors import UsageError, did_you_mean
from auditor.model.record import replace
from auditor.model.schedule import Fire, FireState, Schedule
from auditor.store.rows import json_text
from auditor.store.schedule_tables import FIRES, SCHEDULES
from auditor.store.tables import RUNS

_Opening = Callable[[], AbstractContextManager[Connection]]
_IN_FORCE = SCHEDULES.c.removed.is_(None)


class Schedules:
    """The schedules of a store, and what became of each when it was due."""

    def __init__(self, writing: _Opening, reading: _Opening, insert_new: Callable[[sa.Table], Any]) -> None:
        """Take the store's ways of opening a transaction, and of inserting what may be there."""
        self._writing = writing
        self._reading = reading
        self._insert_new = insert_new

    def add(self, schedule: Schedule) -> None:
        """Put a schedule in force; UsageError where one of its name is."""
        with self._writing() as connection:
            known = sa.select(SCHEDULES.c.number).where(SCHEDULES.c.name == schedule.name, _IN_FORCE)
            if connection.execute(known).first() is not None:
                raise UsageError(
                    f"schedule {schedule.name!r} is there already: `auditor schedule remove {schedule.name}` first, or "
                    "take another name"
                )
            connection.execute(SCHEDULES.insert().values(**_schedule_values(schedule)))

    def remove(self, name: str, *, at: datetime, by: str) -> Schedule:
        """Put a schedule out of force, and return it; UsageError where none of that name is."""
        schedule = self.named(name)
        with self._writing() as connection:
            connection.execute(
                SCHEDULES.update().where(SCHEDULES.c.name == name, _IN_FORCE).values(removed=_text(at), removed_by=by)
            )
        return replace(schedule, removed=at, removed_by=by)

    def named(self, name: str) -> Schedule:
        """Return a schedule in force; UsageError names the nearest."""
        known = {schedule.name: schedule for schedule in self.all()}
        if name not in known:
            raise UsageError(f"no schedule {name!r}{did_you_mean(name, list(known))}; `auditor schedule list`")
        return known[name]

    def all(self, *, removed: bool = False) -> list[Schedule]:
        """Return the schedules in force, by name; with ``removed`` those that are not any more, too."""
        query = sa.select(SCHEDULES).order_by(SCHEDULES.c.name, SCHEDULES.c.number)
        with self._reading() as connection:
            rows = connection.execute(query if removed else query.where(_IN_FORCE)).mappings()
            return [_schedule(dict(row)) for row in rows]

    def claim(self, fires: Iterable[Fire]) -> list[Fire]:
        """Write down what becomes of instants at which a schedule is due; return those that nobody had written."""
        with self._writing() as connection:
            return [
                fire for fire in fires if connection.execute(self._insert_new(FIRES), _fire_values(fire)).rowcount == 1
            ]

    def update(self, fire: Fire) -> None:
        """Write down what has become of one that was claimed."""
        values = _fire_values(fire)
        is_it = (FIRES.c.schedule == values.pop("schedule")) & (FIRES.c.due == values.pop("due"))
        with self._writing() as connection:
            connection.execute(FIRES.update().where(is_it).values(**values))

    def fires(self, name: str, *, limit: int | None = None) -> list[Fire]:
        """Return the times that a schedule was due, the newest first."""
        query = sa.select(FIRES).where(FIRES.c.schedule == name).order_by(FIRES.c.due.desc()).limit(limit)
        with self._reading() as connection:
            return [_fire(dict(row)) for row in connection.execute(query).mappings()]

    def run_of(self, mark: Sequence[str]) -> str | None:
        """Return the id of the run that keeps this mark of a schedule among its options; None where there is none."""
        said = json_text({"schedule": mark})[1:-1]
        query = sa.select(RUNS.c.id, RUNS.c.options).where(RUNS.c.options.contains(said, autoescape=True))
        with self._reading() as connection:
            found = connection.execute(query.order_by(RUNS.c.sequence)).all()
        return next((run for run, options in found if json.loads(options).get("schedule") == list(mark)), None)

    def unended(self, name: str) -> list[Fire]:
        """Return the times at which a schedule was begun and has not come to its end, the newest first."""
        states = (FireState.STARTED, FireState.INTERRUPTED)
        query = (
            sa.select(FIRES)
            .where(FIRES.c.schedule == name, FIRES.c.state.in_(states), FIRES.c.ended.is_(None))
            .order_by(FIRES.c.due.desc())
        )
        with self._reading() as connection:
            return [_fire(dict(row)) for row in connection.execute(query).mappings()]


def _schedule_values(schedule: Schedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "cron": schedule.cron,
        "zone": schedule.zone,
        "jitter_seconds": int(schedule.jitter.total_seconds()),
        "window_seconds": int(schedule.window.total_seconds()),
        "catch_up": schedule.catch_up,
        "words": json.dumps(schedule.words),
        "folder": schedule.folder,
        "added": _text(schedule.added),
        "added_by": schedule.added_by,
        "removed": _text(schedule.removed),
        "removed_by": schedule.removed_by,
    }


def _schedule(row: dict[str, Any]) -> Schedule:
    values = {key: value for key, value in row.items() if key != "number"}
    values["words"] = tuple(json.loads(values["words"]))
    for name in ("jitter", "window"):
        values[name] = timedelta(seconds=values.pop(f"{name}_seconds"))
    for name in ("added", "removed"):
        values[name] = _instant(values[name])
    return Schedule(**values)


def _fire_values(fire: Fire) -> dict[str, Any]:
    return {
        "schedule": fire.schedule,
        "due": _text(fire.due),
        "state": str(fire.state),
        "at": _text(fire.at),
        "late": fire.late,
        "ended": _text(fire.ended),
        "run": fire.run,
        "exit_code": fire.exit_code,
        "reason": fire.reason,
    }


def _fire(row: dict[str, Any]) -> Fire:
    values = row | {"state": FireState(row["state"])}
    for name in ("due", "at", "ended"):
        values[name] = _instant(values[name])
    return Fire(**values)


def _text(when: datetime | None) -> str | None:
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
