"""A packet as one asks about it, and the host it meets."""

from collections.abc import Mapping
from enum import StrEnum

from auditor.model.facts.network import Family, Route
from auditor.model.record import Record, field


class Direction(StrEnum):
    """Which way a packet goes."""

    IN = "in"
    OUT = "out"


class Packet(Record, kw_only=True):
    """A packet; what is None is not known, unless the protocol has no such thing."""

    direction: Direction
    """Which way it goes."""
    interface: str
    """Interface it comes in or leaves by."""
    family: Family
    """Address family."""
    source: int | None = None
    """Source address; None asks for the set of sources."""
    destination: int
    """Destination address."""
    protocol: int
    """Protocol number."""
    source_port: int | None = None
    """Source port."""
    destination_port: int | None = None
    """Destination port."""
    tcp_flags: int | None = None
    """Flags of a TCP segment."""
    icmp_type: int | None = None
    """Type of an ICMP message."""
    icmp_code: int | None = None
    """Code of an ICMP message."""
    ttl: int | None = None
    """Time to live, or hop limit."""
    length: int | None = None
    """Length in bytes, IP header included."""
    dscp: int | None = 0
    """Differentiated services code point."""
    mark: int | None = 0
    """Mark it is born with."""
    state: str | None = None
    """State of its connection; None leaves it to what the kernel makes of such a packet that nothing announced."""
    is_reply: bool = False
    """Whether it goes in the reply direction of its connection."""
    status: int | None = None
    """Status bits of its connection; None for those that its state implies."""


class HostNetwork(Record, kw_only=True):
    """What of a host's network bears on a packet's way."""

    addresses: Mapping[str, tuple[tuple[Family, int, int | None], ...]] = field(default_factory=dict)
    """Addresses by interface: family, address, prefix length (None where not known)."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Kinds of interfaces where they are known, such as ``wireless`` (``Link.kind``)."""
    routes: tuple[Route, ...] | None = None
    """Routing table; None where not known."""
    forwards: Mapping[Family, bool | None] = field(default_factory=dict)
    """Whether packets for others are sent on; None where not known."""
    rp_filter: Mapping[str, int | None] = field(default_factory=dict)
    """Reverse path filter (0 off, 1 strict, 2 loose) by interface; ``""`` for the others."""
    route_localnet: Mapping[str, bool | None] = field(default_factory=dict)
    """Whether 127.0.0.0/8 may come from the wire, by interface; ``""`` for the others."""
    is_loose: bool | None = True
    """Whether a segment in the middle of an unknown TCP connection counts as new (``nf_conntrack_tcp_loose``)."""
