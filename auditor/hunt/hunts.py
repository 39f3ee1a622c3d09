"""What events show of a product: the catalogue's indicators as queries, before they are written in any language.

A hunt asks more than the matcher does: where the matcher wants proof that a product is there, a hunt wants what
somebody should look at. It never asks for less: what is enough for the matcher by itself is enough here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from itertools import combinations

from auditor.catalogue.product import Connects, Indicator, IndicatorKind, Product, Strength
from auditor.model.host import OsFamily
from auditor.model.record import Record, replace


class Event(StrEnum):
    """What a hunt looks at."""

    PROCESS = "process"
    """A program that is started."""
    SIGNED = "signed"
    """A program file that is loaded, with who signed it."""
    CONNECTION = "connection"
    """A connection of a product's own program."""
    DOMAIN = "domain"
    """A connection, or a question for a name, to where a product's servers are, by whatever program."""
    PORT = "port"
    """A connection to a port that is a product's own, by whatever program."""


class Trait(StrEnum):
    """What of an event is compared."""

    PROGRAM = "program"
    """Name of the program's file."""
    PATH = "path"
    """Path of the program's file, name included."""
    COMMAND = "command"
    """Command line."""
    ORIGINAL = "original"
    """Original file name in the version resource (Windows)."""
    COMPANY = "company"
    """Company name in the version resource (Windows)."""
    NAME = "name"
    """Product name in the version resource (Windows)."""
    SIGNER = "signer"
    """Subject of the certificate that signed the program (Windows)."""
    DOMAIN = "domain"
    """Name of the far end."""
    PORT = "port"
    """Port of the far end, ``5938``, ``7070-7071`` or ``5938/udp``."""


_TRAITS = {
    IndicatorKind.PROCESS: Trait.PROGRAM,
    IndicatorKind.EXECUTABLE: Trait.PATH,
    IndicatorKind.ARGUMENTS: Trait.COMMAND,
    IndicatorKind.ORIGINAL_NAME: Trait.ORIGINAL,
    IndicatorKind.COMPANY: Trait.COMPANY,
    IndicatorKind.PRODUCT_NAME: Trait.NAME,
}
_OWN_WORD = (Trait.COMPANY, Trait.NAME)
"""What a maker says of itself: both together, where both are known."""


class Term(Record, kw_only=True):
    """One comparison: any of the values, and none of those excluded. ``*`` stands for any characters."""

    trait: Trait
    """What is compared."""
    values: tuple[str, ...]
    """Values of which one is enough."""
    excluding: tuple[str, ...] = ()
    """Values that are something else."""


Way = tuple[Term, ...]
"""Terms that must all hold."""


class Hunt(Record, kw_only=True):
    """One query: events of one kind that a product explains."""

    product: Product
    """What is hunted."""
    systems: tuple[OsFamily, ...]
    """Where: one operating system, or several whose events lie in one place."""
    event: Event
    """In what."""
    ways: tuple[Way, ...]
    """Ways to show itself, of which one is enough."""

    @property
    def id(self) -> str:
        """Return its name, such as ``teamviewer-process-windows``: letters, digits and dashes."""
        return "-".join((self.product.id, self.event, *self.systems))

    @property
    def verified(self) -> date:
        """Return the day on which what it rests on was last compared with its sources."""
        facts: list[Indicator | Connects] = [*self.product.indicators, *self.product.connects]
        return max(one.verified for one in facts)


def hunts_of(product: Product) -> Iterator[Hunt]:
    """Yield what can be hunted of a product, by operating system; nothing where no event shows it."""
    for system in product.platforms:
        here = [one for one in product.indicators if one.os is system]
        for event, ways in _ways(here, _own_ports(product.connects)):
            if ways:
                yield Hunt(product=product, systems=(system,), event=event, ways=_shortest(ways))


def together(hunts: Iterable[Hunt]) -> Iterator[Hunt]:
    """Yield the hunts of a product for events that lie in one place whatever the system: one for each event."""
    by_event: dict[Event, list[Hunt]] = {}
    for hunt in hunts:
        by_event.setdefault(hunt.event, []).append(hunt)
    for same in by_event.values():
        ways = dict.fromkeys(way for hunt in same for way in hunt.ways)
        yield replace(same[0], systems=tuple(hunt.systems[0] for hunt in same), ways=tuple(ways))


