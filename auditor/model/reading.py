"""What the readers made of one host's evidence: facts, where each stands, and what was not understood."""

from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from auditor.model.evidence import Outcome, Proof, Rights, Unread
from auditor.model.host import OsFamily
from auditor.model.record import Record, Unshown
from auditor.model.sighting import Quote
from auditor.model.verdict import Limit

T = TypeVar("T")

_FACT = itemgetter(0)
"""Gives the fact of a ``Found``, without a call of Python's own."""

_DOCUMENTED, _ABSENT = Proof.DOCUMENTED, Outcome.ABSENT

QUOTE_LENGTH = 300
"""Characters of a quote at most."""


class Parsed(Record, kw_only=True):
    """What a parser made of one section's text: every line became a fact, an Unread, or nothing on purpose."""

    facts: tuple[tuple[int, Any], ...] = ()
    """Facts, each with the line of the text it stands in, counted from 1."""
    unread: tuple[Unread, ...] = ()
    """Lines that were not understood: any makes the section *partial*."""
    partial: str | None = None
    """Why the answer lacks rows or columns although every line was understood; None when it lacks nothing."""
    limits: tuple[Limit, ...] = ()
    """What a bound of the question left out: the section is *partial* by them."""


class Found(NamedTuple, Generic[T]):
    """A fact and where it stands: a tuple, for a host has a thousand of them and each costs its making."""

    fact: T
    """The fact."""
    section: str
    """Section it was read from."""
    line: int
    """Line of the section's text, counted from 1."""


class SectionReading(Record, kw_only=True):
    """One section after its parser has seen it."""

    id: str
    """Collector id."""
    outcome: Outcome
    """What became of it, the parser's doubts included."""
    reason: str | None = None
    """Why it is not simply *collected*."""
    items: int = 0
    """Facts read from it."""
    unread: tuple[Unread, ...] = ()
    """Lines that were not understood."""
    proof: Proof = Proof.DOCUMENTED
    """How well its reader is proven on this operating system."""
    advice: str = ""
    """How the operator gets a complete answer."""
    limits: tuple[Limit, ...] = ()
    """What makes it *partial*, where that is limits alone: a policy may accept them."""
    lines: Unshown[tuple[str, ...]] = ()
    """Its text, line by line, for quotes."""

    @property
    def is_only_documented(self) -> bool:
        """Tell whether it went through a reader that is proven by manual pages alone; none reads what is absent."""
        return self.proof is _DOCUMENTED and self.outcome is not _ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that was read from one host."""

    os: OsFamily
    """Kind of operating system."""
    rights: Rights
    """Rights of the probe."""
    sections: dict[str, SectionReading]
    """Sections by collector id, in the order of the probe."""
    facts: dict[type, tuple[Found[Any], ...]] = field(repr=False)
    """Facts by their type."""
    _of: dict[type, tuple[Any, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What ``of`` was asked before: many controls ask for the same facts."""

    _told: list[tuple[tuple[str, ...], frozenset[str], frozenset[str]]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    """Ids of the sections, of those that are gaps, and of those that are remarkable, once they were asked for."""
    covered: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What controls need, to the sections that it is and to what no section is: asked for again and again."""

    def found(self, kind: type[T]) -> tuple[Found[T], ...]:
        """Return every fact of a type with its place."""
        return self.facts.get(kind, ())

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """Return every fact of a type."""
        known = self._of.get(kind)
        if known is None:
            known = self._of[kind] = tuple(map(_FACT, self.found(kind)))
        return known

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the collector ids of the sections, in their order."""
        return self._sets()[0]

    @property
    def gaps(self) -> frozenset[str]:
        """Return the ids of sections in which something may have been missed."""
        return self._sets()[1]

    @property
    def remarkable(self) -> frozenset[str]:
        """Return the ids of sections that have limits, or went through a reader proven by documentation alone."""
        return self._sets()[2]

    def _sets(self) -> tuple[tuple[str, ...], frozenset[str], frozenset[str]]:
        """Return what every control asks of the sections that it needs: found once."""
        if not self._told:
            sections = self.sections.values()
            gaps = frozenset(one.id for one in sections if one.outcome.is_gap)
            remarkable = frozenset(one.id for one in sections if one.limits or one.is_only_documented)
            self._told.append((tuple(self.sections), gaps, remarkable))
        return self._told[0]

    def quote(self, found: Found[Any]) -> Quote:
        """Quote the line a fact stands in."""
        section = self.sections[found.section]
        text = section.lines[found.line - 1] if 0 < found.line <= len(section.lines) else ""
        return Quote(section=found.section, quote=text[:QUOTE_LENGTH])
