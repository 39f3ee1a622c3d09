"""What is to be told of audits that were due and were not done: pure, and the same bytes for the same audits."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any

from auditor.model.schedule import Fire, FireState, Schedule
from auditor.notify.messages import FORMAT, Message, body_of, digest_of, message_id
from auditor.notify.webhook import Event

_EVENTS = {
    FireState.FAILED: Event.AUDIT_FAILED,
    FireState.MISSED: Event.AUDIT_MISSED,
    FireState.SKIPPED: Event.AUDIT_MISSED,
}


def messages_of_audits(schedule: Schedule, fires: Iterable[Fire], chain: Mapping[str, Any]) -> Iterator[Message]:
    """Yield a message for each time that an audit was due and was not done, nor will be; ``chain`` is its head."""
    for fire in fires:
        event = _event(fire)
        if event is None:
            continue
        due = f"{fire.due.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        fingerprint = digest_of([fire.schedule, due])
        body = {
            "format": FORMAT,
            "id": message_id(event, fingerprint, 0),
            "event": event,
            "fingerprint": fingerprint,
            "run": None,
            "chain": chain,
            "audit": {
                "schedule": fire.schedule,
                "cron": schedule.cron,
                "zone": schedule.zone,
                "due": due,
                "result": fire.state,
                "late": fire.late,
                "exit_code": fire.exit_code,
                "run": fire.run,
                "reason": fire.reason,
            },
        }
        yield Message(event=event, fingerprint=fingerprint, life=0, body=body_of(body))


def _event(fire: Fire) -> Event | None:
    """Return what a message of it is about; None for what is done, or may still come to its end."""
    if fire.state is FireState.INTERRUPTED:
        return None if fire.ended is None else Event.AUDIT_FAILED
    return _EVENTS.get(fire.state)
