"""A ruleset made ready to be walked, whichever host has it loaded: hosts of one build share it."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from auditor.firewall.chains import Chains
from auditor.firewall.regions import Region
from auditor.firewall.tracking import tracked_families
from auditor.model.facts.network import Family
from auditor.model.ruleset import (
    AnyOf,
    Base,
    Box,
    Field,
    Hook,
    Lookup,
    Match,
    NatKind,
    Ruleset,
    SetMark,
    Step,
    Translate,
)

T = TypeVar("T")
_NAT_DESTINATION, _NAT_SOURCE = -100, 100
OF_HOST = frozenset((Field.SADDR_TYPE, Field.DADDR_TYPE, Field.ROUTE_BACK))
"""Fields whose value depends on the host that has the rules."""
_KEPT = 4096


class Loaded:
    """The chains of a ruleset in their order, what they look at, and what was asked of them before."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.chains = Chains(ruleset.chains)
        self.bases: Mapping[Hook, tuple[Base, ...]] = {
            hook: tuple(sorted((base for base in ruleset.bases if base.hook is hook), key=_order)) for hook in Hook
        }
        self._answers: dict[tuple[object, ...], Any] = {}
        self._distinct: dict[Any, Any] = {}
        self.regions: dict[tuple[object, ...], tuple[Region, Region]] = {}

    def steps(self) -> Iterator[Step]:
        """Give every condition and effect of every rule."""
        for rules in self.ruleset.chains.values():
            for rule in rules:
                yield from rule.steps

    def _looked_at(self) -> Iterator[tuple[tuple[Field, ...], Sequence[tuple[Box, object]]]]:
        """Give fields with all they are compared with, once of what several rules share, such as a table."""
        given: set[tuple[int, tuple[Field, ...]]] = set()
        for step in self.steps():
            for match in step.options if isinstance(step, AnyOf) else (step,):
                if isinstance(match, Match):
                    place = (id(match.keys.entries), match.fields)
                    if place in given:
                        continue
                    given.add(place)
                    yield match.fields, match.keys.entries
        for rules in self.ruleset.chains.values():
            for rule in rules:
                if isinstance(rule.action, Lookup):
                    yield rule.action.fields, rule.action.entries

    @cached_property
    def writes_ct_mark(self) -> bool:
        """Tell whether a rule gives a connection a mark."""
        return any(isinstance(step, SetMark) and step.target is Field.CT_MARK for step in self.steps())

    @cached_property
    def leads_in(self) -> bool:
        """Tell whether a rule translates destinations to an address that it names."""
        return any(
            isinstance(step, Translate) and step.kind is NatKind.DESTINATION and step.address is not None
            for step in self.steps()
        )

    @cached_property
    def tracked(self) -> frozenset[Family]:
        """Return the families whose connections are tracked for certain."""
        return tracked_families(self.ruleset)

    @cached_property
    def used(self) -> frozenset[Field]:
        """Return the fields that any rule looks at."""
        return frozenset(name for fields, entries in self._looked_at() if entries for name in fields)

    @cached_property
    def is_of_host(self) -> bool:
        """Tell whether an answer depends on the host's own addresses and routes: by a rule, or by a translation."""
        return any(
            (isinstance(step, Translate) and step.kind is not NatKind.SOURCE)
            or any(
                isinstance(match, Match) and (not OF_HOST.isdisjoint(match.fields) or _is_masked_port(match))
                for match in (step.options if isinstance(step, AnyOf) else (step,))
            )
            for step in self.steps()
        ) or any(
            isinstance(rule.action, Lookup) and not OF_HOST.isdisjoint(rule.action.fields)
            for rules in self.ruleset.chains.values()
            for rule in rules
        )

    @cached_property
    def _cuts(self) -> dict[Field, list[int]]:
        cuts: dict[Field, set[int]] = {Field.DPORT: set(), Field.SPORT: set(), Field.DADDR: set()}
        twins = {Field.SET_DPORT: Field.DPORT, Field.SET_SPORT: Field.SPORT}
        for fields, entries in self._looked_at():
            for at, name in enumerate(fields):
                found = cuts.get(twins.get(name, name))
                if found is None:
                    continue
                for box, _ in entries:
                    low, high = box[at]
                    if isinstance(low, int) and isinstance(high, int):
                        found.update((low, high + 1))
        return {name: sorted(found) for name, found in cuts.items()}

    def cuts(self, name: Field) -> list[int]:
        """Return the values of a port or of the destination at which rules begin to say something else."""
        return self._cuts[name]

    def atom(self, name: Field, value: int) -> int:
        """Return the number of the interval between two cuts that a value is in: the rules tell no two of it apart."""
        return bisect_right(self._cuts[name], value)

    def answered(self, key: tuple[object, ...]) -> Any | None:  # noqa: ANN401 — what it is, only who asks knows
        """Return what was answered before; None when it was not."""
        return self._answers.get(key)

    def remember(self, key: tuple[object, ...], answer: T) -> T:
        """Keep an answer for the next host, and return it, or one like it that was given before: most are alike."""
        if len(self._answers) >= _KEPT:
            self._answers.clear()
            self._distinct.clear()
        known: T = self._distinct.setdefault(answer, answer)
        self._answers[key] = known
        return known


def _is_masked_port(match: Match) -> bool:
    """Tell whether a match looks at bits of a port or destination: it does not keep to intervals."""
    return match.mask is not None and match.fields[0] in (Field.DPORT, Field.SPORT, Field.DADDR)


def _order(base: Base) -> tuple[int, int, tuple[int, ...]]:
    last_first = tuple(-number for number in base.order)
    if base.is_nat:
        place = _NAT_DESTINATION if base.hook in (Hook.PREROUTING, Hook.OUTPUT) else _NAT_SOURCE
        return place, base.priority, last_first
    return base.priority, 0, last_first
