"""``auditor schedule list``: when each audit begins next, and what became of it last."""

from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

from auditor.cli.stored import open_store
from auditor.cli.terminal import print_rows, say
from auditor.model.schedule import Fire, FireState, Schedule
from auditor.report.rows import instant
from auditor.report.visible import visible
from auditor.run.calendar import calendar_of
from auditor.run.scheduled import GRACE, due_now, lock_of, run_of, schedule_of
from auditor.store.store import Store

_COLUMNS = ["name", "cron", "zone", "next", "last_due", "result", "exit_code", "late", "run", "reason"]
_TIMES = ["name", "last_due", "result", "exit_code", "late", "begun", "ended", "run", "reason"]
NEEDS_A_LOOK = 3
"""Exit code where a schedule wants somebody to look at it."""
_RULES = ("policy", "exceptions", "people")


def list_schedules(options: Namespace) -> int:
    """Print the schedules, or every time that they were due."""
    now = datetime.now(UTC)
    with open_store(options) as store:
        schedules = store.schedules.all(removed=options.all)
        if options.name is not None:
            schedules = [one for one in schedules if one.name == options.name] or [store.schedules.named(options.name)]
        rows = [row_of(store, schedule, now) for schedule in schedules]
        shown = rows
        if options.history:
            names = sorted({schedule.name for schedule in schedules})
            shown = [{"name": name} | fire_row(store, fire) for name in names for fire in store.schedules.fires(name)]
    print_rows(shown, _TIMES if options.history else _COLUMNS, options)
    bad = [row for row in rows if row["needs_a_look"]]
    for row in bad:
        say(options, visible(f"{row['name']}: {row['result']}: {row['reason']}"))
    return NEEDS_A_LOOK if bad and options.check else 0


def row_of(store: Store, schedule: Schedule, now: datetime) -> dict[str, Any]:
    """Return what is said of one schedule: all of it, from the store and the hour alone."""
    is_in_force = schedule.removed is None
    calendar = calendar_of(schedule)
    begins = next(start for _due, start in calendar.starts(now - schedule.jitter) if start > now)
    fires = [fire for fire in store.schedules.fires(schedule.name, limit=2) if fire.due > schedule.added]
    last = fire_row(store, fires[0] if fires else None)
    waiting = due_now(store, schedule, now) if is_in_force else []
    left = [due for due, start in waiting if now - start > GRACE]
    if left and store.locks.is_free(lock_of(schedule.name)):
        last |= {
            "last_due": instant(left[-1]),
            "result": "overdue",
            "reason": "nobody has begun it: is `auditor schedule run` running on this store?",
        }
    healthy = (None, FireState.DONE, "running")
    return {
        "name": schedule.name,
        "cron": schedule.cron,
        "zone": schedule.zone,
        "next": instant(begins) if is_in_force else None,
        **last,
        "needs_a_look": is_in_force and last["result"] not in healthy,
        "jitter": int(schedule.jitter.total_seconds()),
        "window": int(schedule.window.total_seconds()),
        "catch_up": schedule.catch_up,
        "audit": [*schedule.words],
        "folder": schedule.folder,
        "added": instant(schedule.added),
        "added_by": schedule.added_by,
        "removed": instant(schedule.removed),
        "removed_by": schedule.removed_by,
    }


def fire_row(store: Store, fire: Fire | None) -> dict[str, Any]:
    """Return what is said of one time that a schedule was due."""
    if fire is None:
        nothing = ("last_due", "result", "exit_code", "late", "begun", "ended", "run", "reason", "changed")
        return dict.fromkeys(nothing)
    run = run_of(store, fire)
    result, reason = str(fire.state), fire.reason
    if fire.state is FireState.STARTED:
        is_attended = not store.locks.is_free(lock_of(fire.schedule))
        result = "running" if is_attended else str(FireState.INTERRUPTED)
        reason = None if is_attended else "its service ended without a word; it goes on when one runs again"
    return {
        "last_due": instant(fire.due),
        "result": result,
        "exit_code": fire.exit_code,
        "late": fire.late,
        "begun": instant(fire.at),
        "ended": instant(fire.ended),
        "run": fire.run if run is None else run.id,
        "reason": reason,
        "changed": _changed(store, fire),
    }


def _changed(store: Store, fire: Fire) -> list[str] | None:
    """Name what a run was begun with that the run of the same schedule before it was not: sealed in both of them."""
    run = run_of(store, fire)
    if run is None:
        return None
    earlier = (one for one in store.runs() if one.sequence < run.sequence and one.finished is not None)
    before = next((one for one in earlier if schedule_of(one) == fire.schedule), None)
    if before is None:
        return []
    found = [name for name in _RULES if run.inputs.get(name) != before.inputs.get(name)]
    return found + (["hosts"] if run.scope_sha256 != before.scope_sha256 else [])
