"""What a host's own addresses and routes make of an address: local, broadcast, the way back to it."""

from dataclasses import dataclass, field
from functools import cached_property

from auditor.firewall.dialects.values import network_interval
from auditor.firewall.regions import BITS, Region, everything, nothing
from auditor.model.facts.network import Family, Route
from auditor.model.packet import HostNetwork
from auditor.model.ruleset import ADDRESS_TYPES

_LOOPBACK = "lo"
_STATIC = {
    Family.IP: (("multicast", "224.0.0.0/4"), ("broadcast", "255.255.255.255"), ("broadcast", "0.0.0.0/8")),
    Family.IP6: (("multicast", "ff00::/8"), ("unspec", "::")),
}
_LOCAL = {Family.IP: "127.0.0.0/8", Family.IP6: "::1"}
# A network of two addresses or fewer has no broadcast address.
_SMALLEST = 30
_REMEMBERED = 4096


@dataclass(slots=False, kw_only=True)
class Surroundings:
    """A host's addresses and routes, ready to be asked."""

    host: HostNetwork
    """The host."""
    _own: dict[Family, Region] = field(default_factory=dict)
    _sorted: dict[Family, tuple[dict[int, Region], Region]] = field(default_factory=dict)
    _known_types: dict[tuple[Family, int], int | None] = field(default_factory=dict)
    _behind: dict[tuple[Family, str], tuple[Region, Region]] = field(default_factory=dict)
    refusals: dict[tuple[object, ...], list[tuple[Region, str, bool]]] = field(default_factory=dict)
    """What routing refuses, by what it depends on: filled and read by routing.py."""

    def _sort(self, family: Family) -> tuple[dict[int, Region], Region]:
        """Sort all addresses of a family by their type; those that may be a broadcast address apart."""
        top = everything(family).top
        local = self.own(family)
        types = {ADDRESS_TYPES["local"]: local}
        left = local.rest
        for name, network in _STATIC[family]:
            region = Region.of([network_interval(network)], top) & left
            types[ADDRESS_TYPES[name]] = types.get(ADDRESS_TYPES[name], nothing(family)) | region
            left = left - region
        unsure = nothing(family)
        if family is Family.IP:
            known, guessed = self._broadcasts(self._mine(family))
            broadcast = Region.of(known, top) & left
            types[ADDRESS_TYPES["broadcast"]] |= broadcast
            unsure = (Region.of(guessed, top) & left) - broadcast
            left = left - broadcast - unsure
        types[ADDRESS_TYPES["unicast"]] = left
        return types, unsure

    def _mine(self, family: Family) -> list[tuple[Family, int, int | None]]:
        return [one for addresses in self.host.addresses.values() for one in addresses if one[0] is family]

    def _broadcasts(
        self, mine: list[tuple[Family, int, int | None]]
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        known: list[tuple[int, int]] = []
        guessed: list[tuple[int, int]] = []
        for _, address, length in mine:
            # The last address of a network of a bit or none is of loopback, or the last of all.
            lengths = range(2, _SMALLEST + 1) if length is None else [length] if length <= _SMALLEST else []
            for bits in lengths:
                last = address | ((1 << (32 - bits)) - 1)
                (guessed if length is None else known).append((last, last))
        return known, guessed

    def type_of(self, family: Family, address: int) -> int | None:
        """Return the type of an address; None when it depends on what is not known of the host."""
        if address in self.own(family):
            return ADDRESS_TYPES["local"]
        key = (family, address)
        if key not in self._known_types:
            if len(self._known_types) > _REMEMBERED:
                self._known_types.clear()
            self._known_types[key] = next(
                (kind for kind, region in self.types(family)[0].items() if address in region), None
            )
        return self._known_types[key]

    def types(self, family: Family) -> tuple[dict[int, Region], Region]:
        """Return the addresses of every type, and those whose type is not known."""
        known = self._sorted.get(family)
        if known is None:
            known = self._sorted[family] = self._sort(family)
        return known

    def own(self, family: Family) -> Region:
        """Return this host's addresses."""
        known = self._own.get(family)
        if known is None:
            mine = [(one[1], one[1]) for one in self._mine(family)]
            known = self._own[family] = Region.of([network_interval(_LOCAL[family]), *mine], everything(family).top)
        return known

    def first_of(self, interface: str, family: Family) -> int | None:
        """Return the first address of an interface."""
        return next((one[1] for one in self.host.addresses.get(interface, ()) if one[0] is family), None)

    @cached_property
    def _routes(self) -> dict[Family, list[tuple[int, tuple[int, int], Route]]] | None:
        """Routes of the main table, the most specific first; None where they are not known."""
        if self.host.routes is None:
            return None
        made: dict[Family, list[tuple[int, tuple[int, int], Route]]] = {family: [] for family in Family}
        for route in self.host.routes:
            if route.table == "main":
                length = int(route.destination.partition("/")[2] or BITS[route.family])
                made[route.family].append((length, network_interval(route.destination), route))
        for routes in made.values():
            routes.sort(key=lambda one: -one[0])
        return made

    def connected(self, family: Family) -> list[tuple[Region, str]]:
        """Return the networks that interfaces are in, as far as their prefixes are known."""
        top = everything(family).top
        return [
            (Region.of([(address >> (BITS[family] - length) << (BITS[family] - length),
                         address | ((1 << (BITS[family] - length)) - 1))], top), name)
            for name, addresses in self.host.addresses.items()
            for kind, address, length in addresses
            if kind is family and length is not None and name != _LOOPBACK
        ]  # fmt: skip

    def way_to(self, family: Family, address: int) -> str | None:
        """Return the interface that a packet to an address leaves by; None where not known, empty where none is."""
        if self._routes is not None:
            for _, (low, high), route in self._routes[family]:
                if low <= address <= high:
                    return route.interface or ""
            return ""
        return next((name for region, name in self.connected(family) if address in region), None)

    def turns(self, family: Family) -> list[int]:
        """Return the addresses at which another route may begin to hold; none where routes are not known."""
        routes = [] if self._routes is None else self._routes[family]
        return sorted({edge for _, (low, high), _ in routes for edge in (low, high + 1)})

    def behind(self, family: Family, interface: str) -> tuple[Region, Region]:
        """Return the addresses that are reached by an interface, and those for which it is not known."""
        known = self._behind.get((family, interface))
        if known is None:
            known = self._behind[family, interface] = self._reached_by(family, interface)
        return known

    def _reached_by(self, family: Family, interface: str) -> tuple[Region, Region]:
        if interface == _LOOPBACK:
            return everything(family), nothing(family)
        if self._routes is None:
            here, others = nothing(family), nothing(family)
            for region, name in self.connected(family):
                if name == interface:
                    here |= region
                else:
                    others |= region
            return here, (here | others).rest
        left, here = everything(family), nothing(family)
        if family is Family.IP6:  # the way to a link-local address is looked up on the link it came by
            here = Region.of([network_interval("fe80::/10")], left.top)
        routes = self._routes[family]
        if all(route.interface == interface for _, _, route in routes):
            # As on most hosts: no way is taken by another interface.
            return Region.of([*here, *(interval for _, interval, _ in routes)], left.top), nothing(family)
        for _, (low, high), route in routes:
            region = Region.of([(low, high)], left.top) & left
            if route.interface == interface:
                here |= region
            left -= region
        return here, nothing(family)

    def reached(self, family: Family) -> Region:
        """Return the addresses to which any route leads."""
        if self._routes is None:
            return everything(family)
        return Region.of([interval for _, interval, _ in self._routes[family]], everything(family).top)
