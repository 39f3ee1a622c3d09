"""Every host of the scope with exactly one outcome: it must add up."""

from datetime import datetime
from enum import StrEnum

from auditor.errors import Reason
from auditor.model.record import Record


class HostOutcome(StrEnum):
    """What became of a host in a run."""

    COMPLIANT = "compliant"
    """No verdict failed and none is unknown."""
    NONCOMPLIANT = "noncompliant"
    """A verdict failed."""
    PARTIAL = "partial"
    """None failed, but at least one is unknown."""
    UNREACHABLE = "unreachable"
    """Not assessed: it was not reached, or gave no usable answer."""


class PassedOverWhy(StrEnum):
    """Why another set of evidence does not have the word on a host."""

    OLDER = "older"
    """Its evidence is older than what was judged."""
    SAME_INSTANT = "same_instant"
    """Its evidence is of the same instant, and says something else."""
    SAME_EVIDENCE = "same_evidence"
    """Its evidence is the same, to the last byte."""
    NO_ANSWER = "no_answer"
    """It has no evidence of the host, which did not answer."""


class PassedOver(Record, kw_only=True):
    """What one more set of evidence had to say of a host, and why it was not judged."""

    run: str
    """The set, by its run."""
    host: str
    """What the host is called there."""
    why: PassedOverWhy
    """Why it does not have the word."""
    at: datetime
    """When its evidence was collected; where there is none, when the host was asked."""
    reason: Reason | None = None
    """Why there is none."""
    detail: str | None = None
    """That reason in one sentence."""


class LedgerRow(Record, kw_only=True):
    """One host's line in the ledger."""

    host: str
    """Inventory name."""
    outcome: HostOutcome
    """What became of it."""
    complete: bool
    """Whether no verdict is unknown."""
    reason: Reason | None = None
    """Why it was not assessed; None for an assessed host."""
    detail: str | None = None
    """The reason in one sentence."""
    attempts: int = 1
    """How many times it was tried in the run; what is said of it is what came of the last."""
    retried_after: Reason | None = None
    """What ended the try before the last; None where there was none."""
    owner: str | None = None
    """Who must act on the host."""
    site: str | None = None
    """Its network place."""
    origin: str | None = None
    """The run whose evidence was judged, where several were judged together."""
    passed_over: tuple[PassedOver, ...] = ()
    """What other sets of evidence had to say of it, the newest first."""
    conflicts: tuple[str, ...] = ()
    """What the sets disagree on, where it is who the host is: one sentence each."""
