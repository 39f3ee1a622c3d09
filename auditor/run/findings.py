"""Findings between the store's rows and the rules of their life."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from auditor.model.finding import Finding, FindingState
from auditor.model.verdict import Verdict
from auditor.policy.lifecycle import Observation, SeenViolation, is_settled, stands

Row = dict[str, Any]


def finding_from_row(row: Row) -> Finding:
    """Read a stored finding back."""
    values = dict(row)
    for name in ("first_seen", "failing_since", "due", "closed_at"):
        values[name] = None if values.get(name) is None else datetime.fromisoformat(values[name])
    values["state"] = FindingState(values["state"])
    return Finding(**values)


def observation_from_row(row: Row, host_key: str) -> Observation:
    """Reduce a host's stored row to what findings depend on."""
    if row["reason"] is not None:
        return Observation(host=row["host"], host_key=host_key, owner=row["owner"])
    return Observation(
        host=row["host"],
        host_key=host_key,
        owner=row["owner"],
        violations=tuple(_violations(row)),
        settled={
            verdict["control"]: frozenset(one["subject"] for one in verdict["suspected"])
            for verdict in row["verdicts"]
            if is_settled(Verdict(verdict["verdict"]), has_gaps=bool(verdict["gaps"]))
        },
    )


def _violations(row: Row) -> Iterator[SeenViolation]:
    for verdict in row["verdicts"]:
        for violation in verdict["violations"]:
            if stands(verdict["verdict"], violation["exception"]):
                yield SeenViolation(
                    control=verdict["control"],
                    subject=violation["subject"],
                    product=violation["product"],
                    severity=violation["severity"],
                    reason=violation["reason"],
                    exception=violation["exception"],
                )
