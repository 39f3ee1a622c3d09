"""Read `ip route`, and the routing tables of /proc: every table, hop by hop."""

import ipaddress
from functools import lru_cache

from auditor.collect.network.proc_addresses import address_of
from auditor.model.facts.network import Family, Route

_KINDS = frozenset((
    "unicast", "local", "broadcast", "multicast", "throw", "unreachable", "prohibit", "blackhole", "nat", "anycast",
))  # fmt: skip
_DEFAULT = {Family.IP: "0.0.0.0/0", Family.IP6: "::/0"}
_KEPT_LENGTH = 256
"""Characters of a line that is remembered."""
_Said = tuple[Family, str, str, str]
"""Family, destination, kind and table of a route."""
_ROUTE_COLUMNS = 8
_IPV6_ROUTE_COLUMNS = 10
# include/uapi/linux/route.h and ipv6_route.h.
_REJECT = 0x200
_LOCAL = 0x8000_0000


def _after(words: list[str], key: str) -> str | None:
    """Return the word that follows a key."""
    at = words.index(key) + 1 if key in words else 0
    return words[at] if 0 < at < len(words) else None


def _gateway(words: list[str]) -> str | None:
    """Return the next hop; ``via inet6 fe80::1`` is one of IPv4 over IPv6."""
    word = _after(words, "via")
    if word in ("inet", "inet6"):
        word = _after(words, word)
    return None if word is None else str(ipaddress.ip_address(word))


@lru_cache(maxsize=1024)
def _network(text: str) -> str:
    """Return a destination in canonical form; hosts of one network share most."""
    return str(ipaddress.ip_network(text, strict=False))


def _family(destination: str, words: list[str]) -> Family:
    """Tell the family of a route: by its destination, else by what ip prints for one family only."""
    if destination != "default":
        return Family.IP6 if ":" in destination else Family.IP
    via = _after(words, "via")
    # ip prints a preference for every route of IPv6 and for no other.
    return Family.IP6 if "pref" in words or (via is not None and ":" in via) else Family.IP


class RouteReader:
    """The route that the hops below it belong to."""

    def __init__(self) -> None:
        """Begin before the first route."""
        self._route: _Said | None = None

    def read(self, line: str) -> Route | None:
        """Read one line of ``ip route``; None for the head of a route whose hops follow. ValueError when it is none."""
        if line[0].isspace():
            return self._hop(line.split())
        self._route, route, wrong = _head_before(line) if len(line) <= _KEPT_LENGTH else _head(line)
        if wrong is not None:
            raise ValueError(wrong)
        return route

    def _hop(self, words: list[str]) -> Route:
        if words[:1] != ["nexthop"] or self._route is None:
            message = "neither a route nor a hop of one"
            raise ValueError(message)
        if ":" in (_after(words, "via") or "") and self._route[1] == _DEFAULT[Family.IP] and "inet6" not in words:
            # Only its hops tell a default route of IPv6 from one of IPv4.
            self._route = (Family.IP6, _DEFAULT[Family.IP6], *self._route[2:])
        return _made(self._route, words)


def _head(line: str) -> tuple[_Said, Route | None, str | None]:
    """Read a line that begins a route: what holds for hops below it, the route where it has none, and what is wrong."""
    words = line.split()
    kind = words.pop(0) if words and words[0] in _KINDS else "unicast"
    if not words:
        message = "a route without a destination"
        raise ValueError(message)
    destination = words[0]
    family = _family(destination, words)
    network = _DEFAULT[family] if destination == "default" else _network(destination)
    said = (family, network, kind, _after(words, "table") or "main")
    if not {"via", "dev"} & set(words) and kind == "unicast":
        return said, None, None
    try:
        return said, _made(said, words), None
    except ValueError as error:
        return said, None, str(error)


_head_before = lru_cache(maxsize=512)(_head)
"""The same for short lines: hosts of one network have most of their routes in common."""


def _made(said: _Said, words: list[str]) -> Route:
    family, network, kind, table = said
    return Route(
        family=family,
        destination=network,
        gateway=_gateway(words),
        interface=_after(words, "dev"),
        kind=kind,
        table=table,
    )


def read_proc_route(line: str) -> list[Route]:
    """Read one line of /proc/net/route or /proc/net/ipv6_route, after the file's path."""
    path, _, rest = line.partition(":")
    words = rest.split()
    if path == "/proc/net/route" and words[:1] == ["Iface"]:
        return []
    if path == "/proc/net/route" and len(words) >= _ROUTE_COLUMNS:
        gateway = address_of(words[2])
        return [
            Route(
                family=Family.IP,
                destination=str(ipaddress.IPv4Network(f"{address_of(words[1])}/{address_of(words[7])}")),
                gateway=str(gateway) if int(gateway) else None,
                interface=words[0],
            )
        ]
    if path == "/proc/net/ipv6_route" and len(words) >= _IPV6_ROUTE_COLUMNS:
        network = ipaddress.IPv6Address(bytes.fromhex(words[0]))
        hop = ipaddress.IPv6Address(bytes.fromhex(words[4]))
        flags = int(words[8], 16)
        return [
            Route(
                family=Family.IP6,
                destination=str(ipaddress.IPv6Network(f"{network}/{int(words[1], 16)}")),
                gateway=str(hop) if int(hop) else None,
                interface=words[9],
                kind="unreachable" if flags & _REJECT else "local" if flags & _LOCAL else "unicast",
                table="local" if flags & _LOCAL else "main",
            )
        ]
    message = "not a line of a routing table in /proc"
    raise ValueError(message)
