"""What is kept of one host in one run: prepared by a worker, written in one transaction."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.model.evidence import Outcome
from auditor.model.record import Record, Unshown


class SectionRecord(Record, kw_only=True):
    """One sealed section as stored: once, by its hash, however many hosts said the same."""

    sha256: str
    """The section's own hash."""
    id: str
    """Collector id."""
    outcome: Outcome
    """What the script said became of it."""
    reason: str | None
    """Why."""
    stderr: str
    """What its commands said on standard error, redacted."""
    redactions: int
    """How many secrets were taken out."""
    packed: Unshown[bytes]
    """The redacted text, zlib-compressed UTF-8."""


def packed(text: str) -> bytes:
    """Pack a row as it is kept."""
    return zlib.compress(text.encode(), 1)


def unpacked(data: bytes) -> str:
    """Return a row that was packed."""
    return zlib.decompress(data).decode()


class HostRecord(Record, kw_only=True):
    """One host's outcome, row and evidence."""

    host: str
    """Inventory name."""
    outcome: str
    """Ledger outcome."""
    complete: bool
    """Whether no verdict is unknown."""
    inventoried: bool
    """Whether every section was collected or absent: what the age of evidence counts from."""
    reason: str | None
    """Ledger reason of a host that was not assessed."""
    packed_row: Unshown[bytes]
    """The host's line of ``hosts.jsonl``, packed."""
    packed_gist: Unshown[bytes | None] = None
    """What the end of a run needs of that row, packed; None where the row itself has to do."""
    evidence_sha256: str | None = None
    """Seal of the evidence; None for a host that gave none."""
    head: str | None = None
    """The evidence's head as JSON."""
    sections: tuple[SectionRecord | str, ...] = ()
    """Its sections, in the order of the probe; of one that came with an earlier record of the same run, its hash."""

    @property
    def row(self) -> str:
        """Return the host's line of ``hosts.jsonl``."""
        return unpacked(self.packed_row)

    @property
    def gist(self) -> str:
        """Return what the end of a run needs of it; the row itself where no gist is kept."""
        return self.row if self.packed_gist is None else unpacked(self.packed_gist)


class KnownHost(Record, kw_only=True):
    """What finished runs know of one host."""

    first: str
    """As-of of the first that had it in scope."""
    complete: str | None
    """As-of of the last with complete evidence; None where there is none."""
    complete_runs: int
    """How many had complete evidence."""
    told_by: list[str] | None
    """Version of the auditor and digest of the catalogue that the last of those told products by; None where several
    runs judged at its instant by different ones."""


class StoredAnswer(Record, kw_only=True):
    """What is kept of one host's evidence, its sections by their hashes."""

    host: str
    """Inventory name."""
    sha256: str | None
    """Seal of the evidence; None for a host that gave none."""
    head: str | None
    """The evidence's head as JSON."""
    sections: tuple[str, ...]
    """Hashes of its sections, in the order of the probe."""
    gist: str
    """What the end of the run needed of the host's row; the row itself where no gist is kept."""


class RunRecord(Record, kw_only=True):
    """A run as the store knows it."""

    id: str
    """Name of the run, which is its folder's name too."""
    sequence: int
    """Number of the run in this store, from 1: a missing month shows."""
    started: str
    """When it began, RFC 3339 in UTC."""
    finished: str | None
    """When it ended; None while it has not."""
    operator: str
    """Who ran it."""
    tool_version: str
    """Version of the auditor."""
    as_of: str
    """The instant it judges at, RFC 3339 in UTC."""
    scope_count: int
    """Hosts in scope."""
    scope_sha256: str
    """Digest of the host names."""
    scope_source: str
    """Where they come from."""
    options: dict[str, object]
    """What the command was asked, for ``--resume``; no secret is in it."""
    inputs: dict[str, str]
    """Sealed input to its SHA-256: policy, exceptions, catalogue, attack, history."""
    summary: dict[str, object]
    """What reports say of the run beyond its rows; empty while it runs."""


class Lives(Record, kw_only=True):
    """What a run leaves of one host for the runs after it."""

    host_key: str
    """Under what its past is filed."""
    findings: Sequence[Mapping[str, Any]]
    """Its findings, as rows."""
    past: Mapping[str, Any]
    """What is known of its products."""


def named(finding: Mapping[str, Any], *, run: str, as_of: str) -> dict[str, Any]:
    """Return a finding's row with the id of its run in the places where that run says *this one*.

    Ids of runs are of no evidence: a run whose rows held its own could not be computed again, byte for byte.
    """
    row = dict(finding)
    if row.get("opened_by") is None and row.get("failing_since") == as_of:
        row["opened_by"] = run
    closer = row.get("closed_by")
    if closer is not None and closer["id"] is None:
        row["closed_by"] = closer | {"id": run}
    return row
