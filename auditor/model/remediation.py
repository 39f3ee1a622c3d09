"""What has become of a plan: events, each a fact that was written down before or after something was done."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from auditor.model.record import Record, field


class Happened(StrEnum):
    """What an event says; a host's newest one tells where it stands."""

    PLANNED = "planned"
    """Somebody made the plan."""
    APPROVED = "approved"
    """Somebody else consented, and the signature held when it was applied."""
    STARTED = "started"
    """Somebody began to apply it, or to undo it."""
    AUDITED = "audited"
    """A run has asked hosts: before a change, or after it."""
    SKIPPED = "skipped"
    """Nothing is done on a host: what the plan rests on is no longer so, or it may not be done."""
    CHECKED = "checked"
    """Every play said in check mode what it would do."""
    CAPTURED = "captured"
    """The capsule of a step is kept."""
    CHANGING = "changing"
    """A play is about to run: without a later event nobody knows how far it came."""
    CHANGED = "changed"
    """A play ended well; that closes no finding."""
    CONFIRMED = "confirmed"
    """A new connection came in after it, and the timed revert was called off."""
    FAILED = "failed"
    """A play did not end well, or the host was not reached."""
    REVERTED = "reverted"
    """The timed revert has put the change back."""
    PROVED = "proved"
    """New evidence says which findings are closed."""
    UNDOING = "undoing"
    """An inverse play is about to run."""
    UNDONE = "undone"
    """An inverse play ended well."""
    RESTORED = "restored"
    """What was captured again was compared with the capsule."""
    STOPPED = "stopped"
    """The rest was not tried: too many failures, or an interrupt."""
    ENDED = "ended"
    """All that was asked for was tried."""


class Event(Record, kw_only=True):
    """One line of the journal."""

    plan: str
    """SHA-256 of the plan."""
    number: int
    """Place in the plan's chain, from 1 on."""
    at: str
    """When, UTC."""
    what: Happened
    """What happened."""
    by: str
    """Account that ran the auditor."""
    host: str | None
    """Inventory name; None for what concerns the plan."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The rest of it; words of a host among it are data."""
    previous: str
    """Hash of the event before; empty for the first."""
    sha256: str
    """Hash over all of it."""
