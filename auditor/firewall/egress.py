"""Where a host may connect to: one packet to each stretch of addresses that the rules tell apart."""

from itertools import pairwise

from auditor.firewall.decide import decide
from auditor.firewall.dialects.values import network_interval
from auditor.firewall.outside import outside
from auditor.firewall.reach import Filters
from auditor.firewall.regions import BITS, Region, address_text, region_texts
from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Protocol
from auditor.model.packet import Direction, Packet
from auditor.model.record import Record
from auditor.model.ruleset import TCP_FLAGS, Field, Verb
from auditor.model.sighting import Reachability

_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
_EPHEMERAL = 49_152
_MOST = 128
_ROUTES = 512
# Addresses of the internet at large: what is private, local or reserved is no way to a vendor's relay.
_PUBLIC = {Family.IP: ((1 << 24), (224 << 24) - 1), Family.IP6: (0x2 << 124, (0x4 << 124) - 1)}
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10")


class Egress(Record, kw_only=True):
    """Whether a host reaches a port of the internet."""

    reachability: Reachability
    """From anywhere (every address is reached), from networks (some are), blocked or undecided."""
    networks: tuple[str, ...]
    """The addresses that are reached."""
    rule: str
    """The rule or policy that decided."""


def egress(filters: Filters, protocol: Protocol, family: Family, port: int, trusted: tuple[str, ...]) -> Egress | None:
    """Return whether a host reaches a port outside the trusted networks; None when it has no way out."""
    program = filters.program
    if program is None:
        return None
    low, high = _PUBLIC[family]
    asked = outside((f"{address_text(low, family)}-{address_text(high, family)}",), (*trusted, *_PRIVATE))
    turns = program.around.turns(family)
    reached: list[tuple[int, int]] = []
    rules: dict[Verb | None, str] = {}
    ways = _ways(program, family, _stretches(asked, turns[:_ROUTES], family))
    if not ways:
        return None
    cuts = program.loaded.cuts(Field.DADDR)
    parts = [(*part, way) for *span, way in ways for part in _cut(span[0], span[1], cuts)]
    if len(parts) > _MOST or len(turns) > _ROUTES:
        rules[None] = f"its rules and routes tell more than {_MOST} stretches of addresses apart"
    for first, last, (interface, source) in parts[:_MOST]:
        packet = Packet(
            direction=Direction.OUT,
            interface=interface,
            family=family,
            source=source,
            destination=first,
            protocol=_NUMBERS[protocol],
            source_port=_EPHEMERAL,
            destination_port=port,
            tcp_flags=TCP_FLAGS["syn"] if protocol is Protocol.TCP else None,
            ttl=64,
        )
        outcome = decide(program, packet)
        rules.setdefault(outcome.verdict, outcome.rule)
        if outcome.verdict is Verb.ACCEPT:
            reached.append((first, last))
    networks = region_texts(Region.of(reached, (1 << BITS[family]) - 1), family)
    is_whole = sum(last - first for first, last, _ in ways) + len(ways) == _size(asked, family)
    if set(rules) == {Verb.ACCEPT} and is_whole:
        return Egress(reachability=Reachability.FROM_ANYWHERE, networks=networks, rule=rules[Verb.ACCEPT])
    # What is reached for certain is reached, whatever cannot be told of the rest.
    if reached:
        return Egress(reachability=Reachability.FROM_NETWORKS, networks=networks, rule=rules[Verb.ACCEPT])
    if None in rules:
        return Egress(reachability=Reachability.UNDECIDED, networks=networks, rule=rules[None])
    return Egress(reachability=Reachability.BLOCKED, networks=(), rule=next(iter(rules.values()), ""))


def _size(networks: tuple[str, ...], family: Family) -> int:
    return sum(last - first + 1 for first, last in _stretches(networks, [], family))


def _ways(program: Program, family: Family, spans: list[tuple[int, int]]) -> list[tuple[int, int, tuple[str, int]]]:
    """Return by which interface and from which address each stretch is reached; those without a route are left out."""
    made: list[tuple[int, int, tuple[str, int]]] = []
    for first, last in spans:
        way = _way_out(program, family, first)
        if way is None:
            continue
        if made and made[-1][1] + 1 == first and made[-1][2] == way:
            made[-1] = (made[-1][0], last, way)
        else:
            made.append((first, last, way))
    return made


def _way_out(program: Program, family: Family, address: int) -> tuple[str, int] | None:
    """Return the interface that leads to an address, and the first address of it."""
    interface = program.around.way_to(family, address)
    if interface is None:
        interface = next((name for name in program.host.addresses if name != "lo"), None)
    if not interface:
        return None
    source = program.around.first_of(interface, family)
    return None if source is None else (interface, source)


def _cut(low: int, high: int, cuts: list[int]) -> list[tuple[int, int]]:
    """Cut a stretch at every address at which something changes."""
    edges = [low, *(cut for cut in cuts if low < cut <= high), high + 1]
    return [(first, after - 1) for first, after in pairwise(edges)]


def _stretches(networks: tuple[str, ...], cuts: list[int], family: Family) -> list[tuple[int, int]]:
    """Cut the networks of a family at every address at which something changes."""
    made: list[tuple[int, int]] = []
    for text in networks:
        low, high = network_interval(text)
        if (high < 1 << 32) is (family is Family.IP):
            made += _cut(low, high, cuts)
    return made
