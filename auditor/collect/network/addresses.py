"""Read `ip addr`: the addresses of every interface, and whether it is up."""

import ipaddress
from functools import lru_cache

from auditor.model.facts.network import Family, InterfaceAddress

_SILENT = ("link/", "valid_lft", "alias", "altname", "vf")


@lru_cache(maxsize=1024)
def _address(text: str) -> tuple[Family, str, int]:
    """Return family, canonical address and prefix length; all hosts have loopback's, at least."""
    interface = ipaddress.ip_interface(text)
    family = Family.IP if isinstance(interface, ipaddress.IPv4Interface) else Family.IP6
    return family, str(interface.ip), interface.network.prefixlen


class AddressReader:
    """The interface that the lines below it belong to."""

    def __init__(self) -> None:
        """Begin before the first interface."""
        self.interface = ""
        self.is_up = False

    def read(self, line: str) -> InterfaceAddress | None:
        """Read one line of ``ip addr``; ValueError when it is not of it."""
        if not line[0].isspace():
            self._head(line)
            return None
        words = line.split()
        if not words or words[0].startswith(_SILENT):
            return None
        if words[0] not in ("inet", "inet6") or len(words) < len(("inet", "address")) or not self.interface:
            message = "not a line of ip addr, or no interface stands above it"
            raise ValueError(message)
        # `inet 10.8.0.1 peer 10.8.0.2/32`: the length belongs to the far end's network.
        text = words[1] if "/" in words[1] else words[1] + "/" + "".join(words[3:4]).partition("/")[2]
        family, address, prefix = _address(text.removesuffix("/"))
        return InterfaceAddress(
            interface=self.interface, family=family, address=address, prefix=prefix, is_up=self.is_up
        )  # fmt: skip

    def _head(self, line: str) -> None:
        """Read ``2: eth0@if5: <BROADCAST,UP> mtu 1500 …``."""
        index, _, rest = line.partition(": ")
        name, _, rest = rest.partition(": <")
        flags, close, _ = rest.partition(">")
        if not index.isdigit() or not name or not close:
            self.interface = ""
            message = "not the head of an interface"
            raise ValueError(message)
        self.interface = name.partition("@")[0]
        self.is_up = "UP" in flags.split(",")
