"""What a host's packet filters do with remote access where nothing listens: defaults, openings, and the way out."""

from collections.abc import Iterator

from auditor.catalogue.product import Catalogue, Connects, Product, parse_port
from auditor.firewall.access import Access
from auditor.firewall.egress import Egress, egress
from auditor.firewall.loaded import Loaded
from auditor.firewall.reach import Door, Filters
from auditor.firewall.regions import Region, coarse, region_texts
from auditor.firewall.settled import STRANGER, holders_for
from auditor.model.facts.network import Family, Protocol
from auditor.model.filtering import Filtering, Passage
from auditor.model.policy import Networks
from auditor.model.record import replace
from auditor.model.ruleset import Field
from auditor.model.sighting import Reachability

# VNC and its web clients and reverse connections (RFB protocol; IANA).
_VNC = (*range(5900, 5907), *range(5800, 5807), 5500)
# Known from public detection lists for products that are not in the catalogue: Remote Utilities (RMS), LiteManager.
_BEYOND = {(Protocol.TCP, 5650): "Remote Utilities, LiteManager"}
# Ports that much else uses: a rule that opens them says nothing of remote access.
COMMON = frozenset((22, 53, 80, 443, 8080, 8443))
_UNFILTERED = "no packet filter is loaded"
_ANY = {Family.IP: "0.0.0.0", Family.IP6: "::"}  # noqa: S104 — asked about, not bound to
_WIDEST = 16
_NETWORKS = 256


# By the digest of the catalogue: what it holds does not change.
_PORTS: dict[str, tuple[tuple[Protocol, int], ...]] = {}
_PORTS_OUT: dict[str, dict[tuple[Protocol, int], tuple[Product, ...]]] = {}


def remote_ports(catalogue: Catalogue) -> tuple[tuple[Protocol, int], ...]:
    """Return the ports of remote access: those of VNC, and those on which products of the catalogue listen."""
    known = _PORTS.get(catalogue.sha256)
    if known is None:
        known = _PORTS[catalogue.sha256] = _remote_ports(catalogue)
    return known


def _remote_ports(catalogue: Catalogue) -> tuple[tuple[Protocol, int], ...]:
    found = {(Protocol.TCP, port) for port in _VNC}
    for product in catalogue.products:
        for listens in product.listens:
            protocol, first, last = parse_port(listens.port)
            if last - first < _WIDEST:
                found |= {(Protocol(protocol), port) for port in range(first, last + 1) if port not in COMMON}
    return tuple(sorted(found))


def ports_out(catalogue: Catalogue) -> dict[tuple[Protocol, int], tuple[Product, ...]]:
    """Return the ports that tell products of the catalogue when they connect outwards, and which products."""
    known = _PORTS_OUT.get(catalogue.sha256)
    if known is None:
        found: dict[tuple[Protocol, int], tuple[Product, ...]] = dict.fromkeys(_BEYOND, ())
        for product in catalogue.products:
            for place in dict.fromkeys(place for one in product.connects if not one.is_shared for place in _ports(one)):
                found[place] = (*found.get(place, ()), product)
        known = _PORTS_OUT[catalogue.sha256] = dict(sorted(found.items()))
    return known


def _ports(one: Connects) -> Iterator[tuple[Protocol, int]]:
    protocol, first, last = parse_port(one.port)
    return ((Protocol(protocol), port) for port in range(first, last + 1))


def filtering_of(filters: Filters, catalogue: Catalogue, networks: Networks) -> Filtering:
    """Return what the filters do with what no listener shows."""
    if filters.program is None:
        return Filtering(problem=filters.problem)
    if not filters.is_loaded:
        return Filtering(
            defaults=tuple(
                Passage(
                    protocol=Protocol.TCP,
                    port=0,
                    family=family,
                    reachability=Reachability.FROM_ANYWHERE,
                    rule=_UNFILTERED,
                )
                for family in filters.families
            ),
            outbound=_outbound(filters, catalogue, networks) if networks.filter_outbound else (),
        )
    if not filters.program.host.addresses:
        return Filtering(problem="rules are loaded, and the host's addresses could not be read in full")
    # Where rules ask who holds a socket: what is started next is a program that none of them names.
    unnamed = filters.held_by(STRANGER)
    return Filtering(
        defaults=tuple(
            _passage(Protocol.TCP, unnamed.ordinary_port, access)
            for family in unnamed.families
            if (access := _access(unnamed, Protocol.TCP, family, unnamed.ordinary_port)) is not None
        ),
        inbound=tuple(_opened(filters, catalogue)),
        outbound=_outbound(filters, catalogue, networks) if networks.filter_outbound else (),
    )


def _access(filters: Filters, protocol: Protocol, family: Family, port: int) -> Access | None:
    return filters.access(Door(protocol=protocol, family=family, address=_ANY[family], port=port), family)


