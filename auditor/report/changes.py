"""What became otherwise between two runs: findings that are new, came back, were resolved, or cannot be seen any more.

Not to be seen is never resolved, and what concerns a host that only one of the runs had in scope is neither new nor
resolved. A finding that only one run knows of is looked for in the verdicts of the other.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from operator import itemgetter

from auditor.model.record import Record, field
from auditor.report.rows import Row
from auditor.report.stored_rows import sorted_by_host
from auditor.report.words import SEVERITIES

RULES = ("policy", "exceptions", "people", "catalogue", "attack", "tool_version")
"""What a run judges by, beside what it saw and when."""
_COMPARED = ("control", "subject", "state", "severity", "reason", "exception", "owner", "due")
_RANK = {name: rank for rank, name in enumerate(SEVERITIES)}
_HOST = itemgetter("host")


class Change(StrEnum):
    """What became of a finding, in the order in which a reader wants it."""

    NEW = "new"
    REOPENED = "reopened"
    """It was closed before, or meanwhile, and is there again."""
    NOT_OBSERVABLE = "not_observable"
    """It was there and cannot be seen now."""
    CHANGED = "changed"
    RESOLVED = "resolved"
    CAME_AND_WENT = "came_and_went"
    """It was opened and closed between the two runs."""
    OUT_OF_SCOPE = "out_of_scope"
    """Only one of the runs had its host in scope."""


class Cause(StrEnum):
    """Why a violation is there now, or no more, as far as the two runs let one tell."""

    EVIDENCE = "evidence"
    """The host says something else; the rules are the same."""
    RULES = "rules"
    """The host says the same; it is judged by other rules."""
    INVENTORY = "inventory"
    """The host and the rules are the same; the host is in other groups, or has another name."""
    TIME = "time"
    """Nothing else differs: a date passed, or earlier runs knew more."""
    UNDECIDED = "undecided"
    """Both the host and the rules are different."""


class Told(Record, kw_only=True):
    """What a run says of one host, as far as changes depend on it."""

    content: str | None
    """Digest of what the host said, times aside; None where it said nothing."""
    unreached: str | None = None
    """Why it was not assessed; None where it was."""
    judged: frozenset[str] = frozenset()
    """Controls that there is a verdict of."""
    gaps: Mapping[str, str] = field(default_factory=dict)
    """Control to why it could not see all, of those that could not."""
    suspected: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Control to the subjects that it only suspects."""

    def blindness(self, finding: Row) -> str | None:
        """Say why the run could not have seen a violation; None where it would have."""
        control = finding["control"]
        if self.unreached is not None:
            return f"not reached: {self.unreached}"
        if control not in self.judged:
            return "no verdict on its control"
        if control in self.gaps:
            return self.gaps[control]
        return "only suspected" if finding["subject"] in self.suspected.get(control, ()) else None


class Side(Record, kw_only=True):
    """One of two runs that are compared."""

    run: Row
    """Its id, sequence, as_of and tool_version, and the digest of each input."""
    hosts: Mapping[str, Row]
    """What is sealed of each host in its scope, by host key."""
    findings: Sequence[Row]
    """Its findings, ids of runs put in."""
    told: Callable[[Collection[str]], Mapping[str, Told]]
    """Given host keys, what the run says of these hosts."""


class RuleChange(Record, kw_only=True):
    """One thing that the runs were judged by, and that was another one."""

    name: str
    """Which."""
    before: str
    """Digest or version in the first run."""
    after: str
    """In the second."""


