"""Interfaces, addresses and routes of a Mac: ``ifconfig -a`` (ifconfig(8)) and ``netstat -rn`` (netstat(1))."""

import ipaddress
from dataclasses import dataclass, field

from auditor.collect.collector import Collector, number_of, parse_lines
from auditor.model.facts.network import Family, InterfaceAddress, Link, Route
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import replace

_MACOS = r"""
need ifconfig netstat
printf '== addresses\n'
ifconfig -a || failed "ifconfig could not list the interfaces"
printf '== routes\n'
netstat -rn || partial "netstat could not list the routes"
printf '== end\n'
"""
_HEADINGS = ("addresses", "routes", "end")
# What ifconfig says of an interface beside its addresses; bridges and bonds say more, one tab further in.
_KNOWN = frozenset((
    "bond", "Configuration:", "desc:", "effective", "ether", "generation", "groups:", "ipfilter", "link", "lladdr",
    "media:", "member:", "nd6", "options=", "peer:", "priority:", "scheduler:", "status:", "tunnel", "type:", "vlan:",
))  # fmt: skip
_KINDS = (
    ("lo", "loopback"), ("utun", "tunnel"), ("ipsec", "tunnel"), ("gif", "tunnel"), ("stf", "tunnel"), ("ppp", "ppp"),
    ("tun", "tunnel"), ("tap", "tunnel"), ("bridge", "bridge"), ("vlan", "vlan"), ("bond", "bond"), ("feth", "veth"),
    ("vmenet", "veth"),
)  # fmt: skip
_V4_BITS, _V6_BITS = 32, 128
_OCTETS = 4
_Fact = InterfaceAddress | Link | Route


@dataclass(slots=True)
class _Reader:
    """What has been read so far, and where the listing is."""

    part: str = ""
    interface: str = ""
    is_up: bool = False
    is_bridge: bool = False
    family: Family | None = None
    links: int = 0
    seen: list[str] = field(default_factory=list)

    def read(self, line: str) -> _Fact | None:
        """Read one line of the part it stands in; ValueError where it is of none."""
        if not line.strip():
            return None
        if line.startswith("== "):
            self._begin(line[3:])
            return None
        if self.part == "addresses":
            return self._address(line) if line[0].isspace() else self._interface(line)
        if self.part == "routes":
            return self._route(line)
        message = "a line outside of what was asked"
        raise ValueError(message)

    def _begin(self, heading: str) -> None:
        if heading not in _HEADINGS or heading in self.seen or len(self.seen) != _HEADINGS.index(heading):
            message = "a heading that was not expected here"
            raise ValueError(message)
        self.seen.append(heading)
        self.part = heading

    def _interface(self, line: str) -> Link:
        name, colon, rest = line.partition(": ")
        flags = rest.partition("<")[2].partition(">")[0]
        if not colon or not rest.startswith("flags=") or not name or " " in name:
            message = "not an interface with its flags"
            raise ValueError(message)
        self.interface, self.is_up = name, "UP" in flags.split(",")
        self.links += 1
        kind = next((kind for start, kind in _KINDS if _is_named(name, start)), "")
        return Link(name=name, index=self.links, is_up=self.is_up, kind=kind)

    def _address(self, line: str) -> InterfaceAddress | None:
        word, *rest = line.split()
        if word in ("inet", "inet6") and self.interface and rest:
            return self._inet(rest) if word == "inet" else self._inet6(rest)
        if line.startswith(("\t\t", "\t        ")) or word in _KNOWN or word.partition("=")[0] in ("options", "nd6"):
            return None
        message = "not an address, and not a detail that is known"
        raise ValueError(message)

    def _inet(self, words: list[str]) -> InterfaceAddress:
        address = ipaddress.IPv4Address(words[0])
        mask = words[words.index("netmask") + 1] if "netmask" in words[:-1] else ""
        bits = int(mask, 16) if mask.startswith("0x") and len(mask) <= len("0xffffffff") else -1
        prefix = max(bits, 0).bit_count()
        if bits != ((1 << prefix) - 1) << (_V4_BITS - prefix):
            message = f"netmask {mask[:20]!r} is none"
            raise ValueError(message)
        return self._made(Family.IP, str(address), prefix)

    def _inet6(self, words: list[str]) -> InterfaceAddress:
        plain, _, zone = words[0].partition("%")
        address = ipaddress.IPv6Address(plain)
        at = words.index("prefixlen") + 1 if "prefixlen" in words[:-1] else 0
        prefix = number_of(words[at] if at else "", "prefixlen")
        if prefix > _V6_BITS:
            message = f"prefixlen {prefix} is none"
            raise ValueError(message)
        return self._made(Family.IP6, f"{address}%{zone}" if zone else str(address), prefix)

    def _made(self, family: Family, address: str, prefix: int) -> InterfaceAddress:
        return InterfaceAddress(
            interface=self.interface, family=family, address=address, prefix=prefix, is_up=self.is_up
        )

    def _route(self, line: str) -> Route | None:
        words = line.split()
        if line == "Routing tables" or words[0] == "Destination":
            return None
        if line in ("Internet:", "Internet6:"):
            self.family = Family.IP if line == "Internet:" else Family.IP6
            return None
        if self.family is None or len(words) < _OCTETS:
            message = "not a route: destination, gateway, flags, interface"
            raise ValueError(message)
        destination, gateway, flags, interface = words[:_OCTETS]
        network = _destination(destination, self.family, is_host="H" in flags)
        # Neighbours that were found on the link stand here too, by W and L (netstat(1)): no administrator set them.
        if "W" in flags or ("L" in flags and "H" in flags):
            return None
        kind = "blackhole" if "B" in flags else "unreachable" if "R" in flags else "unicast"
        return Route(
            family=self.family,
            destination=network,
            gateway=_gateway(gateway) if "G" in flags else None,
            interface=None if kind != "unicast" else interface,
            kind=kind,
        )


