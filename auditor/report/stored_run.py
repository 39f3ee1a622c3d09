"""The rows of a run as the store keeps them: what every report format is written from."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.errors import UsageError
from auditor.model.coverage import Coverage
from auditor.model.ledger import HostOutcome
from auditor.report.changes import Changes
from auditor.report.earlier_runs import runs_told
from auditor.report.gist import LEDGER, head_of
from auditor.report.rows import Row, coverage_row, row_of
from auditor.report.run_rows import RunRows
from auditor.report.stored_changes import changes_of, run_before
from auditor.report.stored_findings import stored_findings
from auditor.report.stored_rows import StoredRows
from auditor.store.record import RunRecord
from auditor.store.store import Store

_FIRST_TRY: Row = {"attempts": 1, "retried_after": None, "origin": None, "passed_over": [], "conflicts": []}
"""What was true of every host before hosts were tried again and merged, and is not written in rows of that time."""

_ASSERTED: Row = {
    **dict.fromkeys(("product", "state", "why", "days_left", "hosts_in_scope", "covers", "stale")),
    "hosts": [],
    "groups": [],
    "signed_by": [],
    "duplicates": [],
    "standing": "asserted",
    "ending": False,
}
"""What was true of every exception before people signed them, and what rows of that time do not say."""


def stored_run(store: Store, record: RunRecord) -> RunRows:
    """Return the rows of a run; hosts are read from the store each time they are iterated.

    Raises UsageError for a run that is not finished: it has no findings and no coverage yet.
    """
    if record.finished is None:
        raise UsageError(f"run {record.id} is not finished; `auditor audit --resume {record.id}` goes on with it")

    def lines() -> Iterator[str]:
        return store.lines(record.id)

    def hosts() -> Iterator[Row]:
        return (_FIRST_TRY | row_of(line) for line in store.lines(record.id))

    def gists() -> Iterator[Row]:
        return (_FIRST_TRY | row_of(gist) for _, gist in store.gists(record.id))

    def changes() -> Changes | None:
        before = run_before(store, record)
        return None if before is None else changes_of(store, before, record)

    def runs() -> dict[str, Row]:
        return {
            one.id: {"as_of": one.as_of, "operator": one.operator, "remediation": one.options.get("remediation")}
            for one in store.runs()
            if one.finished is not None and one.sequence <= record.sequence
        }

    summary: dict[str, Any] = record.summary
    return RunRows(
        run=run_row(record) | {"population": _population(store, record), "history": _history(store, record)},
        controls=summary["controls"],
        ledger=StoredRows(
            lambda: (_ledger_row(gist) for _, gist in store.gists(record.id)), lambda: record.scope_count
        ),
        findings=stored_findings(store, record),
        hosts=hosts,
        host_lines=lines,
        gists=gists,
        exceptions={name: _ASSERTED | row for name, row in summary["exceptions"].items()},
        accepted_limits=summary.get("accepted_limits", {}),
        approvals=summary["approvals"],
        pasts=lambda: store.pasts(record.id),
        runs=runs,
        changes=changes,
    )


def _ledger_row(gist: str) -> Row:
    row = _FIRST_TRY | head_of(gist)
    return {name: row[name] for name in LEDGER}


def run_row(record: RunRecord) -> Row:
    """Write what is said of the run as a whole."""
    summary: dict[str, Any] = record.summary
    return {
        "id": record.id,
        "sequence": record.sequence,
        "started": record.started,
        "finished": record.finished,
        "operator": record.operator,
        "tool_version": record.tool_version,
        "as_of": record.as_of,
        "scope": {"count": record.scope_count, "sha256": record.scope_sha256, "source": record.scope_source},
        "coverage": coverage_row(coverage_of(summary)),
        "policy": {"name": summary["policy_name"], "sha256": record.inputs["policy"]},
        "exceptions": {"sha256": record.inputs["exceptions"]},
        "people": {"sha256": record.inputs["people"]} if "people" in record.inputs else None,
        "catalogue": {"version": summary["catalogue_version"], "sha256": record.inputs["catalogue"]},
        "attack": {"version": summary["attack_version"]},
        "history": {"sha256": record.inputs["history"]},
        "sources": record.options.get("sources"),
    }


def coverage_of(summary: Mapping[str, Any]) -> Coverage:
    """Return the coverage of a run from its summary, which has counted outcomes since the first version."""
    counted = summary["coverage"]
    return Coverage(
        scope=counted["scope"],
        reached=counted["scope"] - summary["outcomes"][HostOutcome.UNREACHABLE],
        assessed=counted["assessed"],
        wanted=counted["wanted"],
    )


def _history(store: Store, record: RunRecord) -> Row:
    """Return what is sealed of the runs before a run; ``runs`` is None where its history says nothing of them."""
    sha256 = record.inputs["history"]
    return {"sha256": sha256, "runs": runs_told(store.text(sha256))}


def _population(store: Store, record: RunRecord) -> Row | None:
    """Return how the inventory compares with what an export knows; None where none was given."""
    sha256 = record.inputs.get("population_comparison")
    if sha256 is None:
        return None
    row: Row = json.loads(store.text(sha256))
    return row
