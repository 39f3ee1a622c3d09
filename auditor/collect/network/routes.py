"""Every routing table of the probe's own network namespace."""

import ipaddress

from auditor.collect.collector import Collector, lines_of, unread
from auditor.collect.network.proc_addresses import address_of
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.network import Family, Route
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# One call lists both families. -o keeps the hops of a multipath route on its line, parted by a backslash.
_LINUX = r"""
if have ip; then
    ip -o route show table all || failed "ip could not list the routes"
    exit 0
fi
need grep
[ -r /proc/net/route ] || failed "ip is not installed, and /proc/net/route cannot be read"
partial "ip is not installed: /proc shows the main table of IPv4 only"
grep -Hs '' /proc/net/route /proc/net/ipv6_route || :
"""

_KINDS = frozenset((
    "unicast", "local", "broadcast", "multicast", "throw", "unreachable", "prohibit", "blackhole", "nat", "anycast",
))  # fmt: skip
_DEFAULT = {Family.IP: "0.0.0.0/0", Family.IP6: "::/0"}
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


def _family(destination: str, words: list[str]) -> Family:
    """Tell the family of a route: by its destination, else by what ip prints for one family only."""
    if destination != "default":
        return Family.IP6 if ":" in destination else Family.IP
    via = _after(words, "via")
    # ip prints a preference for every route of IPv6 and for no other.
    return Family.IP6 if "pref" in words or (via is not None and ":" in via) else Family.IP


def _read_ip(line: str) -> list[Route]:
    """Read one line of ``ip -o route``: several routes where it has several hops."""
    head, *hops = line.split("\\")
    words = head.split()
    kind = words.pop(0) if words and words[0] in _KINDS else "unicast"
    if not words:
        message = "a route without a destination"
        raise ValueError(message)
    destination = words[0]
    family = _family(destination, words)
    network = _DEFAULT[family] if destination == "default" else str(ipaddress.ip_network(destination, strict=False))
    ways = [hop.split() for hop in hops if hop.split()[:1] == ["nexthop"]] or [words]
    return [
        Route(
            family=family,
            destination=network,
            gateway=_gateway(way),
            interface=_after(way, "dev"),
            kind=kind,
            table=_after(words, "table") or "main",
        )
        for way in ways
    ]


def _read_proc(line: str) -> list[Route]:
    """Read one line of /proc/net/route or /proc/net/ipv6_route, as ``grep -H`` prints it."""
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


def _parse(text: str) -> Parsed:
    """Read the routes of each line, from ``ip route`` or from the files of /proc."""
    read = _read_proc if text.startswith("/") else _read_ip
    facts: list[tuple[int, Route]] = []
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            facts.extend((number, route) for route in read(line))
        except ValueError as error:
            strange.append(unread(number, line, error))
    return Parsed(facts=tuple(facts), unread=tuple(strange))


PLUGIN = Collector(
    id="network.routes",
    facts=(Route,),
    scripts={OsFamily.LINUX: _LINUX},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Install iproute2 on the host.",
    holds_secrets=False,
)
