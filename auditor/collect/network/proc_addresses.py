"""Read interface addresses from /proc and /sys, for hosts without ``ip``.

``fib_trie`` lists every local IPv4 address, without interface; the network it stands in is in ``route``, with its
interface and mask (an address of no connected network is a loopback's, or that of a point-to-point link: unread).
"""

import ipaddress
from dataclasses import dataclass, field

from auditor.collect.collector import lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.facts.network import Family, InterfaceAddress
from auditor.model.reading import Parsed

ADDRESS_FILES = ("/proc/net/fib_trie:", "/proc/net/route:", "/proc/net/if_inet6:", "/sys/class/net/")
"""What a line of the files that tell addresses begins with."""

_IFF_UP = 1
_BITS = 32
_HEX = len("0xffffffff")
_LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
_IF_INET6_COLUMNS = 6
_ROUTE_COLUMNS = 8


def address_of(text: str) -> ipaddress.IPv4Address:
    """Read the 32 bits that /proc/net/route prints in the machine's byte order (little-endian)."""
    return ipaddress.IPv4Address(bytes.fromhex(text)[::-1])


def _hex(text: str) -> int:
    text = text.strip()
    if len(text) > _HEX:
        message = "a number longer than the kernel writes any"
        raise ValueError(message)
    return int(text, 16)


@dataclass(slots=True, kw_only=True)
class _Files:
    """What the files say, line by line."""

    trie_line: int = 0
    trie_address: str = ""
    local: dict[str, int] = field(default_factory=dict)
    networks: dict[int, dict[int, str]] = field(default_factory=dict)
    """Interface by the address of a network, by the length of its prefix."""
    v6: list[tuple[int, str, str, int]] = field(default_factory=list)
    flags: dict[str, int] = field(default_factory=dict)

    def take(self, number: int, path: str, rest: str) -> None:
        """Read one line of one file; ValueError when it is none of the four."""
        if path == "/proc/net/fib_trie":
            self._trie(number, rest)
        elif path == "/proc/net/route":
            self._route(rest)
        elif path == "/proc/net/if_inet6":
            words = rest.split()
            if len(words) != _IF_INET6_COLUMNS:
                message = "not a line of if_inet6"
                raise ValueError(message)
            network = ipaddress.IPv6Interface((bytes.fromhex(words[0]), _hex(words[2])))
            self.v6.append((number, words[5], str(network.ip), network.network.prefixlen))
        elif path.startswith("/sys/class/net/") and path.endswith("/flags"):
            self.flags[path.split("/")[4]] = _hex(rest)
        else:
            message = "not a line of a file that was asked for"
            raise ValueError(message)

    def _trie(self, number: int, rest: str) -> None:
        words = rest.split()
        if words[:1] == ["|--"]:
            self.trie_line, self.trie_address = number, str(ipaddress.IPv4Address(words[1]))
        elif words == ["/32", "host", "LOCAL"]:
            self.local.setdefault(self.trie_address, self.trie_line)

    def _route(self, rest: str) -> None:
        words = rest.split()
        if words[:1] == ["Iface"]:
            return
        if len(words) < _ROUTE_COLUMNS:
            message = "not a line of route"
            raise ValueError(message)
        network = ipaddress.IPv4Network(f"{address_of(words[1])}/{address_of(words[7])}")
        if network.prefixlen and address_of(words[2]) == ipaddress.IPv4Address(0):
            self.networks.setdefault(network.prefixlen, {}).setdefault(int(network.network_address), words[0])

    def v4(self, text: str) -> tuple[str, int]:
        """Return interface and prefix of a local address; ValueError when no network holds it."""
        address = ipaddress.IPv4Address(text)
        for prefix in sorted(self.networks, reverse=True):
            interface = self.networks[prefix].get(int(address) >> (_BITS - prefix) << (_BITS - prefix))
            if interface is not None:
                return interface, prefix
        if address in _LOOPBACK:
            return "lo", _LOOPBACK.prefixlen
        message = "a local address of no connected network: its interface is not known"
        raise ValueError(message)


def read_proc(text: str) -> Parsed:
    """Read the files, each line after its file's path."""
    files = _Files()
    strange: list[Unread] = []
    lines = list(lines_of(text))
    for number, line in enumerate(lines, 1):
        path, _, rest = line.partition(":")
        try:
            if line:
                files.take(number, path, rest)
        except (ValueError, IndexError) as error:
            strange.append(unread(number, line, error))
    facts: list[tuple[int, InterfaceAddress]] = []
    for address, number in files.local.items():
        try:
            interface, prefix = files.v4(address)
        except ValueError as error:
            strange.append(unread(number, lines[number - 1], error))
            continue
        facts.append((number, _fact(files, Family.IP, interface, address, prefix)))
    facts.extend(
        (number, _fact(files, Family.IP6, interface, address, prefix))
        for number, interface, address, prefix in files.v6
    )
    return Parsed(facts=tuple(facts), unread=tuple(strange))


def _fact(files: _Files, family: Family, interface: str, address: str, prefix: int) -> InterfaceAddress:
    is_up = bool(files.flags.get(interface, 0) & _IFF_UP)
    return InterfaceAddress(interface=interface, family=family, address=address, prefix=prefix, is_up=is_up)
