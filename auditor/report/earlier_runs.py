"""The runs of the same scope that came before one: what is sealed of each into its history, and drawn as a trend."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from auditor.report.rows import Row
from auditor.report.words import OUTCOMES, SEVERITIES
from auditor.store.record import RunRecord
from auditor.store.store import Store

KEPT = 100
"""Earlier runs that are sealed into a history, the newest ones."""
COUNTS = ("open", *SEVERITIES, "overdue", "excepted", "not_observable")
"""What is counted of the findings of a run."""
_SCOPE = ("patterns", "limit", "remediation")
"""Options that narrow a scope; a plan that is applied audits its own hosts alone."""


def scope_of(source: str, options: Mapping[str, object]) -> tuple[object, ...]:
    """Return what a scope is the same by: not its hosts, which come and go, but where they are taken from."""
    return options.get("inventory") or source, *(options.get(name) or None for name in _SCOPE)


def earlier_runs(store: Store, source: str, options: Mapping[str, object], before: str | None = None) -> list[Row]:
    """Return what is kept of the finished runs of a scope, the oldest first and the newest ``KEPT`` at the most.

    ``before`` leaves out the runs that judge at that instant or later.
    """
    wanted = scope_of(source, options)
    found = [
        run
        for run in store.runs()
        if run.finished is not None
        and scope_of(run.scope_source, run.options) == wanted
        and "coverage" in run.summary
        and (before is None or run.as_of < before)
    ]
    return [_row(run) for run in reversed(found[:KEPT])]


class _RunsTold(msgspec.Struct):
    runs: Any = None


def runs_told(history: str) -> Any:  # noqa: ANN401 — as it was written
    """Read what a sealed history says of the runs before it, and pass over the rest; None where it says nothing."""
    try:
        return msgspec.json.decode(history, type=_RunsTold).runs
    except msgspec.MsgspecError:
        # Half of a character, which it does not read.
        return json.loads(history).get("runs")


def finding_counts(findings: Iterable[Row]) -> dict[str, int]:
    """Count the findings of a run: open ones, these by severity, overdue, excepted, and those not seen this time."""
    counts = dict.fromkeys(COUNTS, 0)
    for finding in findings:
        state = finding["state"]
        if state in counts:
            counts[state] += 1
        if state == "open" and finding["severity"] in SEVERITIES:
            counts[finding["severity"]] += 1
        counts["overdue"] += bool(finding.get("overdue"))
    return counts


def _row(run: RunRecord) -> Row:
    summary: Mapping[str, Any] = run.summary
    coverage = summary["coverage"]
    return {
        "run": run.id,
        "sequence": run.sequence,
        "as_of": run.as_of,
        "tool_version": run.tool_version,
        "policy": run.inputs["policy"],
        "scope": {"count": run.scope_count, "sha256": run.scope_sha256},
        "outcomes": {name: summary["outcomes"].get(name, 0) for name in OUTCOMES},
        "coverage": {name: coverage[name] for name in ("scope", "assessed", "wanted")},
        # Runs that an earlier version closed did not count them.
        "findings": summary.get("findings"),
        # The seal of its bundle links the runs: an earlier bundle that was changed is not the one that was counted.
        "seal": summary.get("seal"),
    }
