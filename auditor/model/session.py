"""A connection of remote-access software that stood at the moment of the audit, and where its peer is."""

from enum import StrEnum

from auditor.model.record import Record
from auditor.model.sighting import Quote


class Peer(StrEnum):
    """Where the other end of a connection is, by the policy."""

    OWN = "own"
    """The host itself, or what runs on it in a network of its own."""
    TRUSTED = "trusted"
    """In a network that the policy trusts."""
    OUTSIDE = "outside"
    """In none of the networks that the policy trusts."""
    UNNAMED = "unnamed"
    """Not known: the policy names no trusted network."""


class Session(Record, kw_only=True):
    """One connection of one product."""

    protocol: str
    """``tcp`` or ``udp``."""
    family: str
    """``ip`` or ``ip6``."""
    state: str
    """``established``; ``unknown`` where the host does not tell it in words we know."""
    local_address: str
    """The host's end."""
    local_port: int
    """The port of that end."""
    remote_address: str
    """The peer's end."""
    remote_port: int
    """The port of that end."""
    namespace: str | None
    """Network namespace when it is not the host's own."""
    pid: int | None
    """Process id of the first owner; None where no owner was seen."""
    process: str | None
    """Name of that process: hostile text."""
    executable: str | None = None
    """Path of its program: hostile text; None where it could not be seen."""
    user: str | None = None
    """Account that it runs as; None where it could not be seen."""
    product: str
    """Catalogue id."""
    is_inbound: bool
    """Whether the peer began it."""
    peer: Peer
    """Where the peer is."""
    is_suspected: bool = False
    """Whether its product is only suspected."""
    proof: Quote
    """The line of evidence it was read from."""
