"""One socket as a source prints it, before it is a fact: what ss and /proc/net have in common."""

import ipaddress
from functools import lru_cache

from auditor.model.facts.network import Family, Owner, Protocol
from auditor.model.record import Draft

LISTENING = ("listen", "unconn")
"""States in which a socket waits for anyone: TCP that listens, UDP without a peer."""


class Socket(Draft, kw_only=True):
    """One line of a source, understood."""

    line: int
    """Line of the section's text."""
    protocol: Protocol
    """Transport protocol."""
    state: str
    """State in lower case; ``established`` spelled out."""
    local: tuple[Family, str]
    """Our end: family and canonical address."""
    local_port: int
    """Our end's port."""
    remote: tuple[Family, str]
    """The peer's end."""
    remote_port: int
    """The peer's port; 0 for none."""
    device: str | None = None
    """Interface it is bound to."""
    owners: tuple[Owner, ...] = ()
    """Processes that hold it."""
    uid: int | None = None
    """User that opened it."""
    inode: int | None = None
    """Its inode; 0 when no file stands for it any more."""
    namespace: str | None = None
    """Network namespace when it is not the probe's own."""
    is_v6only: bool | None = None
    """Whether it excludes IPv4."""


@lru_cache(maxsize=4096)
def canonical(text: str) -> tuple[Family, str]:
    """Return family and canonical form of an address.

    An IPv4 address inside an IPv6 one (``::ffff:192.0.2.1``) is IPv4: that is what goes over the wire.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return Family.IP, str(address)
    mapped = address.ipv4_mapped
    if mapped is not None:
        return Family.IP, str(mapped)
    return Family.IP6, str(address)
