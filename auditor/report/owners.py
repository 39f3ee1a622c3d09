"""What each owner has to act on: their hosts, what breaks the policy there, and by when it is to be closed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from auditor.report.rows import Row
from auditor.report.scratch import Scratch, ScratchRows, sort_key
from auditor.report.summary import Group, Problem
from auditor.report.words import SEVERITIES

_RANK = {name: rank for rank, name in enumerate(SEVERITIES)}
_NEVER = "9999"
_OF_A_LINE = ("host", "page", "outcome", "reason", "os", "site", "fail", "unknown", "excepted")
_OF_A_FINDING = (
    *("host", "control", "subject", "product", "severity", "reason", "state", "exception"),
    *("due", "overdue", "failing_since"),
)


@dataclass(slots=True, kw_only=True)
class Owner:
    """One owner, and what is theirs in a run, counted; ``Owners`` has the lists."""

    name: str | None
    """As the inventory writes it; None for the hosts that nobody owns."""
    page: str
    """File name of their page."""
    number: int
    """Their number among the owners of the run."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """Their hosts by outcome."""
    incomplete: int = 0
    """Hosts that were not fully assessed: not reached, or with a verdict that is unknown."""
    by_reason: dict[str | None, Group] = field(default_factory=dict)
    """Hosts that were not reached, by the reason."""
    due: int = 0
    """Findings to be closed: open ones, and those that could not be seen this time."""
    excepted: int = 0
    """Findings that an exception covers."""
    overdue: int = 0
    """Findings whose day has passed."""
    next_due: str | None = None
    """Instant by which the next finding is to be closed; None where none has one."""

    @property
    def count(self) -> int:
        """Return how many hosts are theirs."""
        return self.outcomes.total()

    @property
    def unreached(self) -> list[tuple[str | None, Group]]:
        """Return their hosts that were not reached, by the reason, the most frequent first."""
        return sorted(self.by_reason.items(), key=lambda one: (-one[1].count, one[0] or ""))


class Owners:
    """Every owner of a run, with hosts and findings gathered one after the other; the lists wait on the disk."""

    def __init__(self, pages: Mapping[str | None, str], scratch: Scratch) -> None:
        """Take the file name of each owner's page (``html.owner_pages``), and where the lists are to lie."""
        self._of = {
            name: Owner(name=name, page=page, number=number) for number, (name, page) in enumerate(pages.items())
        }
        self._hosts, self._due, self._excepted = scratch.rows(), scratch.rows(), scratch.rows()

    def add_host(self, line: Row) -> None:
        """Take in a host by its line of the host table."""
        owner = self._of[line["owner"]]
        owner.outcomes[line["outcome"]] += 1
        owner.incomplete += not line["complete"]
        if line["outcome"] == "unreachable":
            owner.by_reason.setdefault(line["reason"], Group()).add(line["host"], line["page"])
        key = sort_key(-line["fail"], line["outcome"] == "compliant", line["host"])
        self._hosts.append({name: line[name] for name in _OF_A_LINE}, owner.number, key)

    def add_finding(self, finding: Row, page: str | None) -> None:
        """Take in a finding, with the page of its host; None where the host has none."""
        # A finding of a host that is no longer in scope may name an owner who has none left.
        owner = self._of.get(finding["owner"])
        if owner is None or finding["state"] == "closed":
            return
        row = {name: finding[name] for name in _OF_A_FINDING} | {"page": page}
        if finding["exception"] is not None:
            owner.excepted += 1
            self._excepted.append(row, owner.number)
            return
        owner.due += 1
        owner.overdue += finding["overdue"]
        due = finding["due"]
        if due is not None and (owner.next_due is None or due < owner.next_due):
            owner.next_due = due
        severity = _RANK.get(finding["severity"], len(_RANK))
        self._due.append(row, owner.number, sort_key(due or _NEVER, severity, finding["host"], finding["subject"]))

    def ranked(self) -> list[Owner]:
        """Return every owner, those with most to do first, and who owns nothing last."""
        return sorted(self._of.values(), key=lambda one: (one.name is None, -one.overdue, -one.due, one.name or ""))

    def hosts(self, owner: Owner, most: int) -> list[Row]:
        """Return the first lines of an owner's hosts, those to act on first."""
        return _first(self._hosts, owner, most)

    def due(self, owner: Owner, most: int) -> list[Row]:
        """Return the first of an owner's findings to be closed, by their days, and gravity; each with ``page``."""
        return _first(self._due, owner, most)

    def all_due(self, owner: Owner) -> Iterator[Row]:
        """Yield all of them."""
        return self._due.of(owner.number)

    def excepted(self, owner: Owner, most: int) -> list[Row]:
        """Return the first of an owner's findings that an exception covers, each with ``page``."""
        return _first(self._excepted, owner, most)


def _first(rows: ScratchRows, owner: Owner, most: int) -> list[Row]:
    return list(islice(rows.of(owner.number), most))


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
    hosts: Group = field(default_factory=Group)
    """Hosts, those with the nearest day first."""
    due: str | None = None
    """The first day by which one is to be closed."""
    overdue: int = 0
    """Hosts on which that day has passed."""


def work_of(findings: Iterable[Row], problems: Mapping[tuple[str, str], Problem]) -> list[Work]:
    """Return what is to be done about findings, each thing once, in the order in which they are due."""
    found: dict[tuple[str, str, str | None], Work] = {}
    for finding in findings:
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
        work.hosts.add(finding["host"], finding["page"])
        work.overdue += bool(finding["overdue"])
    return list(found.values())


def owner_names(ledger: Iterable[Row]) -> list[str | None]:
    """Return the owners of a run, sorted; None at the head stands for the hosts without one."""
    names = {row["owner"] for row in ledger}
    return [None] * (None in names) + sorted(name for name in names if name is not None)
