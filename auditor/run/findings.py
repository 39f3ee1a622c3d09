"""Findings between the store's rows and the rules of their life."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from auditor.model.finding import ClosedBy, CloserKind, Finding, FindingState
from auditor.model.host import HostFacts
from auditor.policy.exceptions import exception_for
from auditor.policy.lifecycle import (
    Following,
    Observation,
    SeenViolation,
    called_today,
    filed,
    is_settled,
    stands,
)
from auditor.policy.succession import Succession
from auditor.run.pipeline import Rules
from auditor.run.sealed_history import Text, findings_told

Row = dict[str, Any]


def finding_from_row(row: Row) -> Finding:
    """Read a stored finding back; one that an earlier version kept lacks what that did not know."""
    values = dict(row)
    for name in ("first_seen", "failing_since", "due", "closed_at"):
        values[name] = None if values.get(name) is None else datetime.fromisoformat(values[name])
    values["state"] = FindingState(values["state"])
    closer = values.get("closed_by")
    values["closed_by"] = None if closer is None else ClosedBy(kind=CloserKind(closer["kind"]), id=closer["id"])
    values["formerly"] = tuple(values.get("formerly", ()))
    return Finding(**values)


class EarlierFindings:
    """Findings of the runs before, as a history tells them; those of a host are read when it is taken in.

    A large fleet has many hundred thousand: packed, host by host, each takes a twentieth of the memory.
    """

    def __init__(self, history: str, scope: Iterable[tuple[str, str]], succession: Succession) -> None:
        """Take a run's sealed history, and the names of its hosts, each with its key."""
        self._succession = succession
        found: dict[str, list[Text]] = {}
        for host, _, head in filed(findings_told(history), scope):
            found.setdefault(host, []).append(head.row)
        self._of = {host: zlib.compress(b"[%b]" % b",".join(map(bytes, rows)), 1) for host, rows in found.items()}

    def pop(self, host: str, key: str) -> dict[str, Finding]:
        """Return the findings of a host, given its key, by the names that they have today, and forget them."""
        packed = self._of.pop(host, None)
        if packed is None:
            return {}
        rows = json.loads(zlib.decompress(packed))
        return called_today(map(finding_from_row, rows), key, self._succession)


def following(rules: Rules, hosts: Mapping[str, HostFacts]) -> Following:
    """Return what the lives of findings depend on in a run, beside what it saw.

    ``hosts`` need hold no others than those whose findings are looked at just then.
    """
    exceptions, today = rules.succession.exceptions(rules.exceptions), rules.as_of.date()

    def excuse(host: str, finding: Finding) -> str | None:
        record = exception_for(finding.control, hosts[host], finding, exceptions, today)
        return None if record is None else record.id

    return Following(as_of=rules.as_of, terms=rules.policy.settings.due, succession=rules.succession, excuse=excuse)


def observation_from_row(row: Row, host_key: str, *, has_past: bool = True) -> Observation:
    """Reduce a host's stored row to what findings depend on; what is settled matters only to those it had before."""
    if row["reason"] is not None:
        # Nothing is settled on a host that gave no evidence; what records from outside show of it stands all the same.
        return Observation(host=row["host"], host_key=host_key, owner=row["owner"], violations=tuple(_violations(row)))
    return Observation(
        host=row["host"],
        host_key=host_key,
        owner=row["owner"],
        violations=tuple(_violations(row)),
        settled={
            verdict["control"]: frozenset([one["subject"] for one in verdict["suspected"]])
            for verdict in (row["verdicts"] if has_past else ())
            if is_settled(verdict["verdict"], has_gaps=bool(verdict["gaps"]), control=verdict["control"])
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
