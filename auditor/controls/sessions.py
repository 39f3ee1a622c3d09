"""Connections of remote-access software that stood at the moment of the audit: whose they are, and who began them."""

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

from auditor.model.case import Case
from auditor.model.facts.network import Connection, InterfaceAddress, NetworkSpace, Protocol
from auditor.model.facts.processes import Process
from auditor.model.own_connection import OwnConnection, own_from_text
from auditor.model.record import Record
from auditor.model.result import ProductUse
from auditor.model.session import Peer, Session
from auditor.model.sighting import Confidence, Exposure, Quote, Role

ESTABLISHED = "established"
_UNTOLD = "unknown"
"""State of a connection where the host names states in its own language (netstat of Windows)."""
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SeenSession(Record, kw_only=True):
    """One connection of a product."""

    connection: Connection
    """The connection."""
    quote: Quote
    """Where it stands in the evidence."""
    use: ProductUse
    """The product."""
    exposure: Exposure | None
    """The listener that it came to; None where none is seen."""
    is_inbound: bool
    """Whether the peer began it."""


def sessions_of(case: Case) -> Iterator[SeenSession]:
    """Give the established connections of products that others use to come in or to control the host."""
    uses = [one for one in case.products if one.sighting.role is not Role.CLIENT]
    if not uses:
        return
    by_pid = _by_pid(uses)
    by_product = {one.sighting.product: one for one in uses}
    doors: dict[tuple[str, int, str | None], Exposure] = {}
    for exposure in case.exposures:
        place = (exposure.protocol, exposure.port, exposure.namespace)
        # Of several listeners of one port, one that is a product's and not approved speaks for it.
        if place not in doors or (exposure.product is not None and exposure.approval is None):
            doors[place] = exposure
    own = own_from_text(case.head.own_connections)
    for found in case.reading.found(Connection):
        one = found.fact
        if one.state not in (ESTABLISHED, _UNTOLD) or _is_audits(one, own):
            continue
        door = doors.get((one.protocol, one.local_port, one.namespace))
        held = next((by_pid[owner.pid] for owner in one.owners if owner.pid in by_pid), None)
        use = held or (by_product.get(door.product) if door is not None and door.product is not None else None)
        if use is None or ipaddress.ip_address(one.remote_address).is_loopback:
            continue
        is_inbound = door is not None or _is_servers(use, one, case)
        quote = case.reading.quote(found)
        yield SeenSession(connection=one, quote=quote, use=use, exposure=door, is_inbound=is_inbound)


def _is_audits(connection: Connection, own: Collection[OwnConnection]) -> bool:
    """Tell whether a connection is one by which the audit came: both its ends are those of a socket of ours.

    Ends that anything in between rewrote (NAT, a jump host, a proxy) are not ours, and nothing is left out for them.
    """
    if connection.protocol is not Protocol.TCP:
        return False
    return (
        OwnConnection(
            address=connection.remote_address,
            port=connection.remote_port,
            host_address=connection.local_address,
            host_port=connection.local_port,
        )
        in own
    )


def audits_connections(case: Case) -> tuple[OwnConnection, ...]:
    """Return the audit's own connections that the host shows and that are left out, sorted; see ``_is_audits``."""
    own = own_from_text(case.head.own_connections)
    if not own:
        return ()
    seen = {
        (one.remote_address, one.remote_port, one.local_address, one.local_port)
        for one in case.reading.of(Connection)
        if _is_audits(one, own)
    }
    return tuple(one for one in own if (one.address, one.port, one.host_address, one.host_port) in seen)


def _by_pid(uses: Sequence[ProductUse]) -> dict[int, ProductUse]:
    found: dict[int, ProductUse] = {}
    for use in sorted(uses, key=lambda one: one.sighting.confidence is not Confidence.CONFIRMED):
        for pid in use.sighting.pids:
            found.setdefault(pid, use)
    return found


def _is_servers(use: ProductUse, connection: Connection, case: Case) -> bool:
    """Tell whether a server took a connection although it listens no more, as one that serves a single viewer does."""
    return use.sighting.role is Role.SERVER and (connection.protocol, connection.local_port) in case.known_ports


def own_addresses(case: Case) -> frozenset[str]:
    """Return the addresses of the host and of what runs on it in networks of its own."""
    own = {one.address for one in case.reading.of(InterfaceAddress)}
    return frozenset(own | {one.address for space in case.reading.of(NetworkSpace) for one in space.addresses})


def is_outside(peer: str, trusted: tuple[str, ...]) -> bool:
    """Tell whether a peer is in none of the trusted networks; it is in none where there are none."""
    address = ipaddress.ip_address(peer)
    return not any(address.version == network.version and address in network for network in _networks(trusted))


@lru_cache(maxsize=16)
def _networks(trusted: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in trusted)


def told_sessions(case: Case) -> tuple[Session, ...]:
    """Return what reports say of these connections, sorted: those that came in first, then by product and peer."""
    own, processes = own_addresses(case), {one.pid: one for one in case.reading.of(Process)}
    told = [_told(session, own, processes, case) for session in sessions_of(case)]
    return tuple(
        sorted(
            told,
            key=lambda one: (
                not one.is_inbound, one.product, one.remote_address, one.remote_port,
                one.protocol, one.local_address, one.local_port, one.namespace or "", one.pid or 0,
            ),
        )
    )  # fmt: skip


def _told(session: SeenSession, own: frozenset[str], processes: Mapping[int, Process], case: Case) -> Session:
    one = session.connection
    owner = one.owners[0] if one.owners else None
    process = None if owner is None else processes.get(owner.pid)
    return Session(
        protocol=one.protocol,
        family=one.family,
        state=one.state,
        local_address=one.local_address,
        local_port=one.local_port,
        remote_address=one.remote_address,
        remote_port=one.remote_port,
        namespace=one.namespace,
        pid=None if owner is None else owner.pid,
        process=None if owner is None else owner.name,
        executable=None if process is None else process.executable,
        user=None if process is None else process.user,
        product=session.use.sighting.product,
        is_inbound=session.is_inbound,
        peer=_peer(one, own, case.networks.trusted),
        is_suspected=session.use.sighting.confidence is not Confidence.CONFIRMED,
        proof=session.quote,
    )


def _peer(connection: Connection, own: frozenset[str], trusted: tuple[str, ...]) -> Peer:
    if connection.remote_address in own or connection.remote_address == connection.local_address:
        return Peer.OWN
    if not trusted:
        return Peer.UNNAMED
    return Peer.OUTSIDE if is_outside(connection.remote_address, trusted) else Peer.TRUSTED
