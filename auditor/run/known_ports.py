"""On which ports a listener is taken for remote access: those that the catalogue's products listen on."""

from collections.abc import Iterator, Mapping

from auditor.catalogue.product import Catalogue, IndicatorKind, Product, parse_port
from auditor.model.case import KnownPort
from auditor.run.filtering import COMMON

# Where servers of developers, databases and AirPlay are at home: who listens there is most often one of those.
_OTHERS = frozenset((3000, 4000, 4040, 4200, 7000, 7400, 7500))
_WIDEST = 16
"""Ports of one product from which a range says nothing of who is there."""
_ANYBODYS = 32768
"""From here on Linux gives ports to whoever asks for none (ip(7), ``ip_local_port_range``)."""
# By the digest of the catalogue: what it holds does not change.
_KNOWN: dict[str, Mapping[tuple[str, int], KnownPort]] = {}


def known_ports(catalogue: Catalogue) -> Mapping[tuple[str, int], KnownPort]:
    """Return the ports of remote access by protocol and number; made once for a catalogue.

    Telling are those by which the catalogue recognises a server of which nothing else is known (VNC, RDP).
    """
    known = _KNOWN.get(catalogue.sha256)
    if known is None:
        known = _KNOWN[catalogue.sha256] = _of(catalogue)
    return known


def _of(catalogue: Catalogue) -> dict[tuple[str, int], KnownPort]:
    telling = {place for product in catalogue.products if product.is_fallback for place in _indicators(product)}
    names: dict[tuple[str, int], dict[str, None]] = {place: {} for place in telling}
    for product in catalogue.products:
        for place in () if product.is_fallback else _listens(product, telling):
            names.setdefault(place, {})[product.name] = None
    return {
        place: KnownPort(products=tuple(products), is_telling=place in telling)
        for place, products in sorted(names.items())
    }


def _indicators(product: Product) -> Iterator[tuple[str, int]]:
    for one in product.indicators:
        if one.kind is IndicatorKind.PORT:
            protocol, first, last = parse_port(one.value)
            yield from ((protocol, port) for port in range(first, last + 1))


def _listens(product: Product, telling: set[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    for one in product.listens:
        protocol, first, last = parse_port(one.port)
        for port in range(first, last + 1):
            is_narrow = last - first < _WIDEST and port < _ANYBODYS and port not in COMMON | _OTHERS
            if is_narrow or (protocol, port) in telling:
                yield protocol, port
