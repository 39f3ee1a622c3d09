"""Audits that begin by themselves: when each is due, and what became of it each time."""

from datetime import datetime, timedelta
from enum import StrEnum

from auditor.model.record import Record


class FireState(StrEnum):
    """What became of an audit that was due."""

    STARTED = "started"
    """It was begun, and nothing is known of its end yet."""
    DONE = "done"
    """It came to its end, whatever it found."""
    FAILED = "failed"
    """It could not be done; nothing resumes it."""
    INTERRUPTED = "interrupted"
    """It was begun and not ended: it goes on while its window is open."""
    SKIPPED = "skipped"
    """It was not begun though a service ran: another audit of the same hosts did not end in time."""
    MISSED = "missed"
    """It was not begun, for no service ran in time."""


class Schedule(Record, kw_only=True):
    """An audit, and when it is due."""

    name: str
    """What it is called; its delays are drawn by it."""
    cron: str
    """When it is due: five fields, or one of the words that stand for them."""
    zone: str
    """IANA time zone that the fields are read in."""
    jitter: timedelta
    """The longest that it is delayed beyond being due."""
    window: timedelta
    """How long after it was due it may still begin, or go on."""
    catch_up: bool
    """Whether the last one that was missed is begun late, once."""
    words: tuple[str, ...]
    """What ``auditor audit`` is told."""
    folder: str
    """Working folder of the audit."""
    added: datetime
    """When it was added: nothing was due before."""
    added_by: str
    """Who added it."""
    removed: datetime | None = None
    """When it was removed; None while it is in force."""
    removed_by: str | None = None
    """Who removed it."""


class Fire(Record, kw_only=True):
    """One time that a schedule was due, and what became of it."""

    schedule: str
    """Name of the schedule."""
    due: datetime
    """When it was due, by the clock of its zone."""
    state: FireState
    """What became of it."""
    at: datetime
    """When it was begun, or found not to have been."""
    late: bool
    """Whether it was begun later than was meant."""
    ended: datetime | None = None
    """When it came to its end; None while it has not, and where it was not begun."""
    run: str | None = None
    """Id of its run; None where there is none."""
    exit_code: int | None = None
    """Exit code of the audit; None while it has not ended."""
    reason: str | None = None
    """Why it is not done."""