class Changes(Record, kw_only=True):
    """Everything that became otherwise."""

    before: Row
    """The first run."""
    after: Row
    """The second."""
    rules: tuple[RuleChange, ...]
    """Rules that differ."""
    added: tuple[str, ...]
    """Hosts that only the second has in scope."""
    removed: tuple[str, ...]
    """Hosts that only the first has in scope."""
    renamed: tuple[tuple[str, str], ...]
    """Hosts that are called otherwise in the second."""
    rows: tuple[Row, ...]
    """One row a finding, sorted by change, severity, host, control and subject."""

    @property
    def counts(self) -> Counter[str]:
        """Count the findings by what became of them."""
        return Counter(row["change"] for row in self.rows)

    @property
    def new_violations(self) -> int:
        """Count what fails now and did not fail before: new, come back, or no longer accepted."""
        return sum(1 for row in self.rows if row["fails_newly"])

    def of(self, change: str) -> list[Row]:
        """Return the findings that one thing became of."""
        return [row for row in self.rows if row["change"] == change]


class _Pair(Record, kw_only=True):
    """One finding in both runs, or in one of them."""

    key: str
    """Key of its host."""
    before: Row | None
    after: Row | None


def changes_between(before: Side, after: Side) -> Changes:
    """Compare two runs, the second with the first."""
    rules = tuple(
        RuleChange(name=name, before=str(before.run[name]), after=str(after.run[name]))
        for name in RULES
        if before.run[name] != after.run[name]
    )
    pairs = [pair for pair in _pairs(before, after) if _concerns(pair)]
    keys = {pair.key for pair in pairs}
    sides = (before.told(keys & set(before.hosts)), after.told(keys & set(after.hosts)))
    both = before.hosts.keys() & after.hosts.keys()
    comparison = _Comparison(before=before, after=after, told=sides, has_other_rules=bool(rules))
    rows = [row for pair in pairs if (row := comparison.row(pair)) is not None]
    return Changes(
        before=before.run,
        after=after.run,
        rules=rules,
        added=tuple(sorted(row["name"] for key, row in after.hosts.items() if key not in both)),
        removed=tuple(sorted(row["name"] for key, row in before.hosts.items() if key not in both)),
        renamed=tuple(
            sorted(
                (before.hosts[key]["name"], after.hosts[key]["name"])
                for key in both
                if before.hosts[key]["name"] != after.hosts[key]["name"]
            )
        ),
        rows=tuple(sorted(rows, key=_order)),
    )


def _pairs(before: Side, after: Side) -> Iterator[_Pair]:
    """Yield every finding of both runs once; one that has another name now is found by those it had.

    A finding belongs to the key of its host, so what is on both sides is under one name of it; findings of hosts that
    are called otherwise now are put together once the others have passed.
    """
    keys = [{row["name"]: key for key, row in side.hosts.items()} for side in (before, after)]
    called = [(before.hosts[key]["name"], after.hosts[key]["name"]) for key in before.hosts.keys() & after.hosts.keys()]
    moved = [{one for one, other in called if one != other}, {other for one, other in called if one != other}]
    later: tuple[list[Row], list[Row]] = ([], [])
    for name, mine, theirs in _by_host(before.findings, after.findings):
        for place, rows in enumerate((mine, theirs)):
            if name in moved[place]:
                later[place].extend(rows)
                rows.clear()
        yield from _paired(mine, theirs, keys)
    yield from _paired(*later, keys)


def _by_host(before: Sequence[Row], after: Sequence[Row]) -> Iterator[tuple[str, list[Row], list[Row]]]:
    """Yield the findings of each host of both sides, one host's in memory."""
    groups = [groupby(sorted_by_host(findings), _HOST) for findings in (before, after)]
    heads = [next(group, None) for group in groups]
    while names := [head[0] for head in heads if head is not None]:
        name = min(names)
        rows: tuple[list[Row], list[Row]] = ([], [])
        for place, head in enumerate(heads):
            if head is not None and head[0] == name:
                rows[place].extend(head[1])
                heads[place] = next(groups[place], None)
        yield name, *rows


