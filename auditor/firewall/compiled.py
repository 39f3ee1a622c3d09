"""Make tests of matches: functions that say of a packet's fields whether a condition holds."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from auditor.firewall.lookup import Index, Segments
from auditor.model.ruleset import Action, AnyOf, Condition, Doubt, Field, Keys, Lookup, Match, Truth

_STATUS, _OPEN = int(Field.CT_STATUS), int(Field.CT_OPEN)
NO, YES, MAYBE = int(Truth.NO), int(Truth.YES), int(Truth.MAYBE)


class Unknown:
    """A value that a field has and that is not known."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()

Value: TypeAlias = Any
"""A number, a name, None or UNKNOWN."""
Values = Sequence[Value]
"""The value of every ``Field`` by its number: None where the packet has no such thing, UNKNOWN where not known."""
Test = Callable[[Values], int]
"""Says of a packet's values NO, YES or MAYBE."""


def doubt_test(_: Values) -> int:
    """Say of every packet that it cannot be told."""
    return MAYBE


class Compiler:
    """Compiles matches; what several of them share, such as a named set, is compiled once."""

    def __init__(self) -> None:
        self._indexes: dict[int, tuple[Any, Index[Any]]] = {}

    def index(self, owner: Keys | Lookup) -> Index[Any]:
        """Return the index of a set or map."""
        known = self._indexes.get(id(owner.entries))
        if known is None:
            known = self._indexes[id(owner.entries)] = (owner.entries, Index(owner.entries))
        return known[1]

    def test(self, step: Condition) -> Test:
        """Return the test of a condition."""
        if isinstance(step, Doubt):
            return doubt_test
        if isinstance(step, AnyOf):
            return _any_of(tuple(self.test(option) for option in step.options), is_negated=step.is_negated)
        test = self._of_match(step)
        return _however_open(test, step.mask) if Field.CT_STATUS in step.fields else test

    def _of_match(self, step: Match) -> Test:
        missing = YES if step.holds_if_missing else NO
        hit, miss = (NO, YES) if step.is_negated else (YES, NO)
        if step.keys.is_open:
            miss = MAYBE
        entries = step.keys.entries
        if len(step.fields) == 1 and step.mask is None and all(truth is Truth.YES for _, truth in entries):
            # Most matches: no index is needed to find a value.
            at = int(step.fields[0])
            if len(entries) == 1:
                low, high = entries[0][0][0]
                return _between(at, low, high, hit, miss, missing)
            if all(low == high for ((low, high),), _ in entries):
                return _among(at, frozenset(low for ((low, _),), _ in entries), hit, miss, missing)
        try:
            index = self.index(step.keys)
        except (ValueError, TypeError):
            return doubt_test
        if len(step.fields) > 1:
            return _many(step, index, hit, miss)
        if step.mask is not None:
            return _masked(step, index, hit, miss, missing)
        return _found(int(step.fields[0]), index, hit, miss, missing)


def _however_open(test: Test, mask: int | None) -> Test:
    """Make a test of a connection's status hold for certain only where it does whatever the open bits are."""

    def however(values: Values) -> int:
        still_open = values[_OPEN]
        if not still_open or still_open is UNKNOWN or (mask is not None and not still_open & mask):
            return test(values)
        changed, truths, part = list(values), set(), still_open
        while True:
            changed[_STATUS] = values[_STATUS] & ~still_open | part
            truths.add(test(changed))
            if not part:
                return truths.pop() if len(truths) == 1 else MAYBE
            part = (part - 1) & still_open

    return however


def _any_of(tests: tuple[Test, ...], *, is_negated: bool) -> Test:
    yes, no = (NO, YES) if is_negated else (YES, NO)

    def any_of(values: Values) -> int:
        truth = no
        for test in tests:
            found = test(values)
            if found == YES:
                return yes
            if found == MAYBE:
                truth = MAYBE
        return truth

    return any_of


def _between(at: int, low: Value, high: Value, hit: int, miss: int, missing: int) -> Test:
    if low == high:

        def equals(values: Values) -> int:
            value = values[at]
            if value == low:
                return hit
            return miss if value is not None and value is not UNKNOWN else missing if value is None else MAYBE

        return equals

    def between(values: Values) -> int:
        value = values[at]
        if value is None:
            return missing
        if value is UNKNOWN:
            return MAYBE
        return hit if low <= value <= high else miss

    return between


def _among(at: int, members: frozenset[Any], hit: int, miss: int, missing: int) -> Test:
    def among(values: Values) -> int:
        value = values[at]
        if value in members:
            return hit
        return miss if value is not None and value is not UNKNOWN else missing if value is None else MAYBE

    return among


def _truth(found: Truth | None, hit: int, miss: int) -> int:
    if found is None or found is Truth.NO:
        return miss
    return hit if found is Truth.YES else MAYBE


def _found(at: int, index: Index[Any], hit: int, miss: int, missing: int) -> Test:
    find = index.find
    if not index.keyed and isinstance(segments := index.groups.get(()), Segments):

        def find(values: Sequence[Any]) -> Value:
            return segments.find(values[0])

    def found(values: Values) -> int:
        value = values[at]
        if value is None:
            return missing
        if value is UNKNOWN:
            return MAYBE
        return _truth(find((value,)), hit, miss)

    return found


def _masked(step: Match, index: Index[Any], hit: int, miss: int, missing: int) -> Test:
    at, mask = int(step.fields[0]), step.mask or 0
    find = index.find

    def masked(values: Values) -> int:
        value = values[at]
        if value is None:
            return missing
        if value is UNKNOWN:
            return MAYBE
        return _truth(find((value & mask,)), hit, miss)

    return masked


def _many(step: Match, index: Index[Any], hit: int, miss: int) -> Test:
    places = tuple(int(field) for field in step.fields)
    find = index.find

    def many(values: Values) -> int:
        mine = [values[at] for at in places]
        if None in mine:
            return YES if step.holds_if_missing else NO
        if UNKNOWN in mine:
            known = [at for at, value in enumerate(mine) if value is not UNKNOWN]
            return MAYBE if index.could_be(mine, known) else miss
        return _truth(find(mine), hit, miss)

    return many


def look_up(lookup: Lookup, index: Index[Action], values: Values) -> tuple[Action | None, list[Action] | None]:
    """Return the action of a verdict map for a packet, or None and the actions it may have (None: any)."""
    mine = [values[at] for at in lookup.fields]
    if None in mine:
        return None, []
    if values[_OPEN] and Field.CT_STATUS in lookup.fields:
        return None, None
    if UNKNOWN in mine:
        known = [at for at, value in enumerate(mine) if value is not UNKNOWN]
        return None, None if lookup.is_open else list(dict.fromkeys(one for _, one in index.could_be(mine, known)))
    return index.find(mine), None if lookup.is_open else []
