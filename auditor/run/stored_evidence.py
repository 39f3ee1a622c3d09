"""The sealed evidence of a host as an earlier run kept it."""

import zlib

from auditor.collect.seal import head_from_record
from auditor.errors import UsageError, did_you_mean
from auditor.model.evidence import Evidence, Outcome, Section
from auditor.store.record import RunRecord, SectionRecord
from auditor.store.store import Store


def stored_evidence(store: Store, run: RunRecord, host: str) -> Evidence:
    """Return a host's evidence; UsageError for a host that the run does not have or that gave none."""
    found = store.evidence(run.id, host)
    if found is None:
        known = [str(row["name"]) for row in store.scope(run.id)]
        if host not in known:
            raise UsageError(f"run {run.id} has no host {host!r}{did_you_mean(host, known)}")
        raise UsageError(f"host {host} gave no evidence in run {run.id}: `auditor hosts` says why")
    head, sha256, sections = found
    return Evidence(head=head_from_record(head), sections=tuple(_section(one) for one in sections), sha256=sha256)


def _section(record: SectionRecord) -> Section:
    return Section(
        id=record.id,
        outcome=Outcome(record.outcome),
        reason=record.reason,
        stderr=record.stderr,
        text=zlib.decompress(record.packed).decode(),
        redactions=record.redactions,
        sha256=record.sha256,
    )
