"""What is said of an address outside, and of which addresses anything may be asked."""

import ipaddress
from collections.abc import Iterable

from auditor.model.record import Record

TEXT_LENGTH = 200
"""Characters that any text of an answer is cut to: hostile text."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Registered(Record, kw_only=True):
    """Who a network is registered for, by a file or by RDAP. All texts are hostile."""

    network: str
    """The network: in CIDR form, else its first and last address with a dash between them."""
    first: Address
    """Its first address."""
    last: Address
    """Its last address."""
    organisation: str = ""
    """Who it is registered for; empty where that is not said."""
    country: str = ""
    """Two letters; empty where that is not said."""
    source: str
    """Who says so: the name of a file, or the host of a server."""

    def holds(self, address: Address) -> bool:
        """Tell whether an address is in it."""
        return self.first.version == address.version and int(self.first) <= int(address) <= int(self.last)


class FarEnd(Record, kw_only=True):
    """What is said of one address."""

    address: str
    """The address."""
    name: str = ""
    """Name by reverse DNS: the word of whoever has the network. Hostile text."""
    registered: Registered | None = None
    """Who its network is registered for; None where nobody said."""
    problem: str = ""
    """Why not all that was asked is known; empty where it is."""


def asked_about(text: str, trusted: Iterable[str]) -> Address | None:
    """Return an address that others may be asked about; None for one that stays here.

    Never asked about are private, shared, link-local, loopback, multicast and reserved addresses, and those of the
    networks that the policy trusts.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # What is carried within: 6to4 and the like hold an address of IPv4 that may be our own.
        carried = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None or (carried is not None and not carried.is_global):
            return None
        address = address.ipv4_mapped or address
    if not address.is_global or address.is_multicast:
        return None
    networks = [ipaddress.ip_network(one) for one in trusted]
    is_ours = any(network.version == address.version and address in network for network in networks)
    return None if is_ours else address