def _paired(before: Iterable[Row], after: Iterable[Row], keys: Sequence[Mapping[str, str]]) -> Iterator[_Pair]:
    earlier = {row["fingerprint"]: row for row in before}
    for row in after:
        names = (row["fingerprint"], *reversed(row["formerly"]))
        same = next((earlier.pop(name) for name in names if name in earlier), None)
        for name in names:
            earlier.pop(name, None)
        yield _Pair(key=keys[1][row["host"]], before=same, after=row)
    for row in earlier.values():
        yield _Pair(key=keys[0][row["host"]], before=row, after=None)


def _concerns(pair: _Pair) -> bool:
    """Tell whether there can be something to say of a finding."""
    states = [None if row is None else row["state"] for row in (pair.before, pair.after)]
    if states in (["closed", None], [None, None]):
        return False
    if pair.before is None or pair.after is None:
        return True
    return bool(_differences(pair.before, pair.after)) or pair.before["reopened"] != pair.after["reopened"]


class _Comparison(Record, kw_only=True):
    """Two runs, and what is needed of both to say what became of a finding."""

    before: Side
    after: Side
    told: tuple[Mapping[str, Told], Mapping[str, Told]]
    has_other_rules: bool

    def row(self, pair: _Pair) -> Row | None:
        """Say what became of one finding; None where there is nothing to say."""
        change, detail = self._change(pair)
        if change is None:
            return None
        shown = pair.after or pair.before or {}
        old, new = pair.before, pair.after
        fields = [] if old is None or new is None else [name for name, _, _ in _differences(old, new)]
        # What was there in both runs, and gone between, no comparison of the two explains.
        is_other = change in (Change.NEW, Change.RESOLVED) or (
            change is Change.REOPENED and old is not None and old["state"] == "closed"
        )
        cause = self._cause(pair.key) if is_other else None
        state = None if new is None else new["state"]
        return {
            "change": change,
            "severity": shown["severity"],
            "host": shown["host"],
            "control": shown["control"],
            "subject": shown["subject"],
            "product": shown["product"],
            "reason": shown["reason"],
            "owner": shown["owner"],
            "due": shown["due"],
            "overdue": shown["overdue"],
            "state_before": None if old is None else old["state"],
            "state_after": state,
            "fields": fields,
            "cause": cause,
            "detail": detail,
            "fails_newly": _fails_newly(change, old, new),
            "fingerprint": shown["fingerprint"],
        }

    def _change(self, pair: _Pair) -> tuple[Change | None, str]:
        if pair.after is None:
            return self._vanished(pair)
        if pair.before is None:
            return self._appeared(pair)
        return self._went_on(pair.before, pair.after, pair.key)

    def _went_on(self, old: Row, new: Row, key: str) -> tuple[Change | None, str]:
        """Say what became of a finding that both runs know of."""
        if new["reopened"] > old["reopened"] or (old["state"] == "closed" != new["state"]):
            return _came_back(new)
        if new["state"] == "closed":
            return (None, "") if old["state"] == "closed" else (Change.RESOLVED, self._closed_by(new))
        if new["state"] == "not_observable" != old["state"]:
            return Change.NOT_OBSERVABLE, self.told[1][key].blindness(new) or "not seen"
        said = "; ".join(f"{name}: {one} → {other}" for name, one, other in _differences(old, new))
        return (Change.CHANGED, said) if said else (None, "")

    def _vanished(self, pair: _Pair) -> tuple[Change | None, str]:
        """Say what became of a finding that the second run does not know of."""
        if pair.key not in self.after.hosts:
            return Change.OUT_OF_SCOPE, "the host was removed from the scope"
        blindness = self.told[1][pair.key].blindness(pair.before or {})
        return (Change.RESOLVED, "") if blindness is None else (Change.NOT_OBSERVABLE, blindness)

    def _appeared(self, pair: _Pair) -> tuple[Change | None, str]:
        """Say what is to be said of a finding that the first run does not know of."""
        new = pair.after or {}
        if pair.key not in self.before.hosts:
            is_there = new["state"] != "closed"
            return (Change.OUT_OF_SCOPE, "the host was added to the scope") if is_there else (None, "")
        if new["state"] == "closed":
            return Change.CAME_AND_WENT, "opened and closed between the two runs"
        blindness = self.told[0][pair.key].blindness(new)
        return Change.NEW, "" if blindness is None else f"may be older, it could not be seen before: {blindness}"

    def _closed_by(self, finding: Row) -> str:
        closer = finding["closed_by"] or {"kind": "run", "id": None}
        is_own = closer["kind"] == "run" and closer["id"] in (None, self.after.run["id"])
        return "" if is_own else f"by {closer['kind']} {closer['id']}"

    def _cause(self, key: str) -> Cause:
        was, now = self.told[0][key], self.told[1][key]
        if was.content is None or was.content != now.content:
            return Cause.UNDECIDED if self.has_other_rules else Cause.EVIDENCE
        if self.has_other_rules:
            return Cause.RULES
        one, other = self.before.hosts[key], self.after.hosts[key]
        is_same = (one["name"], one["groups"]) == (other["name"], other["groups"])
        return Cause.TIME if is_same else Cause.INVENTORY


