"""Read `ip addr`: every interface, what it is tied to, its addresses, and whether it is up."""

import ipaddress
from functools import lru_cache
from itertools import pairwise

from auditor.model.facts.network import Family, InterfaceAddress, Link
from auditor.model.record import replace

_SILENT = ("valid_lft", "alias", "altname", "vf")


@lru_cache(maxsize=1024)
def _address(text: str) -> tuple[Family, str, int]:
    """Return family, canonical address and prefix length; all hosts have loopback's, at least."""
    interface = ipaddress.ip_interface(text)
    family = Family.IP if isinstance(interface, ipaddress.IPv4Interface) else Family.IP6
    return family, str(interface.ip), interface.network.prefixlen


class AddressReader:
    """The interface that the lines below it belong to.

    With ``-d`` a line under that of the link-layer address begins with the kind of the interface.
    """

    def __init__(self, *, has_details: bool = False) -> None:
        """Begin before the first interface."""
        self.links: list[Link] = []
        self._has_details = has_details
        self._current: Link | None = None
        self._is_kind_next = False

    def read(self, line: str) -> InterfaceAddress | Link | None:
        """Read one line of ``ip addr``; ValueError when it is not of it."""
        if not line[0].isspace():
            self._current = None
            self._current = _head(line)
            return None
        words = line.split()
        is_kind, self._is_kind_next = self._is_kind_next, False
        if not words or words[0].startswith(_SILENT):
            self._is_kind_next = is_kind
            return None
        if self._current is not None and words[0].startswith("link/"):
            number = _after("link-netnsid", words)
            self._current = replace(
                self._current,
                peer_space=int(number) if number.isascii() and number.isdigit() else None,
                peer_space_name=_after("link-netns", words) or None,
            )
            self.links.append(self._current)
            self._is_kind_next = self._has_details
            return self._current
        if words[0] not in ("inet", "inet6") and is_kind and self._current is not None:
            self._current = self.links[-1] = replace(self._current, kind=words[0])
            return None
        if words[0] not in ("inet", "inet6") and self._has_details and self._current is not None:
            return None  # of the bridge or bond that it is a port of
        if words[0] not in ("inet", "inet6") or len(words) < len(("inet", "address")) or self._current is None:
            message = "not a line of ip addr, or no interface stands above it"
            raise ValueError(message)
        # `inet 10.8.0.1 peer 10.8.0.2/32`: the length belongs to the far end's network.
        text = words[1] if "/" in words[1] else words[1] + "/" + "".join(words[3:4]).partition("/")[2]
        family, address, prefix = _address(text.removesuffix("/"))
        return InterfaceAddress(
            interface=self._current.name,
            family=family,
            address=address,
            prefix=prefix,
            is_up=self._current.is_up,
        )


def _head(line: str) -> Link:
    """Read ``2: eth0@if5: <BROADCAST,UP> mtu 1500 qdisc noqueue master br0 …``."""
    index, _, rest = line.partition(": ")
    name, _, rest = rest.partition(": <")
    flags, close, rest = rest.partition(">")
    if not index.isascii() or not index.isdigit() or not name or not close:
        message = "not the head of an interface"
        raise ValueError(message)
    name, _, tied = name.partition("@")
    number = tied.removeprefix("if") if tied.startswith("if") else ""
    is_number = number.isascii() and number.isdigit()
    words = rest.split()
    return Link(
        name=name,
        index=int(index),
        is_up="UP" in flags.split(","),
        master=_after("master", words) or None,
        peer=int(number) if is_number else None,
        lower=tied if tied and not is_number and tied != "NONE" else None,
    )


def _after(key: str, words: list[str]) -> str:
    """Return the word that follows another; empty where there is none."""
    return next((after for word, after in pairwise(words) if word == key), "")
