"""A violation with a life: the same fingerprint in every run."""

import hashlib
import json
from datetime import datetime
from enum import StrEnum

from auditor.model.record import Record

SCHEMA = 1
"""Version of the fingerprint: part of every digest, so that a change of its make-up is visible."""
# Made once: json.dumps makes one for each fingerprint.
_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))
_QUOTES = 6


class FindingState(StrEnum):
    """Where a finding stands in its life."""

    OPEN = "open"
    EXCEPTED = "excepted"
    CLOSED = "closed"
    NOT_OBSERVABLE = "not_observable"


class CloserKind(StrEnum):
    """What can close a finding; each proves it gone by evidence of the host."""

    RUN = "run"
    REMEDIATION = "remediation"


class ClosedBy(Record, kw_only=True):
    """What found a violation gone."""

    kind: CloserKind
    """A run, or a remediation that collected again."""
    id: str | None = None
    """Its id; None for the run that says so, whose id no evidence determines."""


class Finding(Record, kw_only=True):
    """One violation as followed over runs."""

    fingerprint: str
    """SHA-256 of schema version, control, host key and subject."""
    host: str
    """Inventory name of the host."""
    control: str
    """Control id."""
    subject: str
    """What the violation is about."""
    product: str | None
    """Catalogue id, where a product is concerned."""
    severity: str
    """How much it matters."""
    reason: str
    """What is wrong, as last seen."""
    first_seen: datetime
    """As-of instant of the run that saw it first."""
    failing_since: datetime | None
    """As-of instant since which every run that could see it saw it; None while closed."""
    due: datetime | None = None
    """Until when it is to be closed; None where the policy sets no term, and while it is excepted or closed."""
    overdue: bool = False
    """Whether that has passed: it is there, or not proven to be gone, and no exception covers it."""
    state: FindingState
    """Where it stands."""
    exception: str | None = None
    """Id of the exception that covers it."""
    owner: str | None = None
    """Who must act."""
    closed_at: datetime | None = None
    """As-of instant of the run that found it gone; None while it is not closed."""
    closed_by: ClosedBy | None = None
    """What found it gone; None while it is not closed."""
    opened_by: str | None = None
    """Id of the run that ``failing_since`` is of, kept once it is closed; None for the run that says so."""
    reopened: int = 0
    """How often it came back after it was closed."""
    formerly: tuple[str, ...] = ()
    """Fingerprints it went by before its control or product was replaced by another, the latest last."""


def fingerprint(*, control: str, host_key: str, subject: str) -> str:
    """Return the 64 hexadecimal digits that name a violation for ever: no text, version or pid is in them."""
    told = f'[{SCHEMA},"{control}","{host_key}","{subject}"]'
    # Six quotes are ours: where there is no other, and nothing that JSON would escape, it is what JSON would write.
    if not (told.isascii() and told.isprintable() and "\\" not in told and told.count('"') == _QUOTES):
        told = _ENCODER.encode([SCHEMA, control, host_key, subject])
    return hashlib.sha256(told.encode()).hexdigest()
