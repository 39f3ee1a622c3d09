"""Where messages go, and which of them."""

from enum import StrEnum
from pathlib import Path

from auditor.model.record import Record, Unshown


class Event(StrEnum):
    """What a message can be about."""

    NEW_VIOLATION = "new_violation"
    EXCEPTION_ENDED = "exception_ended"
    COVERAGE_BELOW = "coverage_below"
    CHAIN_HEAD = "chain_head"
    AUDIT_FAILED = "audit_failed"
    AUDIT_MISSED = "audit_missed"


class Webhook(Record, kw_only=True):
    """A place that messages are posted to. What may hold a secret is never shown."""

    name: str
    """What it is called: messages are remembered by it."""
    is_tls: bool
    """Whether it is spoken to in TLS; else it is of this machine."""
    host: str
    """The server's name or address."""
    port: int
    """Its port."""
    target: Unshown[str]
    """Path and query of its address, which often hold a secret."""
    events: tuple[Event, ...] = tuple(Event)
    """What it wants to hear of."""
    header: Unshown[tuple[str, str] | None] = None
    """A header that lets us in: name and value."""
    key: Unshown[bytes | None] = None
    """What the body is signed with (HMAC-SHA256)."""
    ca: Path | None = None
    """Certificates that it is verified by, in place of the system's."""
    timeout: float = 10.0
    """Seconds that one try may take."""
    tries: int = 4
    """How often a message is tried."""
    most: int = 500
    """Messages that are sent after one run; the others wait for the next."""
