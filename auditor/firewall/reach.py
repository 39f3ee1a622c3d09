"""Who can reach a listening socket: its binding, the host's interfaces, and the loaded filters, taken together."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from auditor.firewall.access import Access, Arrival, combined, union, with_routing
from auditor.firewall.compiled import UNKNOWN, Value
from auditor.firewall.elsewhere import Target, arrivals, first_packet
from auditor.firewall.loaded import Loaded
from auditor.firewall.redirected import led_in
from auditor.firewall.regions import Region, nothing
from auditor.firewall.routing import no_source
from auditor.firewall.settled import Holder
from auditor.firewall.source_states import Sources
from auditor.firewall.sources import Fan
from auditor.firewall.spaces import Space
from auditor.firewall.way import Program, is_delivered
from auditor.model.facts.network import Family, Protocol
from auditor.model.packet import Packet
from auditor.model.record import Record, replace
from auditor.model.ruleset import Field
from auditor.model.sighting import Reachability

_LOOPBACK = "lo"
# The port of an ordinary client; others are asked about where a rule looks at the source port.
_EPHEMERAL = 49_152
_PORTS = 16
_LAST_PORT = 65_535
_ELSEWHERE = "it listens in another network namespace"
_NOT_LOOKED_INTO = "which was not looked into: that takes root, nsenter and ip"
_UNNAMED = 47_001
_LINK_LOCAL = ipaddress.ip_network("fe80::/10")


class Door(Record, kw_only=True):
    """A listening socket, as far as packets care."""

    protocol: Protocol
    """Transport protocol."""
    family: Family
    """Family of the socket."""
    address: str
    """Bound address in canonical form; ``0.0.0.0`` or ``::`` for all."""
    port: int
    """Bound port."""
    device: str | None = None
    """Interface it is bound to; None for any."""
    namespace: str | None = None
    """Network namespace when it is not the host's own."""
    is_v6only: bool | None = None
    """For ``::``, whether IPv4 is excluded; None, when not known, counts as not: the kernel's default."""


class Decision(Record, kw_only=True):
    """Who reaches a socket, and what decided it."""

    reachability: Reachability
    """Who reaches it."""
    rule: str
    """The rule or fact that decided, as a clause."""
    sources: tuple[str, ...] = ()
    """Networks that reach it, where it is not reached from everywhere or nowhere: 256 at most, which then hold more."""
    accesses: tuple[Access, ...] = ()
    """The same by family, where filters were evaluated."""


