"""Which events a hunt matches: the queries that ``auditor hunt export`` writes, asked here of events at hand.

Names are compared in any case, as the languages of the queries do. A name of a far end may come within an address with
scheme and path; ``*.maker.example`` is ``maker.example`` too, as it is in KQL.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from auditor.catalogue.globs import Table
from auditor.catalogue.product import Catalogue, Indicator, IndicatorKind, Product, Strength, parse_port
from auditor.catalogue.programs import base, program_of_windows_command
from auditor.hunt.hunts import Event, Term, Trait, Way, hunts_of
from auditor.model.device_event import DeviceEvent, EventKind
from auditor.model.host import OsFamily
from auditor.model.outside import Certainty, Sign
from auditor.model.record import Record

_SIGNS = {
    Trait.PROGRAM: Sign.PROGRAM,
    Trait.PATH: Sign.PATH,
    Trait.COMMAND: Sign.COMMAND,
    Trait.ORIGINAL: Sign.ORIGINAL_NAME,
    Trait.COMPANY: Sign.COMPANY,
    Trait.NAME: Sign.PRODUCT_NAME,
    Trait.SIGNER: Sign.SIGNER,
    Trait.DOMAIN: Sign.DOMAIN,
    Trait.PORT: Sign.PORT,
}
_KINDS = {
    IndicatorKind.PROCESS: Trait.PROGRAM,
    IndicatorKind.EXECUTABLE: Trait.PATH,
    IndicatorKind.ARGUMENTS: Trait.COMMAND,
    IndicatorKind.ORIGINAL_NAME: Trait.ORIGINAL,
    IndicatorKind.COMPANY: Trait.COMPANY,
    IndicatorKind.PRODUCT_NAME: Trait.NAME,
    IndicatorKind.SIGNER: Trait.SIGNER,
}
_ASKED = {
    EventKind.PROCESS: frozenset({Event.PROCESS}),
    EventKind.IMAGE: frozenset({Event.SIGNED}),
    EventKind.CONNECTION: frozenset({Event.CONNECTION, Event.DOMAIN, Event.PORT}),
    EventKind.QUESTION: frozenset({Event.DOMAIN}),
    EventKind.SERVICE: frozenset({Event.PROCESS}),
}
_FAR = frozenset({Event.DOMAIN, Event.PORT})
_DEVICE = re.compile(r"\\device\\harddiskvolume\d{1,3}\\", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@]*@)?\[?([^/:\]?#]*)", re.IGNORECASE)
_ENOUGH = 2
_KEPT = 20_000
_Compared = tuple[tuple[Trait, str], ...]
_Program = tuple[str, str, str, str]
_K = TypeVar("_K")
_Numbers = dict[tuple[OsFamily, Term], int]


class Match(Record, kw_only=True):
    """What an event shows of one product."""

    product: str
    """Catalogue id."""
    hunts: frozenset[Event]
    """The hunts of that product that match it; none where a service told it, which no hunt looks at."""
    signs: tuple[Sign, ...]
    """What told it, in the order of the enum."""
    strength: Certainty
    """How sure that makes it."""


class _Way(Record, kw_only=True, eq=False):
    """One way of one hunt."""

    product: str
    event: Event
    terms: frozenset[int]
    signs: frozenset[Sign]
    is_sure: bool


@dataclass(slots=True, kw_only=True)
class _System:
    """All hunts for the events of one operating system."""

    tables: dict[Trait, Table[int]] = field(default_factory=dict)
    ports: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    services: Table[_Way] = field(default_factory=lambda: Table(fold=True))
    ways: dict[int, list[_Way]] = field(default_factory=dict)
    known: dict[_Compared, frozenset[int]] = field(default_factory=dict)
    programs: dict[_Program, frozenset[int]] = field(default_factory=dict)
    far: dict[str, frozenset[int]] = field(default_factory=dict)

    def terms(self, compared: _Compared) -> frozenset[int]:
        """Return the comparisons that hold of some texts; devices have most of them in common."""
        found = self.known.get(compared)
        if found is None:
            found = frozenset(number for trait, text in compared for number in self._find(trait, text))
            _keep(self.known, compared, found)
        return found

    def program_terms(self, event: DeviceEvent) -> frozenset[int]:
        """Return the comparisons that hold of a program; its command line alone is mostly a new one."""
        program = (event.image, event.original, event.company, event.product_name)
        found = self.programs.get(program)
        if found is None:
            found = frozenset(number for trait, text in _compared(event) for number in self._find(trait, text))
            _keep(self.programs, program, found)
        table = self.tables.get(Trait.COMMAND)
        if event.command and table is not None:
            by_command = table.find(event.command)
            return found.union(by_command) if by_command else found
        return found

    def _find(self, trait: Trait, text: str) -> tuple[int, ...]:
        table = self.tables.get(trait)
        return () if table is None or not text else table.find(text)

    def far_terms(self, event: DeviceEvent) -> Iterator[int]:
        """Yield the comparisons that hold of a far end."""
        if event.domain:
            found = self.far.get(event.domain)
            if found is None:
                host = _HOST.match(event.domain)
                found = frozenset(() if host is None else self._find(Trait.DOMAIN, host[1].rstrip(".")))
                _keep(self.far, event.domain, found)
            yield from found
        if event.port is not None:
            for protocol in (event.protocol,) if event.protocol else ("tcp", "udp"):
                yield from self.ports.get((protocol, event.port), ())


class Matcher:
    """Every hunt of a catalogue, or of some of its products, arranged for look-ups."""

    def __init__(self, catalogue: Catalogue, products: Collection[str] = ()) -> None:
        """Arrange the hunts of these products; of all, where none are named."""
        self._systems = {system: _System() for system in OsFamily}
        numbers: _Numbers = {}
        for product in catalogue.products:
            if product.is_fallback or product.replaced_by is not None or (products and product.id not in products):
                continue
            self._add(product, numbers)

    def _add(self, product: Product, numbers: _Numbers) -> None:
        for hunt in hunts_of(product):
            (name,) = hunt.systems
            system = self._systems[name]
            strengths = {
                (_KINDS[one.kind], one.value): one.strength
                for one in product.indicators
                if one.os is name and one.kind in _KINDS
            }
            for way in hunt.ways:
                terms = frozenset(_number(system, name, term, numbers) for term in way)
                made = _Way(
                    product=product.id,
                    event=hunt.event,
                    terms=terms,
                    signs=frozenset(_SIGNS[term.trait] for term in way),
                    is_sure=hunt.event not in _FAR and _is_sure(way, strengths),
                )
                for term_number in terms:
                    system.ways.setdefault(term_number, []).append(made)
        for indicator in product.indicators:
            if indicator.kind is IndicatorKind.SERVICE:
                _add_service(self._systems[indicator.os], product, indicator)

    def matches(self, event: DeviceEvent) -> tuple[Match, ...]:
        """Return what an event shows, sorted by product; of a device whose system is not known, by any system's."""
        systems = self._systems.values() if event.system is None else (self._systems[event.system],)
        ways = [way for system in systems for way in _held(system, event)]
        if not ways:
            return ()
        by_product: dict[str, list[_Way]] = {}
        for way in ways:
            by_product.setdefault(way.product, []).append(way)
        return tuple(_match(product, held) for product, held in sorted(by_product.items()))


