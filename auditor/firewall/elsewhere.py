"""Which sources reach a listener in another network namespace of a host: past the host's filters, then past its own."""

from collections.abc import Iterable, Iterator

from auditor.firewall.compiled import UNKNOWN
from auditor.firewall.published import UNNAMED, published
from auditor.firewall.regions import Region, everything, nothing
from auditor.firewall.routing import no_source
from auditor.firewall.source_match import FREE
from auditor.firewall.source_states import Sources
from auditor.firewall.sources import Fan
from auditor.firewall.spaces import Space
from auditor.firewall.way import Program, Way
from auditor.model.facts.network import Family, Protocol
from auditor.model.packet import Direction, Packet
from auditor.model.record import Record
from auditor.model.ruleset import TCP_FLAGS, Field

NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
_TTL = 64


def first_packet(
    protocol: Protocol, family: Family, interface: str, address: int, port: int, source_port: int | None
) -> Packet:
    """Make the first packet to a socket."""
    return Packet(
        direction=Direction.IN,
        interface=interface,
        family=family,
        destination=address,
        protocol=NUMBERS[protocol],
        source_port=source_port,
        destination_port=port,
        tcp_flags=TCP_FLAGS["syn"] if protocol is Protocol.TCP else None,
        ttl=_TTL,
    )


class Target(Record, kw_only=True):
    """A port of an address in another namespace."""

    protocol: Protocol
    """Transport protocol."""
    family: Family
    """Address family."""
    inner: str
    """The namespace's interface that has the address."""
    outer: str
    """The host's interface by which packets go on to it."""
    address: int
    """The address."""
    port: int
    """The port."""


def arrivals(
    program: Program, space: Space, target: Target, names: Iterable[str], source_ports: tuple[int | None, ...]
) -> Iterator[tuple[Region, bool, Sources]]:
    """Give by interface of the host the sources that come in by it, and which of them reach the target.

    Sources behind the host's interface to the namespace are left aside: they are on this very machine.
    """
    family = target.family
    around = program.around
    if around.way_to(family, target.address) != target.outer:
        text = f"this host's routes do not lead to its address by {target.outer}"
        yield everything(family), True, _all_unknown(family, text)
        return
    names = [name for name in names if name != target.outer]
    routed = around.behind(family, target.outer)[0]
    for name in names:
        routed |= around.behind(family, name)[0]
    for name in names:
        share = around.behind(family, name)[0] | (routed.rest)
        for address, port, rule in _destinations(program, target, name):
            if port == UNNAMED:
                yield share, True, _all_unknown(family, rule)
                continue
            for source_port in source_ports:
                packet = first_packet(target.protocol, family, name, address, port, source_port)
                yield share, True, _reaching(program, space, target, packet, rule)


def _destinations(program: Program, target: Target, name: str) -> Iterator[tuple[int, int, str]]:
    """Give what a packet by an interface can be sent to to come to the target: itself, and where it is published."""
    yield target.address, target.port, ""
    mine = [one[1] for one in program.host.addresses.get(name, ()) if one[0] is target.family]
    for place, port, rule in published(program.loaded, target.protocol, target.address, target.port):
        for address in mine if place is None else [place]:
            yield address, port, rule


def _reaching(program: Program, space: Space, target: Target, packet: Packet, rule: str) -> Sources:
    """Walk a packet through the host, and on through the namespace where it comes to the target."""
    fan = Fan(program, packet)
    outside = fan.ask()
    mine, others, unsure, hidden = (nothing(target.family) for _ in range(4))
    for values, region in fan.arrived:
        place = values[Field.DADDR], values[Field.DPORT]
        if UNKNOWN in place:
            unsure |= region
        elif place == (target.address, target.port) and values[Field.OIF] == target.outer:
            mine |= region
            if values[Field.SADDR] is not FREE:
                hidden |= region
        else:
            others |= region
    if fan.is_exhausted:
        unsure = everything(target.family)
    allowed = (outside.allowed & mine) - others - unsure
    possible = (outside.allowed | outside.unknown) & (mine | unsure)
    inside = _inside(space, target, packet)
    # Whose address is translated on the way is not told apart by the namespace's own rules. Where these stop no source
    # that there can be, it does not matter: what it is translated to is one (masquerading takes the host's own).
    is_indifferent = (inside.allowed | inside.refused).is_all and bool(inside.allowed)
    certain = inside.allowed | hidden if is_indifferent else inside.allowed - hidden
    may = inside.allowed | inside.unknown | hidden if inside.allowed or inside.unknown else inside.unknown
    reached = allowed & certain
    unknown = (possible & may) - reached
    published_as = f", published as port {packet.destination_port} of this host: {rule}" if rule else ""
    return Sources(
        allowed=reached,
        unknown=unknown,
        blocked=(reached | unknown).rest,
        # Rules before routing may have dropped some of them: they are no sources all the same.
        refused=outside.refused | _no_sources(program, packet),
        accepting=f"{outside.accepting}{published_as}",
        is_by_policy=outside.is_by_policy,
        blocking=outside.blocking if not outside.allowed & mine else inside.blocking or outside.blocking,
        doubt=outside.doubt or inside.doubt or rule,
    )


def _no_sources(program: Program, packet: Packet) -> Region:
    """Return the sources that routing does not take from the interface, whatever the rules."""
    values = Way(program=program, packet=packet).walk.values
    found = nothing(packet.family)
    for region, _, is_certain in no_source(program.around, packet, values):
        found |= region if is_certain else nothing(packet.family)
    return found


def _inside(space: Space, target: Target, packet: Packet) -> Sources:
    """Say which sources the namespace's own rules and routes let in."""
    if space.program is None:
        return _all_unknown(target.family, space.problem)
    inner = first_packet(target.protocol, target.family, target.inner, target.address, target.port, packet.source_port)
    return Fan(space.program, inner).ask()


def _all_unknown(family: Family, text: str) -> Sources:
    none = nothing(family)
    return Sources(allowed=none, blocked=none, unknown=everything(family), refused=none, doubt=text)
