"""How long what a store and its bundles hold is kept, and what was removed since."""

from datetime import datetime, timedelta
from enum import StrEnum

from auditor.model.record import Record


class Kept(StrEnum):
    """Kinds of what is kept of a run; its head, its ledger, its seal and its rules are kept for ever."""

    EVIDENCE = "evidence"
    """What hosts said: heads and sections."""
    RESULTS = "results"
    """What followed from it: rows of hosts, closed findings, what was known before."""
    BUNDLE = "bundle"
    """The run's folder."""


class Retention(Record, kw_only=True):
    """How long each kind is kept; what has no term is kept for ever."""

    evidence: timedelta | None = None
    """What hosts said, in the store."""
    results: timedelta | None = None
    """What followed from it, in the store."""
    bundles: timedelta | None = None
    """Folders of runs."""
    runs: int = 13
    """The newest finished runs of each scope keep everything, however old they are."""

    def term(self, kind: Kept) -> timedelta | None:
        """Return how long a kind is kept; None for ever."""
        return {Kept.EVIDENCE: self.evidence, Kept.RESULTS: self.results, Kept.BUNDLE: self.bundles}[kind]


class Removal(Record, kw_only=True):
    """What was removed of one run: an entry of a journal that is chained by its hashes."""

    number: int
    """Its place in the journal, from 1."""
    at: datetime
    """When."""
    by: str
    """Who had it removed."""
    run: str
    """Of which run."""
    kind: Kept
    """What."""
    hosts: int
    """Of how many hosts; 0 for a folder."""
    policy: str
    """SHA-256 of the policy that said so."""
    digest: str
    """Of what was there: over the hosts' rows or seals, or of a folder's manifest."""
    previous: str
    """Hash of the entry before; empty for the first."""
    sha256: str
    """Hash of this one."""
