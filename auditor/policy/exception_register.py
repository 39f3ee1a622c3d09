"""The register of exceptions: where each stands on a day, and which of them nobody needs any more."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from auditor.model.host import HostFacts
from auditor.model.policy import ExceptionRecord
from auditor.model.record import Record
from auditor.model.standing import Standing, WeighedException, WeighedLimit
from auditor.policy.applies import applies_to
from auditor.policy.succession import Succession

SOON = 30
"""Days before its end from which an exception is listed as ending."""


class ExceptionState(StrEnum):
    """Where an exception stands in its life."""

    HOLDS = "holds"
    NOT_YET = "not_yet"
    ENDED = "ended"
    VOID = "void"


class HostUse(Record, kw_only=True):
    """What a run says of one host, as far as exceptions depend on it."""

    facts: HostFacts
    """The host."""
    covered: tuple[str, ...]
    """Id of the exception that covers it, for each violation that one covers."""
    undecided: frozenset[str]
    """Controls whose verdict is unknown there."""


class RegisterEntry(Record, kw_only=True):
    """One exception as the register shows it."""

    weighed: WeighedException
    """The exception, and what its people's signatures are worth."""
    state: ExceptionState
    """Where it stands."""
    days_left: int | None
    """Days it still holds, the day itself not counted; None where it does not hold."""
    hosts: int
    """Hosts in scope that it names."""
    covers: int
    """Violations that it covers in this run."""
    stale: str | None
    """Why nobody seems to need it; None where it is needed, does not hold, or cannot be told."""
    duplicates: tuple[str, ...]
    """Ids of others that hold or will, and accept all that it accepts on one of its days."""

    @property
    def is_ending(self) -> bool:
        """Tell whether it ends within the next ``SOON`` days."""
        return self.days_left is not None and self.days_left <= SOON


@dataclass(slots=True)
class ExceptionRegister:
    """What a run's hosts come to for each exception: told one host at a time."""

    exceptions: Sequence[WeighedException]
    """All of them, in the order of the file."""
    day: date
    """The day that the run judges at (UTC)."""
    succession: Succession = field(default_factory=Succession)
    """What carries on where a control was retired."""
    _hosts: Counter[str] = field(default_factory=Counter)
    _covers: Counter[str] = field(default_factory=Counter)
    _undecided: Counter[str] = field(default_factory=Counter)

    def add(self, use: HostUse) -> None:
        """Take one host in."""
        self._covers.update(use.covered)
        for record in (one.record for one in self.exceptions):
            if applies_to(use.facts, hosts=record.hosts, groups=record.groups):
                self._hosts[record.id] += 1
                self._undecided[record.id] += self.succession.control(record.control) in use.undecided

    def entries(self) -> list[RegisterEntry]:
        """Return every exception as the register shows it, sorted by id."""
        alive = [
            one.record
            for one in self.exceptions
            if state_of(one, self.day) in (ExceptionState.HOLDS, ExceptionState.NOT_YET)
        ]
        made = [self._entry(one, alive) for one in self.exceptions]
        return sorted(made, key=lambda entry: entry.weighed.record.id)

    def _entry(self, weighed: WeighedException, alive: Iterable[ExceptionRecord]) -> RegisterEntry:
        record, state = weighed.record, state_of(weighed, self.day)
        holds = state is ExceptionState.HOLDS
        return RegisterEntry(
            weighed=weighed,
            state=state,
            days_left=(record.end - self.day).days if holds else None,
            hosts=self._hosts[record.id],
            covers=self._covers[record.id],
            stale=self._stale(record) if holds else None,
            duplicates=tuple(sorted(one.id for one in alive if one.id != record.id and _accepts_all_of(one, record)))
            if state in (ExceptionState.HOLDS, ExceptionState.NOT_YET)
            else (),
        )

    def _stale(self, record: ExceptionRecord) -> str | None:
        if not self._hosts[record.id]:
            return "matches no host in scope"
        if self._covers[record.id] or self._undecided[record.id]:
            return None
        return "covers no violation in this run"


def state_of(weighed: WeighedException | WeighedLimit, day: date) -> ExceptionState:
    """Tell where an exception or an accepted limit stands on a day; what has ended is not called void any more."""
    record = weighed.record
    if record.end < day:
        return ExceptionState.ENDED
    if weighed.standing is Standing.VOID:
        return ExceptionState.VOID
    return ExceptionState.NOT_YET if record.start is not None and day < record.start else ExceptionState.HOLDS


def _accepts_all_of(one: ExceptionRecord, other: ExceptionRecord) -> bool:
    """Tell whether an exception accepts all that another does, on a day of both."""
    return (
        one.control == other.control
        and one.subject in (None, other.subject)
        and one.product in (None, other.product)
        and one.start <= other.end
        and other.start <= one.end
        and ("*" in one.hosts or (set(one.hosts) >= set(other.hosts) and set(one.groups) >= set(other.groups)))
    )
