"""How far back an event log of Windows goes, as a row of a section says; what was overwritten is a limit."""

from datetime import datetime

from auditor.collect.collector import instant_of, number_of
from auditor.model.facts.logons import EventLog
from auditor.model.verdict import Limit

OVERWRITTEN = "log-overwritten"
"""Name of the limit that a log makes which does not go back far enough."""
_STATES = ("on", "off")
_FIRST = "1"
"""Number of the record that is the first that was ever written: a log that has it is young, and lost nothing."""


def read_log(name: str, state: str, count: str, record: str, oldest: str) -> tuple[EventLog, bool]:
    """Read what ``Span`` of the probe's head tells of a log, and whether it holds all that was ever written to it."""
    if state not in _STATES:
        message = f"unknown state {state[:20]!r} of a log"
        raise ValueError(message)
    if record:
        number_of(record, "record")
    log = EventLog(
        name=name,
        is_enabled=state == "on",
        count=number_of(count, "count"),
        oldest=instant_of(oldest) if oldest else None,
    )
    return log, record == _FIRST


def overwritten(log: EventLog, since: datetime | None, *, is_young: bool) -> tuple[Limit, ...]:
    """Return the limit of a log that does not reach back to an instant because older records were overwritten."""
    if is_young or since is None or log.oldest is None or log.oldest <= since:
        return ()
    return (Limit(id=OVERWRITTEN, text=f"{log.name} goes back to {log.oldest:%Y-%m-%d} only."),)
