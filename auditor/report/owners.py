"""What each owner has to act on: their hosts, what breaks the policy there, and by when it is to be closed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.report.rows import Row
from auditor.report.summary import Problem
from auditor.report.words import SEVERITIES

_RANK = {name: rank for rank, name in enumerate(SEVERITIES)}
_NEVER = "9999"


@dataclass(slots=True, kw_only=True)
class Owner:
    """One owner, and everything that is theirs in a run."""

    name: str | None
    """As the inventory writes it; None for the hosts that nobody owns."""
    page: str
    """File name of their page."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """Their hosts by outcome."""
    hosts: list[Row] = field(default_factory=list)
    """Lines of the host table (``Summary.lines``), those to act on first."""
    due: list[Row] = field(default_factory=list)
    """Findings to be closed, the first of them at the head: open ones, and those that could not be seen this time."""
    excepted: list[Row] = field(default_factory=list)
    """Findings that an exception covers."""
    overdue: int = 0
    """Findings whose day has passed."""

    @property
    def count(self) -> int:
        """Return how many hosts are theirs."""
        return len(self.hosts)

    @property
    def incomplete(self) -> int:
        """Return how many of them were not fully assessed: not reached, or with a verdict that is unknown."""
        return sum(1 for line in self.hosts if not line["complete"])

    @property
    def unreached(self) -> list[tuple[str | None, list[Row]]]:
        """Return their hosts that were not reached, by the reason, the most frequent first."""
        by_reason: dict[str | None, list[Row]] = {}
        for line in self.hosts:
            if line["outcome"] == "unreachable":
                by_reason.setdefault(line["reason"], []).append(line)
        return sorted(by_reason.items(), key=lambda one: (-len(one[1]), one[0] or ""))

    @property
    def next_due(self) -> str | None:
        """Return the instant by which the next finding is to be closed; None where none has one."""
        return next((row["due"] for row in self.due if row["due"] is not None), None)


@dataclass(slots=True, kw_only=True)
class Work:
    """One thing to do for an owner, on however many of their hosts."""

    control: str
    """Control that is broken."""
    subject: str
    """What breaks it."""
    severity: str
    """The gravest severity it has there."""
    reason: str
    """What is wrong, as said of the first host."""
    remediation: Sequence[str]
    """Steps, as given for the first host that has it; none where it was not seen this time."""
    hosts: list[str] = field(default_factory=list)
    """Hosts, those with the nearest day first."""
    due: str | None = None
    """The first day by which one is to be closed."""
    overdue: int = 0
    """Hosts on which that day has passed."""


def work_of(owner: Owner, problems: Mapping[tuple[str, str], Problem]) -> list[Work]:
    """Return what an owner has to do, each thing once, in the order in which their findings are due."""
    found: dict[tuple[str, str, str | None], Work] = {}
    for finding in owner.due:
        # Another product on the same port is another thing to do.
        key = (finding["control"], finding["subject"], finding["product"])
        work = found.get(key)
        if work is None:
            problem = problems.get(key[:2])
            work = found[key] = Work(
                control=finding["control"],
                subject=finding["subject"],
                severity=finding["severity"],
                reason=finding["reason"],
                remediation=() if problem is None else problem.steps_of(finding["product"]),
                due=finding["due"],
            )
        if _RANK.get(finding["severity"], len(_RANK)) < _RANK.get(work.severity, len(_RANK)):
            work.severity = finding["severity"]
        work.hosts.append(finding["host"])
        work.overdue += bool(finding["overdue"])
    return list(found.values())


def owners_of(pages: Mapping[str | None, str], lines: Sequence[Row], findings: Iterable[Row]) -> list[Owner]:
    """Return every owner with what is theirs, those with most to do first, and who owns nothing last."""
    found = {name: Owner(name=name, page=page) for name, page in pages.items()}
    for line in lines:
        owner = found[line["owner"]]
        owner.hosts.append(line)
        owner.outcomes[line["outcome"]] += 1
    for finding in findings:
        # A finding of a host that is no longer in scope may name an owner who has none left.
        owner_of_it = found.get(finding["owner"])
        if owner_of_it is None:
            continue
        if finding["state"] == "closed":
            continue
        if finding["exception"] is not None:
            owner_of_it.excepted.append(finding)
            continue
        owner_of_it.due.append(finding)
        owner_of_it.overdue += finding["overdue"]
    for owner in found.values():
        owner.due.sort(key=_urgency)
        owner.hosts.sort(key=lambda line: (-line["fail"], line["outcome"] == "compliant", line["host"]))
    return sorted(found.values(), key=lambda one: (one.name is None, -one.overdue, -len(one.due), one.name or ""))


def owner_names(ledger: Iterable[Row]) -> list[str | None]:
    """Return the owners of a run, sorted; None at the head stands for the hosts without one."""
    names = {row["owner"] for row in ledger}
    return [None] * (None in names) + sorted(name for name in names if name is not None)


def _urgency(finding: Row) -> tuple[str, int, str, str]:
    severity = _RANK.get(finding["severity"], len(_RANK))
    return finding["due"] or _NEVER, severity, finding["host"], finding["subject"]
