"""Which sources a condition on the source holds for: a match as a set of addresses."""

from auditor.firewall.compiled import MAYBE, UNKNOWN, YES, Value
from auditor.firewall.regions import Region, everything, nothing
from auditor.firewall.way import Program
from auditor.model.facts.network import Family
from auditor.model.ruleset import Box, Field, Match, Truth


class Free:
    """The value of a field that follows from the free source."""

    def __repr__(self) -> str:
        return "FREE"


FREE = Free()


def source_region(program: Program, match: Match, values: tuple[Value, ...], family: Family) -> tuple[Region, Region]:
    """Return the sources for which a match that looks at them holds, and those for which it may."""
    everywhere, nowhere = everything(family), nothing(family)
    mine = [values[at] for at in match.fields]
    if None in mine:
        return (everywhere, nowhere) if match.holds_if_missing else (nowhere, nowhere)
    if len(match.fields) == 1 and match.fields[0] is not Field.SADDR:
        return _derived(program, match, values, family)
    if any(at is not Field.SADDR for at, value in zip(match.fields, mine, strict=True) if value is FREE):
        return nowhere, everywhere
    known = [at for at, value in enumerate(mine) if value is not FREE and value is not UNKNOWN]
    place = match.fields.index(Field.SADDR)
    index = program.chains.compiler.index(match.keys)
    found: dict[Truth, list[tuple[int, int]]] = {truth: [] for truth in Truth}
    for box, truth in index.could_be(mine, known):
        interval = _interval(box[place], match.mask, everywhere.top)
        if interval is None:
            return nowhere, everywhere
        if interval:
            found[truth].append(interval[0])
    if found[Truth.NO] or found[Truth.MAYBE]:
        yes, maybe, no = _in_order(index.could_be(mine, known), place, everywhere)
    else:
        yes, maybe = Region.of(found[Truth.YES], everywhere.top), nowhere
        no = yes.rest
    if UNKNOWN in mine:
        yes, maybe = nowhere, yes | maybe
    if match.keys.is_open:
        maybe, no = maybe | no, nowhere
    return (no, maybe) if match.is_negated else (yes, maybe)


def _in_order(entries: list[tuple[Box, Truth]], place: int, everywhere: Region) -> tuple[Region, Region, Region]:
    """Part all addresses by the first entry that holds them."""
    left = everywhere
    parts: dict[Truth, list[tuple[int, int]]] = {truth: [] for truth in Truth}
    for box, truth in entries:
        here = left & Region.of([(int(box[place][0]), int(box[place][1]))], everywhere.top)
        parts[truth] += list(here)
        left -= here
    yes, maybe, no = (Region.of(parts[truth], everywhere.top) for truth in (Truth.YES, Truth.MAYBE, Truth.NO))
    return yes, maybe, no | left


def _interval(interval: tuple[int | str, int | str], mask: int | None, top: int) -> list[tuple[int, int]] | None:
    """Return the addresses that an interval of masked addresses stands for; None when they are no interval."""
    low, high = int(interval[0]), min(int(interval[1]), top)
    if low > top:
        return []
    if mask is None:
        return [(low, high)]
    rest = ~mask & top
    if rest & (rest + 1) or low != high:
        return None
    return [] if low & rest else [(low, low | rest)]


def _derived(program: Program, match: Match, values: tuple[Value, ...], family: Family) -> tuple[Region, Region]:
    """Return the sources whose type, or way back, a match asks for."""
    everywhere, nowhere = everything(family), nothing(family)
    name = match.fields[0]
    if name is Field.SADDR_TYPE:
        by_value, unsure = program.around.types(family)
    else:
        here, unsure = program.around.behind(family, str(values[Field.IIF]))
        by_value = {1: here, 0: (here | unsure).rest}
    test = program.chains.compiler.test(match)
    changed = list(values)
    yes, maybe = nowhere, unsure
    for value, region in by_value.items():
        changed[name] = value
        truth = test(changed)
        yes = yes | region if truth == YES else yes
        maybe = maybe | region if truth == MAYBE else maybe
    return yes & everywhere, maybe