def _number(system: _System, name: OsFamily, term: Term, numbers: _Numbers) -> int:
    """Return the number of a comparison, which is filed when it is met first."""
    known = numbers.get((name, term))
    if known is not None:
        return known
    number = numbers[(name, term)] = len(numbers)
    for value in term.values:
        if term.trait is Trait.PORT:
            protocol, first, last = parse_port(value)
            for port in range(first, last + 1):
                system.ports.setdefault((protocol, port), []).append(number)
            continue
        table = system.tables.setdefault(term.trait, Table(fold=True))
        table.add(value, number, term.excluding)
        if term.trait is Trait.DOMAIN and value.startswith("*."):
            table.add(value.removeprefix("*."), number)
    return number


def _is_sure(way: Way, strengths: dict[tuple[Trait, str], Strength]) -> bool:
    """Tell whether a way is proof: one strong sign, or supporting ones of two kinds."""
    found = [strengths.get((term.trait, term.values[0])) for term in way]
    return Strength.STRONG in found or found.count(Strength.SUPPORTING) >= _ENOUGH


def _add_service(system: _System, product: Product, indicator: Indicator) -> None:
    way = _Way(
        product=product.id,
        event=Event.PROCESS,
        terms=frozenset(),
        signs=frozenset({Sign.SERVICE}),
        is_sure=indicator.strength is Strength.STRONG,
    )
    system.services.add(indicator.value, way, indicator.excluding)


def _held(system: _System, event: DeviceEvent) -> Iterator[_Way]:
    if event.kind is EventKind.SERVICE:
        if event.service:
            yield from system.services.find(event.service)
        program = program_of_windows_command(event.command)
        compared = tuple((Trait.PROGRAM, name) for name in program.names)
        compared += tuple((Trait.PATH, path) for path in program.paths)
        hits = system.terms(compared)
    elif event.kind is EventKind.IMAGE:
        hits = system.terms(((Trait.SIGNER, event.signer),))
    elif event.kind is EventKind.QUESTION:
        hits = frozenset(system.far_terms(event))
    else:
        hits = system.program_terms(event)
        if event.kind is EventKind.CONNECTION:
            hits = hits.union(system.far_terms(event))
    if not hits:
        return
    asked = _ASKED[event.kind]
    seen: set[int] = set()
    for number in hits:
        for way in system.ways.get(number, ()):
            if way.event in asked and way.terms <= hits and id(way) not in seen:
                seen.add(id(way))
                yield way


def _keep(known: dict[_K, frozenset[int]], key: _K, found: frozenset[int]) -> None:
    """Remember what was found, within bounds."""
    if len(known) >= _KEPT:
        known.clear()
    known[key] = found


def _compared(event: DeviceEvent) -> _Compared:
    # The kernel of Windows names a volume where others name a drive: what is installed is on the first, mostly.
    path = _DEVICE.sub(r"C:\\", event.image, count=1) if event.image.startswith("\\") else event.image
    return (
        (Trait.PROGRAM, base(path)),
        (Trait.PATH, path),
        (Trait.ORIGINAL, event.original),
        (Trait.COMPANY, event.company),
        (Trait.NAME, event.product_name),
    )


def _match(product: str, held: Iterable[_Way]) -> Match:
    ways = list(held)
    told = frozenset(sign for way in ways for sign in way.signs)
    return Match(
        product=product,
        hunts=frozenset(way.event for way in ways if way.terms),
        signs=tuple(sign for sign in Sign if sign in told),
        strength=Certainty.CONFIRMED if any(way.is_sure for way in ways) else Certainty.SUSPECTED,
    )
