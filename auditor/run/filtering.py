"""What a host's packet filters do with remote access where nothing listens: defaults, openings, and the way out."""

from collections.abc import Iterable

from auditor.catalogue.product import Catalogue, parse_port
from auditor.firewall.egress import egress
from auditor.firewall.reach import Access, Door, Filters
from auditor.model.facts.network import Family, Protocol
from auditor.model.filtering import Filtering, Passage
from auditor.model.policy import Networks
from auditor.model.sighting import Reachability

# VNC and its web clients and reverse connections (RFB protocol; IANA).
_VNC = (*range(5900, 5907), *range(5800, 5807), 5500)
# Relays and agents that connect outwards: TeamViewer, AnyDesk, RMS.
_PRODUCTS_OUT = (5938, 7070, 7071, 5650)
# Ports that much else uses: a rule that opens them says nothing of remote access.
_COMMON = frozenset((22, 53, 80, 443, 8080, 8443))
_ANY = {Family.IP: "0.0.0.0", Family.IP6: "::"}  # noqa: S104 — asked about, not bound to
_WIDEST = 16


# By the digest of the catalogue: what it holds does not change.
_PORTS: dict[str, tuple[tuple[Protocol, int], ...]] = {}


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
                found |= {(Protocol(protocol), port) for port in range(first, last + 1) if port not in _COMMON}
    return tuple(sorted(found))


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
                    rule="no packet filter is loaded",
                )
                for family in filters.families
            )
        )
    if not filters.program.host.addresses:
        return Filtering(problem="rules are loaded, and the host's addresses could not be read in full")
    defaults = tuple(_passages(filters, [(Protocol.TCP, filters.ordinary_port)]))
    closed = {one.family for one in defaults if one.reachability is not Reachability.FROM_ANYWHERE}
    inbound = _passages(filters, remote_ports(catalogue))
    opened = (Reachability.FROM_ANYWHERE, Reachability.FROM_NETWORKS)
    return Filtering(
        defaults=defaults,
        inbound=tuple(one for one in inbound if one.family in closed and one.reachability in opened),
        outbound=_outbound(filters, networks) if networks.filter_outbound else (),
    )


def _passages(filters: Filters, ports: Iterable[tuple[Protocol, int]]) -> Iterable[Passage]:
    for protocol, port in ports:
        for family in filters.families:
            access = filters.access(Door(protocol=protocol, family=family, address=_ANY[family], port=port), family)
            if access is not None:
                yield _passage(protocol, port, access)


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


def _outbound(filters: Filters, networks: Networks) -> tuple[Passage, ...]:
    return tuple(
        Passage(
            protocol=Protocol.TCP,
            port=port,
            family=family,
            reachability=found.reachability,
            networks=found.networks,
            rule=found.rule,
        )
        for port in _PRODUCTS_OUT
        for family in filters.families
        if (found := egress(filters, Protocol.TCP, family, port, networks.trusted)) is not None
    )