def only(ways: Iterable[Way], traits: Sequence[Trait]) -> tuple[Way, ...]:
    """Return the ways that compare nothing but these traits: what a source of events does not record shows nothing."""
    return tuple(way for way in ways if all(term.trait in traits for term in way))


def _shortest(ways: Sequence[Way]) -> tuple[Way, ...]:
    """Leave out the ways that ask for all that another one asks for, and more."""
    asked = [frozenset(way) for way in ways]
    return tuple(dict.fromkeys(way for way in ways if not any(other < frozenset(way) for other in asked)))


def _ways(here: Sequence[Indicator], ports: tuple[str, ...]) -> Iterator[tuple[Event, list[Way]]]:
    alone = [(term,) for term in _terms(here, lambda one: one.strength is Strength.STRONG)]
    halves = _halves(here)
    domains = _values(here, IndicatorKind.DOMAIN)
    far = [
        Term(trait=trait, values=values) for trait, values in ((Trait.DOMAIN, domains), (Trait.PORT, ports)) if values
    ]
    yield Event.PROCESS, [*alone, *_pairs(halves)]
    # Whoever signs much else too is no trace of the product.
    signers = _values((one for one in here if one.strength is not Strength.WEAK), IndicatorKind.SIGNER)
    yield Event.SIGNED, [(Term(trait=Trait.SIGNER, values=signers),)] if signers else []
    yield Event.CONNECTION, [*alone, *((*half, end) for half in (way for way, _ in halves) for end in far)]
    yield Event.DOMAIN, [(term,) for term in far if term.trait is Trait.DOMAIN]
    yield Event.PORT, [(term,) for term in far if term.trait is Trait.PORT]


def _terms(here: Iterable[Indicator], wanted: Callable[[Indicator], bool]) -> list[Term]:
    """Return the comparisons of indicators, those that exclude the same in one."""
    values: dict[tuple[Trait, tuple[str, ...]], list[str]] = {}
    for one in here:
        if one.kind in _TRAITS and wanted(one):
            values.setdefault((_TRAITS[one.kind], one.excluding), []).append(one.value)
    return [
        Term(trait=trait, values=tuple(dict.fromkeys(found)), excluding=excluding)
        for (trait, excluding), found in values.items()
    ]


def _halves(here: Sequence[Indicator]) -> list[tuple[Way, bool]]:
    """Return what is not enough by itself, each with whether it is more than weak; a maker's own words are one."""
    found: list[tuple[Way, bool]] = []
    words: dict[Trait, list[tuple[Term, bool]]] = {}
    for strength in (Strength.SUPPORTING, Strength.WEAK):
        for term in _terms(here, lambda one, wanted=strength: one.strength is wanted):  # type: ignore[misc]
            is_more = strength is Strength.SUPPORTING
            if term.trait in _OWN_WORD:
                words.setdefault(term.trait, []).append((term, is_more))
            else:
                found.append(((term,), is_more))
    if len(words) == len(_OWN_WORD):
        company, name = (words[trait] for trait in _OWN_WORD)
        found += [((one, other), is_more or is_too) for one, is_more in company for other, is_too in name]
    else:
        found += [((term,), is_more) for terms in words.values() for term, is_more in terms]
    return found


def _pairs(halves: Sequence[tuple[Way, bool]]) -> Iterator[Way]:
    """Yield two halves of different kinds, of which one is more than weak; company and product name are such a pair."""
    for way, is_more in halves:
        if len(way) > 1 and is_more:
            yield way
    for (one, is_more), (other, is_too) in combinations(halves, 2):
        if (is_more or is_too) and not {term.trait for term in one} & {term.trait for term in other}:
            yield (*one, *other)


def _values(here: Iterable[Indicator], kind: IndicatorKind) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.value for one in here if one.kind is kind))


def _own_ports(connects: Iterable[Connects]) -> tuple[str, ...]:
    """Return the ports that tell the product apart."""
    return tuple(dict.fromkeys(one.port for one in connects if not one.is_shared))
