"""Every host of the scope with exactly one outcome: it must add up."""

from dataclasses import dataclass
from enum import StrEnum

from auditor.errors import Reason


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
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