def _opened(filters: Filters, catalogue: Catalogue) -> Iterator[Passage]:
    """Yield the ports of remote access that are open, or may be, to sources to whom an ordinary port is not."""
    # Of TCP for UDP too: that is what `host_filter` speaks of, so a rule that opens all of UDP has to be told here.
    if filters.narrow is None:
        for protocol, ports in _told_apart(filters, catalogue):
            found = tuple(_beyond(filters, Protocol.TCP, protocol, ports[0]))
            for port in ports if found else ():
                yield from (replace(one, port=port) for one in found)
        return
    unnamed = filters.held_by(STRANGER)
    for protocol, port in remote_ports(catalogue):
        yield from _beyond(unnamed, Protocol.TCP, protocol, port)
        for holder in holders_for(filters.asked().ruleset, protocol, port):
            mine = filters if holder is None else filters.held_by(holder)
            yield from _beyond(mine, protocol, protocol, port)


def _told_apart(filters: Filters, catalogue: Catalogue) -> tuple[tuple[Protocol, tuple[int, ...]], ...]:
    """Return the ports of remote access that rules may tell from an ordinary one; those that they take alike, together.

    The same on every host that has the rules.
    """
    loaded, key = filters.asked().loaded, ("ports of remote access", catalogue.sha256)
    known: tuple[tuple[Protocol, tuple[int, ...]], ...] | None = loaded.answered(key)
    if known is None:
        found: dict[tuple[Protocol, int], tuple[int, ...]] = {}
        for protocol, port in remote_ports(catalogue):
            if protocol is not Protocol.TCP or not _are_alike(loaded, port, filters.ordinary_port):
                place = (protocol, port if loaded.is_of_host else loaded.atom(Field.DPORT, port))
                found[place] = (*found.get(place, ()), port)
        known = loaded.remember(key, tuple((protocol, ports) for (protocol, _), ports in found.items()))
    return known


def _beyond(filters: Filters, usually: Protocol, protocol: Protocol, port: int) -> Iterator[Passage]:
    """Yield what a port is open for, or may be, beyond an ordinary port of a protocol."""
    if protocol is usually and _are_alike(filters.asked().loaded, port, filters.ordinary_port):
        return
    for family in filters.families:
        found = _access(filters, protocol, family, port)
        usual = _access(filters, usually, family, filters.ordinary_port)
        if found is None or usual is None or found is usual or found.sources == usual.sources:
            continue
        allowed = found.sources.allowed - usual.sources.allowed
        unknown = found.sources.unknown - usual.sources.allowed - usual.sources.unknown
        if allowed:
            word = Reachability.FROM_ANYWHERE if found.is_open else Reachability.FROM_NETWORKS
            yield _opening(protocol, port, family, word, allowed, found.sources.accepting)
        if unknown:
            yield _opening(protocol, port, family, Reachability.UNDECIDED, unknown, found.sources.doubt)


def _are_alike(loaded: Loaded, port: int, other: int) -> bool:
    """Tell whether it is certain that no rule tells two ports of one protocol apart."""
    return not loaded.is_of_host and loaded.atom(Field.DPORT, port) == loaded.atom(Field.DPORT, other)


def _opening(
    protocol: Protocol, port: int, family: Family, word: Reachability, beyond: Region, rule: str
) -> Passage:  # fmt: skip
    networks = () if word is Reachability.FROM_ANYWHERE else region_texts(coarse(beyond, _NETWORKS), family)
    return Passage(protocol=protocol, port=port, family=family, reachability=word, networks=networks, rule=rule)


def _passage(protocol: Protocol, port: int, access: Access) -> Passage:
    sources = access.sources
    if access.is_open:
        word, rule = Reachability.FROM_ANYWHERE, sources.accepting
    elif sources.unknown:
        word, rule = Reachability.UNDECIDED, sources.doubt
    elif sources.allowed:
        word, rule = Reachability.FROM_NETWORKS, sources.accepting
    else:
        word, rule = Reachability.BLOCKED, sources.blocking
    networks = access.networks if word is not Reachability.FROM_ANYWHERE else ()
    return Passage(
        protocol=protocol, port=port, family=access.family, reachability=word, networks=networks, rule=rule
    )  # fmt: skip


def _outbound(filters: Filters, catalogue: Catalogue, networks: Networks) -> tuple[Passage, ...]:
    return tuple(
        Passage(
            protocol=protocol,
            port=port,
            family=family,
            reachability=found.reachability,
            networks=found.networks,
            rule=found.rule,
            products=tuple(product.id for product in products),
            known_for=tuple(map(_known_for, products)) or (_BEYOND[protocol, port],),
        )
        for (protocol, port), products in ports_out(catalogue).items()
        for family in filters.families
        if (found := _way_out(filters, protocol, family, port, networks)) is not None
    )


def _way_out(filters: Filters, protocol: Protocol, family: Family, port: int, networks: Networks) -> Egress | None:
    """Return whether a host reaches a port; where nothing filters and its addresses are not known, it does."""
    if filters.is_loaded or filters.asked().host.addresses:
        found = egress(filters.held_by(STRANGER), protocol, family, port, networks.trusted)
        if filters.narrow is not None and found is not None and found.reachability is Reachability.BLOCKED:
            # What a program that no rule names may not do, one that a rule names may.
            found = egress(filters, protocol, family, port, networks.trusted)
        return found if filters.is_loaded or found is None else replace(found, rule=_UNFILTERED)
    return Egress(reachability=Reachability.FROM_ANYWHERE, networks=(), rule=_UNFILTERED)


def _known_for(product: Product) -> str:
    return f"{product.name} ({', '.join(product.domains)})" if product.domains else product.name
