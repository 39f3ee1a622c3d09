"""What became of plans, finding by finding, and how long it took until violations were gone."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Self

from auditor.report.rows import Row
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
    took: "array[float]" = field(default_factory=lambda: array("d"))
    """From when each of them began to fail to the run that found it gone; in order of the findings."""
    ages: "array[float]" = field(default_factory=lambda: array("d"))
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
    """The plans of a run and the lives of its findings, put together: these are given it one after the other."""

    def __init__(self, rows: RunRows) -> None:
        """Take what the rows say of runs and plans; of findings nothing yet."""
        run = rows.run
        self.plans: Sequence[Row] = rows.plans()
        """Plans that were applied before the run's end, as ``auditor.run.report_rows`` writes them."""
        self._run, self._as_of = run["id"], run["as_of"]
        self._runs = rows.runs()
        self._of_host: dict[str, list[tuple[Row, Row]]] = {}
        self._by_plan: dict[str, tuple[str, str]] = {}
        # Of a large fleet's findings, those alone are kept that a plan is about.
        self._planned: dict[str, Row | None] = {}
        for plan in self.plans:
            for host in plan.get("hosts", ()):
                self._of_host.setdefault(host["host"], []).append((plan, host))
                for one in host["findings"]:
                    self._planned[one["fingerprint"]] = None
                    if host["changed_at"] is not None:
                        self._by_plan[one["fingerprint"]] = (plan["plan"], host["changed_at"])
        self._times = {severity: Times(severity=severity) for severity in SEVERITIES}

    @classmethod
    def of(cls, rows: RunRows) -> Self:
        """Put together all that rows say, every finding included."""
        made = cls(rows)
        for finding in rows.findings:
            made.add(finding)
        return made

    def named(self, finding: Row) -> Row:
        """Return a finding with the ids of the runs that opened and closed it, where its row says *this one*."""
        return named(finding, run=self._run, as_of=self._as_of)

    def add(self, finding: Row) -> None:
        """Take a finding in, as the run's rows have it."""
        finding = self.named(finding)
        for name in (finding["fingerprint"], *finding["formerly"]):
            if name in self._planned:
                self._planned[name] = finding
        times = self._times.setdefault(finding["severity"], Times(severity=finding["severity"]))
        if finding["state"] == "closed":
            times.closed += 1
            times.by_plan += self.closing_plan(finding) is not None
            took = self.took(finding)
            if took is not None:
                times.took.append(took)
        elif finding["exception"] is None and finding["failing_since"] is not None:
            times.ages.append(_seconds(finding["failing_since"], self._as_of))
            times.overdue += finding["overdue"]

    def finding(self, fingerprint: str) -> Row | None:
        """Return a finding that a plan is about as this run has it, also by a fingerprint it went by earlier."""
        return self._planned.get(fingerprint)

    def plans_of(self, host: str) -> Sequence[tuple[Row, Row]]:
        """Return each plan that was applied to a host, with its row of it."""
        return self._of_host.get(host, ())

    def verified(self, host: Row) -> Row | None:
        """Return the run that looked at a host after it was changed: id, instant, and who ran it where that is kept."""
        if host["after"] is None:
            return None
        known = self._runs.get(host["after"], {})
        return {"run": host["after"], "as_of": known.get("as_of"), "operator": known.get("operator")}

    def times(self) -> list[Times]:
        """Return the times of each severity that there is a finding of, the gravest first."""
        return [times for times in self._times.values() if times.closed or times.ages]

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