def _is_named(name: str, start: str) -> bool:
    return name.startswith(start) and name[len(start) :].isdigit()


def _gateway(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    zone = text.partition("%")[2]
    return f"{address}%{zone}" if zone else str(address)


def _destination(text: str, family: Family, *, is_host: bool) -> str:
    """Write a destination out: netstat leaves off what is zero (``127``, ``169.254``), and ``/32`` of a host."""
    if text == "default":
        return "0.0.0.0/0" if family is Family.IP else "::/0"
    plain, slash, length = text.partition("/")
    plain = plain.partition("%")[0]
    if family is Family.IP6:
        prefix = number_of(length, "prefix") if slash else _V6_BITS
        return str(ipaddress.IPv6Network((plain, prefix), strict=False))
    octets = plain.split(".")
    if len(octets) > _OCTETS:
        message = f"{text[:40]!r} is no destination"
        raise ValueError(message)
    prefix = number_of(length, "prefix") if slash else _V4_BITS if is_host else 8 * len(octets)
    whole = ".".join((octets + ["0"] * _OCTETS)[:_OCTETS])
    return str(ipaddress.IPv4Network((whole, prefix), strict=False))


def _parse(text: str) -> Parsed:
    """Read the interfaces with their addresses, then the routes; the last heading says that nothing is cut off."""
    reader = _Reader()
    parsed = parse_lines(text, reader.read)
    has_address = any(isinstance(fact, InterfaceAddress) for _, fact in parsed.facts)
    partial = None
    if not has_address:
        partial = "no address is listed, not even the loopback's"
    elif "end" not in reader.seen:
        partial = "the listing ends before its end"
    elif reader.family is None:
        partial = "no routing table is listed"
    return replace(parsed, partial=partial)


PLUGIN = Collector(
    id="network.macos",
    facts=(InterfaceAddress, Link, Route),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Look what keeps ifconfig and netstat, which every Mac has, from answering on this one.",
    holds_secrets=False,
)