def _came_back(new: Row) -> tuple[Change, str]:
    if new["state"] == "closed":
        return Change.CAME_AND_WENT, "came back and was closed again"
    # No count of it there is only where the second run does not go on from the first.
    count = "" if not new["reopened"] else f", and come back {_times(new['reopened'])}"
    return Change.REOPENED, f"closed before{count}"


def _fails_newly(change: Change, old: Row | None, new: Row | None) -> bool:
    """Tell whether a violation counts now that did not count before; what cannot be seen is not proven gone."""
    if new is None or new["exception"] is not None:
        return False
    if change in (Change.NEW, Change.REOPENED):
        return True
    return change is Change.CHANGED and new["state"] == "open" and old is not None and old["exception"] is not None


def _differences(old: Row, new: Row) -> list[tuple[str, str, str]]:
    """Return what differs in two rows of a finding; of reasons only what is said, not its numbers and versions."""
    found = []
    for name in _COMPARED:
        one, other = old[name], new[name]
        if one != other and not (name == "reason" and _wording(one) == _wording(other)):
            found.append((name, _shown(one), _shown(other)))
    return found


def _wording(reason: str) -> list[str]:
    """Return the words of a reason; whatever has a digit in it counts as a number."""
    return ["#" if any(one.isdigit() for one in word) else word for word in reason.split()]


def _shown(value: str | None) -> str:
    return "none" if value is None else value


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _order(row: Row) -> tuple[int, int, str, str, str, str]:
    change = list(Change).index(row["change"])
    severity = _RANK.get(row["severity"], len(_RANK))
    return change, severity, row["host"], row["control"], row["subject"], row["fingerprint"]


def flat_rows(changes: Changes) -> Iterable[Row]:
    """Return everything as rows of one shape, for scripts: what differs in the rules and the scope, then findings."""
    for rule in changes.rules:
        yield _BLANK | {"change": "rules", "subject": rule.name, "detail": f"{rule.before} → {rule.after}"}
    for host in changes.added:
        yield _BLANK | {"change": "host_added", "host": host}
    for host in changes.removed:
        yield _BLANK | {"change": "host_removed", "host": host}
    for was, now in changes.renamed:
        yield _BLANK | {"change": "host_renamed", "host": now, "detail": f"{was} → {now}"}
    for row in changes.rows:
        yield {name: row[name] for name in _BLANK}


_BLANK: Row = {
    **dict.fromkeys(("change", "severity", "host", "control", "subject", "product", "reason", "owner", "due")),
    "overdue": False,
    **dict.fromkeys(("state_before", "state_after")),
    "fields": [],
    **dict.fromkeys(("cause", "detail")),
    "fails_newly": False,
    "fingerprint": None,
}
"""A row of ``auditor diff`` in which nothing is said: every column, in order."""
COLUMNS = tuple(_BLANK)
"""The columns, in order; new ones are added at the end only."""