@lru_cache(maxsize=256)
def _bound(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(address.partition("%")[0])


@lru_cache(maxsize=256)
def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own; an IPv4 address mapped into IPv6 counts as IPv4."""
    plain = _bound(address)
    mapped = plain.ipv4_mapped if isinstance(plain, ipaddress.IPv6Address) else None
    return (mapped or plain).is_loopback


class _WayIn(NamedTuple):
    """One way by which a first packet comes to a socket, whatever its protocol and port."""

    share: Region
    """The sources that come by it, or may."""
    is_whole: bool
    """Whether that is known."""
    interface: str
    """Interface that it comes by."""
    address: int
    """Address that it is sent to."""
    source_port: int | None
    """Port that it is sent from."""
    atoms: tuple[int, int | None]
    """The numbers of the intervals that these two are in: the rules tell no two of one apart."""
    kind: Value
    """What the address is to this host: its own, broadcast and the like; UNKNOWN where that is not known."""


@dataclass(kw_only=True)
class Filters:
    """The packet filters of one host, ready to be asked."""

    program: Program | None
    """The loaded rules on this host; None where they could not be read."""
    problem: str = ""
    """Why they could not be read."""
    spaces: Mapping[str, Space] = field(default_factory=dict)
    """Other network namespaces in which something listens, by their ids."""
    narrow: "Callable[[Holder], Filters] | None" = None
    """Makes them those of one holder of a socket; None where no rule asks who holds it."""
    _refused: dict[tuple[object, ...], tuple[Region, Region, str]] = field(default_factory=dict)
    _routed: dict[tuple[object, ...], Region] = field(default_factory=dict)
    _ways: dict[tuple[object, ...], tuple[_WayIn, ...]] = field(default_factory=dict)
    _accesses: dict[tuple[object, ...], Access | None] = field(default_factory=dict)
    _alike: dict[tuple[object, ...], tuple[tuple[Sources, ...], Access]] = field(default_factory=dict)
    """By what the rules alone say of each way in, with it: a number of something that is gone is given again."""
    _decisions: dict[tuple[int, ...], Decision] = field(default_factory=dict)
    """By the accesses that they are made of."""

    def held_by(self, holder: Holder) -> "Filters":
        """Return the filters as they are for a socket of one holder; by themselves they are those of an unknown one."""
        return self if self.narrow is None else self.narrow(holder)

    def reach(self, door: Door) -> Decision:  # noqa: PLR0911 — one return a reason
        """Decide who reaches a socket; what is not certain is undecided."""
        if is_loopback(door.address) or door.device == _LOOPBACK:
            return self._reach_loopback(door)
        if door.namespace is not None:
            return self._reach_elsewhere(door, self.spaces.get(door.namespace))
        if self.program is None:
            return Decision(reachability=Reachability.UNDECIDED, rule=self.problem)
        if not self.is_loaded:
            return Decision(reachability=Reachability.FROM_ANYWHERE, rule="no packet filter is loaded")
        if not self.program.host.addresses:
            return Decision(
                reachability=Reachability.UNDECIDED, rule="the host's addresses are not known, and rules are loaded"
            )
        accesses = tuple(access for family in _families(door) if (access := self.access(door, family)) is not None)
        if not accesses:
            return Decision(reachability=Reachability.BLOCKED, rule="no interface has an address of its family")
        # Most listeners share theirs with others.
        key = tuple(map(id, accesses))
        known = self._decisions.get(key)
        if known is None:
            known = self._decisions[key] = _decision(accesses)
        return known

    def _reach_loopback(self, door: Door) -> Decision:
        """Decide who reaches a socket on loopback: this host alone, unless rules lead others to it."""
        decided = Decision(reachability=Reachability.LOOPBACK_ONLY, rule="bound to loopback")
        bound, leads_in = _bound(door.address), self.program is not None and self.program.loaded.leads_in
        if not leads_in or door.namespace is not None or not bound.is_loopback:
            return decided
        family = _families(door)[0]
        parts = list(self._led(replace(door, device=None), family, (int(bound),)))
        access = combined(parts, family, self._own(family)) if parts else None
        is_reached = access is not None and (access.sources.allowed or access.sources.unknown)
        return _decision((access,)) if access is not None and is_reached else decided

    def _led(self, door: Door, family: Family, to: tuple[int, ...]) -> Iterator[Arrival]:
        """Give by interface the sources that rules lead to a socket from another address or port."""
        program = self.asked()
        if program.loaded.leads_in:
            around, names = program.around, self._interfaces(door, family)
            routed = union([around.behind(family, name)[0] for name in names], family)
            shares = {name: around.behind(family, name)[0] | routed.rest for name in names}
            yield from led_in(program, door.protocol, family, (to, door.port), shares)

    def _reach_elsewhere(self, door: Door, space: Space | None) -> Decision:
        """Decide who reaches a socket in another namespace: whom the host lets through, and then its own rules."""
        if space is not None and space.is_alone:
            text = "its network namespace has no interface but its loopback"
            return Decision(reachability=Reachability.LOOPBACK_ONLY, rule=text)
        why = _NOT_LOOKED_INTO if space is None else space.problem or self.problem
        if not why and self.program is not None and (not self.program.host.addresses or not self.program.host.routes):
            why = "and this host's addresses and routes are not known"
        if space is None or space.program is None or why:
            return Decision(reachability=Reachability.UNDECIDED, rule=f"{_ELSEWHERE}, {why}")
        found = [self._access_elsewhere(door, family, space) for family in _families(door)]
        accesses = tuple(access for access in found if access is not None)
        text = "no interface of its network namespace that is up has an address of its family"
        decision = _decision(accesses) if accesses else Decision(reachability=Reachability.BLOCKED, rule=text)
        if space.doubts and decision.reachability is not Reachability.FROM_ANYWHERE:
            text = f"{_ELSEWHERE}, and {space.doubts[0]}"
            return replace(decision, reachability=Reachability.UNDECIDED, rule=text)
        return decision

    def _access_elsewhere(self, door: Door, family: Family, space: Space) -> Access | None:
        bound = _bound(door.address)
        parts: list[Arrival] = []
        near = nothing(family)
        inner_ports = () if space.program is None else source_ports(space.program.loaded)
        for inner, outer, address in space.addresses(family):
            if door.device not in (None, inner) or _is_link_local(family, address):
                continue
            if bound.is_unspecified or int(bound) == address:
                near |= self.asked().around.behind(family, outer)[0]
                target = Target(
                    protocol=door.protocol, family=family, inner=inner, outer=outer, address=address, port=door.port
                )
                names = self._interfaces(replace(door, device=None), family)
                ports = tuple(dict.fromkeys((*self.source_ports, *inner_ports)))
                parts += arrivals(self.asked(), space, target, names, ports)
        return combined(parts, family, near | self._own(family)) if parts else None

    @property
    def is_loaded(self) -> bool:
        """Tell whether any filter has a chain that the kernel calls."""
        return bool(self.asked().ruleset.bases or self.asked().ruleset.doubts)

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """Return the families in which the host has an address beside loopback; both where addresses are not known."""
        addresses = self.asked().host.addresses
        found = {one[0] for name, entries in addresses.items() if name != _LOOPBACK for one in entries}
        return tuple(family for family in Family if family in found or not addresses)

    @property
    def ordinary_port(self) -> int:
        """Return a port that no rule names: what happens to it happens unless something is opened."""
        loaded = self.asked().loaded
        known: int | None = loaded.answered(("ordinary port",))
        return loaded.remember(("ordinary port",), _ordinary_port(loaded)) if known is None else known

    def access(self, door: Door, family: Family) -> Access | None:
        """Return which sources reach a socket over a family; None when the host has no address of it."""
        program = self.asked()
        atom = door.port if program.loaded.is_of_host else program.loaded.atom(Field.DPORT, door.port)
        key = (door.protocol, family, door.address, door.device, atom)
        if key not in self._accesses:
            self._accesses[key] = self._access(door, family)
        return self._accesses[key]

    def _access(self, door: Door, family: Family) -> Access | None:
        ways = self._ways_in(door, family)
        if self.asked().loaded.is_of_host:
            parts = [(way.share, way.is_whole, self._ask(door, family, way)) for way in ways]
            parts += self._led(door, family, self._taken(door, family))
            return combined(parts, family, self._own(family)) if parts else None
        if not ways:
            return None
        # Of most ports rules say the same: these are put together once.
        ruled = tuple([self._ruled(door, family, way) for way in ways])
        key = (family, door.address, door.device, *map(id, ruled))
        known = self._alike.get(key)
        if known is None:
            parts = [
                (way.share, way.is_whole, with_routing(found, *self._routing(door, family, way)))
                for way, found in zip(ways, ruled, strict=True)
            ]
            known = self._alike[key] = (ruled, combined(parts, family, self._own(family)))
        return known[1]

    def _own(self, family: Family) -> Region:
        return self.program.around.own(family) if self.program else nothing(family)

    def _ways_in(self, door: Door, family: Family) -> tuple[_WayIn, ...]:
        """Return the ways by which packets come to a socket."""
        place = (family, door.address, door.device)
        known = self._ways.get(place)
        if known is None:
            known = self._ways[place] = tuple(self._arriving(door, family))
        return known

    def _arriving(self, door: Door, family: Family) -> Iterator[_WayIn]:
        program = self.asked()
        loaded, names = program.loaded, self._interfaces(door, family)
        key = (family, *names)
        if key not in self._routed:
            self._routed[key] = union([program.around.behind(family, name)[0] for name in names], family)
        routed = self._routed[key]
        knows_routes = program.host.routes is not None or len(names) == 1
        for name in names:
            share = program.around.behind(family, name)[0] | routed.rest
            for address in self._destinations(door, family, name):
                here = share & _LINK if _is_link_local(family, address) else share
                kind = program.around.type_of(family, address)
                for port in self.source_ports:
                    atoms = loaded.atom(Field.DADDR, address), None if port is None else loaded.atom(Field.SPORT, port)
                    yield _WayIn(here, knows_routes, name, address, port, atoms, UNKNOWN if kind is None else kind)

    def _taken(self, door: Door, family: Family) -> tuple[int, ...]:
        """Return the addresses of a socket that a rule may translate others to."""
        bound = _bound(door.address)
        if not bound.is_unspecified:
            return (int(bound),)
        mine = (one[1] for entries in self.asked().host.addresses.values() for one in entries if one[0] is family)
        return (*mine, 0x7F000001 if family is Family.IP else 1)

    def _interfaces(self, door: Door, family: Family) -> list[str]:
        """Return the interfaces by which packets of a family come to a socket."""
        return [
            name
            for name, addresses in self.asked().host.addresses.items()
            if name != _LOOPBACK and door.device in (None, name) and any(one[0] is family for one in addresses)
        ]

    def _destinations(self, door: Door, family: Family, interface: str) -> list[int]:
        """Return the addresses that a packet by an interface can be sent to to reach the socket."""
        if self.program is None:
            return []
        bound = _bound(door.address)
        if isinstance(bound, ipaddress.IPv6Address) and bound.ipv4_mapped is not None:
            bound = bound.ipv4_mapped
        if not bound.is_unspecified:
            return [int(bound)] if (bound.version == 4) is (family is Family.IP) else []  # noqa: PLR2004
        mine = [one[1] for one in self.program.host.addresses.get(interface, ()) if one[0] is family]
        # Of several addresses that no rule tells apart, one stands for all; to a link-local one only the link comes.
        atom = self.asked().loaded.atom
        return list({(atom(Field.DADDR, one), _is_link_local(family, one)): one for one in mine}.values())

    @property
    def source_ports(self) -> tuple[int | None, ...]:
        """Return the source ports to ask about: a client's, and those at which rules begin to say something else.

        Of very many, any other stands for the rest: None.
        """
        loaded = self.asked().loaded
        known: tuple[int | None, ...] | None = loaded.answered(("source ports",))
        return loaded.remember(("source ports",), source_ports(loaded)) if known is None else known

    def packets(self, door: Door, family: Family, source: int) -> Iterator[tuple[str, Packet]]:
        """Give the first packet of a source to a socket, by each interface that it may come by."""
        for interface in self._interfaces(door, family):
            way = self.asked().around.way_to(family, source)
            if way in (None, "", interface):
                for address in self._destinations(door, family, interface):
                    yield (
                        interface,
                        replace(
                            first_packet(door.protocol, family, interface, address, door.port, _EPHEMERAL),
                            source=source,
                        ),
                    )

    def _ask(self, door: Door, family: Family, way: _WayIn) -> Sources:
        """Ask about rules that look at what is this host's own."""
        found = Fan(self.asked(), _first(door, family, way)).ask()
        # Rules before routing may have dropped what it refuses: these are no sources all the same.
        refused = self._routing(door, family, way)[0]
        return replace(found, refused=found.refused | (refused - found.allowed - found.unknown))

    def _ruled(self, door: Door, family: Family, way: _WayIn) -> Sources:
        """Return what the rules alone say: the same for every host and port that they do not tell apart.

        But for what does not come to this host: where that goes on to is the host's own.
        """
        loaded = self.asked().loaded
        key = (door.protocol, family, way.interface, way.kind, loaded.atom(Field.DPORT, door.port), *way.atoms)
        known: Sources | None = loaded.answered(key)
        if known is None:
            known = Fan(self.asked(), _first(door, family, way)).ask(routes=False)
            if is_delivered(way.kind):
                known = loaded.remember(key, known)
        return known

    def _routing(self, door: Door, family: Family, way: _WayIn) -> tuple[Region, Region, str]:
        """Return the sources that routing refuses, those it may refuse, and why."""
        key = (family, way.interface, way.address)
        known = self._refused.get(key)
        if known is None:
            around = self.asked().around
            values: list[Value] = [None] * len(Field)
            values[Field.DADDR], values[Field.DADDR_TYPE] = way.address, way.kind
            refusals = no_source(around, _first(door, family, way), values)
            certain = union([region for region, _, is_certain in refusals if is_certain], family)
            doubtful = [(region, text) for region, text, is_certain in refusals if region and not is_certain]
            possible = union([region for region, _ in doubtful], family)
            known = self._refused[key] = (certain, possible - certain, doubtful[-1][1] if doubtful else "")
        return known

    def asked(self) -> Program:
        """Return the program; only where there is one may filters be asked."""
        if self.program is None:
            raise RuntimeError("asked without a program")
        return self.program


def _first(door: Door, family: Family, way: _WayIn) -> Packet:
    """Make the first packet to a socket by a way."""
    return first_packet(door.protocol, family, way.interface, way.address, door.port, way.source_port)


def _ordinary_port(loaded: Loaded) -> int:
    named = set(loaded.cuts(Field.DPORT))
    return next(port for port in range(_UNNAMED, _LAST_PORT) if not {port, port + 1} & named)


def source_ports(loaded: Loaded) -> tuple[int | None, ...]:
    """Return a client's source port, and those at which rules say something else; None for the rest of many."""
    cuts = [port for port in loaded.cuts(Field.SPORT) if 0 < port <= _LAST_PORT]
    return (_EPHEMERAL, *cuts[:_PORTS], *((None,) if len(cuts) > _PORTS else ()))


_LINK = Region.of([(int(_LINK_LOCAL[0]), int(_LINK_LOCAL[-1]))], (1 << 128) - 1)


def _is_link_local(family: Family, address: int) -> bool:
    return family is Family.IP6 and address in _LINK


def _families(door: Door) -> tuple[Family, ...]:
    return _served(door.address, door.family, door.is_v6only is True)


@lru_cache(maxsize=256)
def _served(address: str, family: Family, is_v6only: bool) -> tuple[Family, ...]:  # noqa: FBT001
    """Return the families of the packets that come to a socket."""
    bound = _bound(address)
    if isinstance(bound, ipaddress.IPv6Address) and bound.ipv4_mapped is not None:
        return (Family.IP,)
    if family is Family.IP6 and bound.is_unspecified and not is_v6only:
        return (Family.IP, Family.IP6)
    return (family,)


def _both_rules(sources: Sources) -> str:
    """Quote the rule that lets some sources in, and where that is a policy, the one that keeps the others out."""
    if sources.is_by_policy and sources.blocking:
        return f"{sources.accepting}, but {sources.blocking}"
    return sources.accepting


def _decision(accesses: tuple[Access, ...]) -> Decision:
    """Say in one word who reaches a socket, over all families it serves."""
    found = [access.sources for access in accesses]
    networks = tuple(network for access in accesses for network in access.networks)
    if any(access.is_open for access in accesses):
        first = next(access for access in accesses if access.is_open)
        word, rule = Reachability.FROM_ANYWHERE, first.sources.accepting
    elif any(one.unknown for one in found):
        word, rule = Reachability.UNDECIDED, next(one.doubt for one in found if one.unknown)
        told = f"a rule cannot be told: {rule}"
        return Decision(reachability=word, rule=told, sources=networks, accesses=accesses)
    elif any(one.allowed for one in found):
        word, rule = Reachability.FROM_NETWORKS, next(_both_rules(one) for one in found if one.allowed)
    else:
        word, rule = Reachability.BLOCKED, next((one.blocking for one in found if one.blocking), "")
    sources = networks if word is Reachability.FROM_NETWORKS else ()
    return Decision(reachability=word, rule=rule or "the loaded rules", sources=sources, accesses=accesses)
