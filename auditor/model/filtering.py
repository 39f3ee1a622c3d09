"""What the packet filters of a host do with remote access, whether or not something listens: seen before it happens."""

from auditor.model.facts.network import Family, Protocol
from auditor.model.record import Record
from auditor.model.sighting import Reachability


class Passage(Record, kw_only=True):
    """A port, and who gets through to it by the filters alone."""

    protocol: Protocol
    """Transport protocol."""
    port: int
    """Port: of this host inbound, of others outbound."""
    family: Family
    """Address family."""
    reachability: Reachability
    """Who gets through; outbound, whether this host does."""
    networks: tuple[str, ...] = ()
    """Networks that get through; outbound, those it gets through to."""
    rule: str = ""
    """The rule or policy that decided."""
    products: tuple[str, ...] = ()
    """Outbound, ids of the products that are known to connect to it."""
    known_for: tuple[str, ...] = ()
    """Outbound, what it is known for: products by name, with the names on the network that they connect to."""


class Filtering(Record, kw_only=True):
    """What the filters of a host do with what no listener shows."""

    problem: str | None = None
    """Why the filters could not be read; None when they were."""
    defaults: tuple[Passage, ...] = ()
    """By family, what happens to a port that no rule names: how much is closed unless it is opened."""
    inbound: tuple[Passage, ...] = ()
    """Ports of remote access that are open to some to whom a port that no rule names is not: from anywhere, from the
    networks beyond that, or undecided for those networks."""
    outbound: tuple[Passage, ...] = ()
    """Ports of remote-access products, and whether this host may connect to them."""
