"""What became of plans, finding by finding, and how long it took until violations were gone."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from auditor.report.rows import Row, compact
from auditor.report.run_rows import RunRows
from auditor.report.words import SEVERITIES
from auditor.store.record import named


@dataclass(slots=True, kw_only=True)
class Times:
    """How long the violations of one severity lasted, in seconds, and how old those are that are still there."""

    severity: str
    """The severity."""
    closed: int = 0
    """Findings that are closed as of the run."""
    by_plan: int = 0
    """Those of them that were closed by a plan: the run that found them gone served it, and came after its change."""
    took: list[float] = field(default_factory=list)
    """From when each of them began to fail to the run that found it gone; in order of the findings."""
    ages: list[float] = field(default_factory=list)
    """Of each that is to be closed, how long it has failed as of the run."""
    overdue: int = 0
    """Those of them whose day has passed."""

    @property
    def median(self) -> float | None:
        """Return the time that half of them took at the most; None where none is known."""
        return median(self.took) if self.took else None

    @property
    def longest(self) -> float | None:
        """Return the longest time; None where none is known."""
        return max(self.took, default=None)

    @property
    def oldest(self) -> float | None:
        """Return the age of the oldest that is to be closed; None where there is none."""
        return max(self.ages, default=None)


class Remediation:
    """The plans of a run and the lives of its findings, put together."""

    def __init__(self, rows: RunRows) -> None:
        """Take what the rows say; each of their iterators is asked once."""
        run = rows.run
        self.plans: Sequence[Row] = rows.plans()
        """Plans that were applied before the run's end, as ``auditor.run.report_rows`` writes them."""
        self._as_of = run["as_of"]
        self._runs = rows.runs()
        # As text, which takes a quarter of the memory: a large fleet has many hundred thousand findings.
        self._findings: dict[str, str] = {}
        self._by_host: dict[str, list[str]] = {}
        for one in rows.findings:
            finding = named(one, run=run["id"], as_of=run["as_of"])
            text = compact(finding)
            for name in (finding["fingerprint"], *finding["formerly"]):
                self._findings[name] = text
            self._by_host.setdefault(finding["host"], []).append(text)
        self._by_plan: dict[str, tuple[str, str]] = {
            name: (plan["plan"], host["changed_at"])
            for plan in self.plans
            for host in plan.get("hosts", ())
            for name in (one["fingerprint"] for one in host["findings"])
            if host["changed_at"] is not None
        }

    def findings_of(self, host: str) -> Sequence[Row]:
        """Return the findings of a host, closed ones included, with the ids of the runs that opened and closed them."""
        return [json.loads(text) for text in self._by_host.get(host, ())]

    def finding(self, fingerprint: str) -> Row | None:
        """Return a finding as this run has it, also by a fingerprint it went by earlier."""
        text = self._findings.get(fingerprint)
        return None if text is None else json.loads(text)

    def plans_of(self, host: str) -> Iterator[tuple[Row, Row]]:
        """Yield each plan that was applied to a host, with its row of it."""
        for plan in self.plans:
            for one in plan.get("hosts", ()):
                if one["host"] == host:
                    yield plan, one

    def verified(self, host: Row) -> Row | None:
        """Return the run that looked at a host after it was changed: id, instant, and who ran it where that is kept."""
        if host["after"] is None:
            return None
        known = self._runs.get(host["after"], {})
        return {"run": host["after"], "as_of": known.get("as_of"), "operator": known.get("operator")}

    def times(self) -> list[Times]:
        """Return the times of each severity that there is a finding of, the gravest first."""
        by = {severity: Times(severity=severity) for severity in SEVERITIES}
        for finding in (json.loads(one) for mine in self._by_host.values() for one in mine):
            times = by.setdefault(finding["severity"], Times(severity=finding["severity"]))
            if finding["state"] == "closed":
                times.closed += 1
                times.by_plan += self.closing_plan(finding) is not None
                took = self.took(finding)
                if took is not None:
                    times.took.append(took)
            elif finding["exception"] is None and finding["failing_since"] is not None:
                times.ages.append(_seconds(finding["failing_since"], self._as_of))
                times.overdue += finding["overdue"]
        return [times for times in by.values() if times.closed or times.ages]

    def took(self, finding: Row) -> float | None:
        """Return the seconds from when a closed finding began to fail to the run that found it gone.

        None while it is not closed, and where the run that saw it come back is not in the store.
        """
        if finding["state"] != "closed" or finding["closed_at"] is None:
            return None
        began = self._runs.get(finding["opened_by"], {}).get("as_of")
        if began is None and not finding["reopened"]:
            began = finding["first_seen"]
        return None if began is None else _seconds(began, finding["closed_at"])

    def closing_plan(self, finding: Row) -> str | None:
        """Return the digest of the plan that closed a finding; None where nothing shows that one did.

        The run that found it gone was made to prove the plan, and came after the plan had changed the host. What a
        run before the change found gone already was closed by other hands.
        """
        if finding["state"] != "closed" or finding["closed_by"] is None:
            return None
        closer: Mapping[str, str | None] = self._runs.get(finding["closed_by"]["id"], {})
        for name in (finding["fingerprint"], *finding["formerly"]):
            plan, changed = self._by_plan.get(name, ("", ""))
            if plan and closer.get("remediation") == plan and (closer.get("as_of") or "") >= changed:
                return plan
        return None


def counted(hosts: Iterable[Row]) -> list[tuple[str, int]]:
    """Count hosts by where they stand, in the order in which that is first met."""
    counts: dict[str, int] = {}
    for host in hosts:
        counts[host["stands"]] = counts.get(host["stands"], 0) + 1
    return list(counts.items())


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
