"""Read the constants of rules: addresses, ports, protocols, names of interfaces, flags; for every dialect."""

import ipaddress
from functools import lru_cache
from typing import Any, TypeAlias

from auditor.model.ruleset import ADDRESS_TYPES, CT_STATES, CT_STATUSES, TCP_FLAGS, Box, Field, Keys, Scalar, Truth

Json: TypeAlias = Any
"""What a JSON text holds: looked at piece by piece, anything may be anything."""

LAST_NAME = "\U0010ffff"
"""Stands after every character: the end of an interval of names."""

PROTOCOLS = {
    "hopopt": 0, "icmp": 1, "igmp": 2, "ipencap": 4, "ipv4": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6": 41,
    "ipv6-route": 43, "ipv6-frag": 44, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58,
    "ipv6-nonxt": 59, "ipv6-opts": 60, "ospf": 89, "ospfigp": 89, "pim": 103, "comp": 108, "ipcomp": 108, "vrrp": 112,
    "l2tp": 115, "sctp": 132, "mh": 135, "mobility-header": 135, "udplite": 136, "mptcp": 262,
}  # fmt: skip
"""Numbers of protocols by the names that nft, iptables and /etc/protocols give them."""

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
WITH_PORTS = (TCP, UDP, 33, 132, 136)
"""Protocols that have ports: TCP, UDP, DCCP, SCTP, UDP-Lite."""

_PKTTYPES = {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3}
_DSCP = {
    "cs0": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56, "be": 0, "df": 0,
    "af11": 10, "af12": 12, "af13": 14, "af21": 18, "af22": 20, "af23": 22, "af31": 26, "af32": 28, "af33": 30,
    "af41": 34, "af42": 36, "af43": 38, "va": 44, "ef": 46, "lephb": 1,
}  # fmt: skip
_ICMP = {
    "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
    "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12,
    "timestamp-request": 13, "timestamp-reply": 14, "info-request": 15, "info-reply": 16, "address-mask-request": 17,
    "address-mask-reply": 18,
}  # fmt: skip
_ICMPV6 = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
    "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
    "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133, "nd-router-advert": 134,
    "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137, "router-renumbering": 138,
    "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142, "mld2-listener-report": 143,
}  # fmt: skip
ICMP_TYPES = {ICMP: _ICMP, ICMPV6: _ICMPV6}
"""Names of ICMP types by protocol, as nft prints them."""

# Services that nft and iptables print by name where they are asked to; both print numbers by default.
_SERVICES = {"ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "http": 80, "ntp": 123, "https": 443}

_NAMED: dict[Field, dict[str, int]] = {
    Field.FAMILY: {"ipv4": 4, "ip": 4, "ipv6": 6, "ip6": 6},
    Field.L4PROTO: PROTOCOLS,
    Field.SPORT: _SERVICES,
    Field.DPORT: _SERVICES,
    Field.CT_STATE: CT_STATES,
    Field.CT_STATUS: CT_STATUSES,
    Field.CT_DIRECTION: {"original": 0, "reply": 1},
    Field.TCP_FLAGS: TCP_FLAGS,
    Field.PKTTYPE: _PKTTYPES,
    Field.DSCP: _DSCP,
    Field.SADDR_TYPE: ADDRESS_TYPES,
    Field.DADDR_TYPE: ADDRESS_TYPES,
}
ADDRESSES = (Field.SADDR, Field.DADDR)
NAMES = (Field.IIF, Field.OIF)
FLAGS = (Field.CT_STATE, Field.CT_STATUS, Field.TCP_FLAGS)
"""Fields whose value is a word of bits."""


def number(text: str) -> int:
    """Read a decimal or hexadecimal number; ValueError for anything else."""
    if not text.isascii():
        raise ValueError(f"not a number: {text[:40]!r}")
    return int(text, 16 if text[:2].lower() == "0x" else 10)


def scalar(field: Field, value: object, names: dict[str, int] | None = None) -> int:
    """Read one constant of a field; ValueError when it has no such value."""
    if isinstance(value, int):  # true and false, too, are numbers to the kernel
        return int(value)
    if not isinstance(value, str):
        raise ValueError(f"not a constant: {str(value)[:40]}")  # noqa: TRY004 — the host's word, not a caller's
    if field in ADDRESSES:
        return int(ipaddress.ip_address(value))
    known = names if names is not None else _NAMED.get(field, {})
    found = known.get(value.lower())
    return number(value) if found is None else found


def name_interval(name: str, wildcard: str) -> tuple[Scalar, Scalar]:
    """Return the names that a name of an interface stands for; a wildcard at its end stands for any rest."""
    if name.endswith(wildcard):
        return name[:-1], name[:-1] + LAST_NAME
    return name, name


def prefix_interval(value: int, length: int, bits: int) -> tuple[int, int]:
    """Return first and last number of a prefix."""
    if not 0 <= length <= bits:
        raise ValueError(f"a prefix of {length} bits of {bits}")
    host = (1 << (bits - length)) - 1
    low = value & ~host
    return low, low | host


@lru_cache(maxsize=1024)
def network_interval(text: str) -> tuple[int, int]:
    """Return first and last address of an address, a network with its prefix length, or ``first-last``."""
    first, dash, last = text.partition("-")
    if dash:
        return int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last))
    plain, slash, mask = text.partition("/")
    address = ipaddress.ip_address(plain)
    bits = address.max_prefixlen
    if not slash:
        return int(address), int(address)
    return prefix_interval(int(address), int(mask), bits)


def keys(*boxes: Box) -> Keys:
    """Make a set of boxes."""
    return Keys(entries=tuple((box, Truth.YES) for box in boxes))
