"""What tells a product on the wire: ports that are its own, and names of its servers.

Nothing but the catalogue's indicators: ports that a product is known to connect to and does not share with much else,
ports by which a server is told of which nothing else is known (VNC, RDP) or that few others listen on, and domains.
"""

from collections.abc import Iterator

from auditor.catalogue.globs import Table
from auditor.catalogue.product import Catalogue, IndicatorKind, Product, Strength, parse_port
from auditor.model.outside import Side
from auditor.model.record import Record, Unshown
from auditor.model.sighting import Category

_NUMBERS = {"tcp": 6, "udp": 17}
_WIDEST = 16
"""Ports of one product from which a range says nothing of who is there."""
_ANYBODYS = 32_768
"""From here on Linux gives ports to whoever asks for none (ip(7), ``ip_local_port_range``)."""
# Where servers of the web, of developers, of mail queues and databases are at home: who is there is most often one of
# those.
_OTHERS = frozenset((22, 53, 80, 443, 2222, 3000, 4000, 4040, 4200, 5000, 5671, 7000, 7400, 7500, 8080, 8443, 8883))


class Application(Record, kw_only=True):
    """A product that a port tells, and which end of the conversation has it."""

    product: str
    """Catalogue id."""
    side: Side
    """``CONNECTS`` where the client has it, ``LISTENS`` where the server has."""


class Applications(Record, kw_only=True):
    """What the catalogue knows of the wire."""

    ports: dict[tuple[int, int], tuple[Application, ...]]
    """Applications by protocol number and port."""
    _names: Unshown[Table[tuple[str, Strength]]]

    def named(self, name: str) -> tuple[tuple[str, Strength], ...]:
        """Return the products whose servers have a name, each with how much it says."""
        best: dict[str, Strength] = {}
        for product, strength in self._names.find(name):
            if product not in best or strength.rank < best[product].rank:
                best[product] = strength
        return tuple(sorted(best.items()))


def applications(catalogue: Catalogue) -> Applications:
    """Return what tells the products of a catalogue on the wire; retired ones are told by no port."""
    names: Table[tuple[str, Strength]] = Table(fold=True)
    ports: dict[tuple[int, int], dict[Application, Product]] = {}
    for product in catalogue.products:
        if product.replaced_by is not None:
            continue
        for one in product.indicators:
            if one.kind is IndicatorKind.DOMAIN:
                names.add(one.value, (product.id, one.strength), one.excluding)
        for place, side in _places(product):
            ports.setdefault(place, {})[Application(product=product.id, side=side)] = product
    stand_ins = {product.category: product.id for product in catalogue.products if product.is_fallback}
    told = {place: _told(there, stand_ins) for place, there in sorted(ports.items())}
    return Applications(ports=told, _names=names)


def _told(there: dict[Application, Product], stand_ins: dict[Category, str]) -> tuple[Application, ...]:
    """Where a product stands for all of a kind (some VNC server), it is told in place of those that it stands for.

    That is where it listens itself, and where several of its kind are all that is known.
    """
    fallback = next((one.product for one, product in there.items() if product.is_fallback), None)
    kept: set[Application] = set()
    for one, product in there.items():
        stand_in = stand_ins.get(product.category)
        alike = {other.id for other in there.values() if other.category is product.category}
        if fallback is not None and one.side is Side.LISTENS:
            kept.add(Application(product=fallback, side=one.side))
        elif stand_in is not None and len(alike) > 1:
            kept.add(Application(product=stand_in, side=one.side))
        else:
            kept.add(one)
    return tuple(sorted(kept, key=lambda one: (one.product, one.side)))


def _places(product: Product) -> Iterator[tuple[tuple[int, int], Side]]:
    for one in product.connects:
        if not one.is_shared:
            yield from ((place, Side.CONNECTS) for place in _ports(one.port) if place[1] not in _OTHERS)
    for listens in product.listens:
        if not product.is_fallback:
            yield from ((place, Side.LISTENS) for place in _ports(listens.port) if place[1] not in _OTHERS)
    for indicator in product.indicators:
        if indicator.kind is IndicatorKind.PORT and product.is_fallback:
            yield from ((place, Side.LISTENS) for place in _ports(indicator.value, widest=100))


def _ports(text: str, widest: int = _WIDEST) -> Iterator[tuple[int, int]]:
    protocol, first, last = parse_port(text)
    if last - first < widest and first < _ANYBODYS:
        yield from ((_NUMBERS[protocol], port) for port in range(first, last + 1))
