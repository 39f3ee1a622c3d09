"""What every format gives: flow records as plain tuples, and the count of all that was not given."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

Flow = tuple[str, int, str, int, int, int, int, float, float, bool, int]
"""Source, its port, destination, its port, protocol number, bytes, packets, begin, end, whether the source began, and
what tells its sampling: 0 for none, else a token of the file's ``Samplers``.

Addresses are in their shortest form, instants in seconds since 1970 (UTC). A plain tuple: millions of them pass.
"""
TLS = "tls"
PORTLESS = frozenset((1, 2, 47, 50, 51, 58, 89, 103, 112))
"""Protocols that have no ports (IANA): ICMP, IGMP, GRE, ESP, AH, ICMPv6, OSPF, PIM, VRRP."""
WITH_PORTS = {6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite"}
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "igmp": 2, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "ipv6-icmp": 58,
           "icmpv6": 58, "ospf": 89, "pim": 103, "vrrp": 112, "sctp": 132, "t": 6, "u": 17, "unknown_transport": 0,
           "dccp": 33, "udplite": 136}  # fmt: skip
"""Protocols by what formats call them; ``t`` and ``u`` are Azure's."""
MOST_PROBLEMS = 20
_LONGEST_PROBLEM = 400
LAST_PORT = 65535
_LATEST = 253_402_300_799
"""The last second of the year 9999."""
_MOST = 2**63 - 1


@dataclass(slots=True)
class Tally:
    """What became of the records of one file."""

    read: int = 0
    """Records that were understood, those that nothing asked for included."""
    passed_over: int = 0
    """Of these: records that no product and no filter concerns. They are checked for their form and ports alone."""
    denied: int = 0
    """Of these: records of packets that a cloud's filter let not through: no conversation."""
    empty: int = 0
    """Of these: records that say that nothing was recorded."""
    refused: int = 0
    """Records that were not understood."""
    problems: list[str] = field(default_factory=list)
    """The first of what was wrong, with the number of the record."""
    is_cut_short: bool = False
    """Whether the file ended within a record, or what packs it is damaged."""

    def refuse(self, number: int, why: object) -> None:
        """Count a record that is not understood."""
        self.refused += 1
        self.say(f"record {number}: {why}")

    def say(self, problem: str) -> None:
        """Keep one of the first problems."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem[:_LONGEST_PROBLEM].encode("utf-8", "replace").decode())

    def cut(self, number: int, why: object) -> None:
        """Note that the file ends before its end."""
        self.is_cut_short = True
        problem = f"after record {number}: {why}"
        self.problems.append(problem[:_LONGEST_PROBLEM].encode("utf-8", "replace").decode())


class Wanted:
    """Which records are looked at: by the ports of products and filters, and by conversations that TLS named."""

    def __init__(self, ports: Iterable[int] | None) -> None:
        """Want the ports, or every record for None."""
        self.all = ports is None
        self.ports = frozenset(ports or ())
        self.named: set[tuple[str, str, int]] = set()
        """Client, server and port of conversations that are wanted whatever their port."""

    def texts(self) -> dict[bytes, bool]:
        """Return for each port, as a text, whether it is wanted: what is no port is no key."""
        named = {port for _, _, port in self.named}
        return {str(port).encode(): self.all or port in self.ports or port in named for port in range(LAST_PORT + 1)}

    def numbers(self) -> bytes:
        """Return for each port whether it is wanted, one byte each."""
        named = {port for _, _, port in self.named}
        return bytes(self.all or port in self.ports or port in named for port in range(LAST_PORT + 1))

    def wants(self, source: str, sport: int, destination: str, dport: int) -> bool:
        """Tell whether a record is wanted whose ports may be."""
        return (
            self.all
            or sport in self.ports
            or dport in self.ports
            or (source, destination, dport) in self.named
            or (destination, source, sport) in self.named
        )


@lru_cache(maxsize=65_536)
def address_of(text: str) -> str:
    """Return an address in its shortest form, IPv4 within IPv6 as IPv4; ValueError for what is none."""
    address = ip_address(text.strip())
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address).partition("%")[0]


@lru_cache(maxsize=65_536)
def packed_address(packed: bytes) -> str:
    """Return the same of an address as it travels."""
    return address_of(socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed))  # noqa: PLR2004


@lru_cache(maxsize=1024)
def protocol_of(text: str) -> int:
    """Return the number of a protocol that is named or numbered; ValueError for what is neither."""
    word = text.strip().lower()
    number = NUMBERS.get(word)
    if number is None:
        number = int(word) if word.isascii() and word.isdigit() and len(word) <= len("255") else -1
        if not 0 <= number <= 255:  # noqa: PLR2004 — one byte
            raise ValueError(f"protocol {text!r}")
    return number


def protocol_name(number: int) -> str:
    """Return ``tcp`` or ``udp``; another protocol's number."""
    return WITH_PORTS.get(number, str(number))


def number_of(text: str) -> int:
    """Return a count; ValueError for what is none, or could be none."""
    word = text.strip()
    try:
        number = int(word) if word.isdigit() else int(float(word))
    except (ValueError, OverflowError):
        number = -1
    if not 0 <= number <= _MOST:
        raise ValueError(f"count {text[:40]!r}")
    return number


def port_of(text: str) -> int:
    """Return a port; ValueError for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len("65535") else -1
    if not 0 <= number <= LAST_PORT:
        raise ValueError(f"port {text[:40]!r}")
    return number


def instant_of(seconds: float) -> float:
    """Return an instant that a calendar has; ValueError for another."""
    if not 0 <= seconds <= _LATEST:
        raise ValueError(f"instant {seconds}")
    return seconds
