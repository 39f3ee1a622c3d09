"""Where a host may connect to: one packet to each stretch of addresses that the rules tell apart."""

from dataclasses import dataclass
from itertools import pairwise

from auditor.firewall.decide import decide
from auditor.firewall.dialects.values import network_interval
from auditor.firewall.outside import outside
from auditor.firewall.reach import Filters
from auditor.firewall.regions import BITS, Region, address_text, region_texts
from auditor.model.facts.network import Family, Protocol
from auditor.model.packet import Direction, Packet
from auditor.model.ruleset import TCP_FLAGS, Field, Verb
from auditor.model.sighting import Reachability

_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
_EPHEMERAL = 49_152
_MOST = 128
# Addresses of the internet at large: what is private, local or reserved is no way to a vendor's relay.
_PUBLIC = {Family.IP: ((1 << 24), (224 << 24) - 1), Family.IP6: (0x2 << 124, (0x4 << 124) - 1)}
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
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
    way = None if program is None else _way_out(filters, family)
    if program is None or way is None:
        return None
    interface, source = way
    low, high = _PUBLIC[family]
    asked = outside((f"{address_text(low, family)}-{address_text(high, family)}",), (*trusted, *_PRIVATE))
    cuts = program.loaded.cuts(Field.DADDR)
    reached: list[tuple[int, int]] = []
    rules: dict[Verb | None, str] = {}
    stretches = _stretches(asked, cuts, family)
    if len(stretches) > _MOST:
        rules[None] = f"its rules tell more than {_MOST} stretches of addresses apart"
    for first, last in stretches[:_MOST]:
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
    if set(rules) == {Verb.ACCEPT}:
        return Egress(reachability=Reachability.FROM_ANYWHERE, networks=networks, rule=rules[Verb.ACCEPT])
    if None in rules:
        return Egress(reachability=Reachability.UNDECIDED, networks=networks, rule=rules[None])
    if reached:
        return Egress(reachability=Reachability.FROM_NETWORKS, networks=networks, rule=rules[Verb.ACCEPT])
    return Egress(reachability=Reachability.BLOCKED, networks=(), rule=next(iter(rules.values()), ""))


def _way_out(filters: Filters, family: Family) -> tuple[str, int] | None:
    """Return the interface of the default route and its first address."""
    program = filters.program
    if program is None:
        return None
    low, _ = _PUBLIC[family]
    interface = program.around.way_to(family, low)
    if interface is None:
        interface = next((name for name in program.host.addresses if name != "lo"), None)
    if not interface:
        return None
    source = program.around.first_of(interface, family)
    return None if source is None else (interface, source)


def _stretches(networks: tuple[str, ...], cuts: list[int], family: Family) -> list[tuple[int, int]]:
    """Cut networks at every address at which the rules begin to say something else."""
    made: list[tuple[int, int]] = []
    for text in networks:
        low, high = network_interval(text)
        if (high < 1 << 32) is not (family is Family.IP):
            continue
        edges = [low, *(cut for cut in cuts if low < cut <= high), high + 1]
        made += [(first, after - 1) for first, after in pairwise(edges)]
    return made
