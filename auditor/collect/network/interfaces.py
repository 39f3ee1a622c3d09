"""Interfaces of the probe's own network namespace: what they are tied to, their addresses, and every routing table."""

from dataclasses import dataclass, field

from auditor.collect.collector import Collector, lines_of, unread
from auditor.collect.network.addresses import AddressReader
from auditor.collect.network.proc_addresses import ADDRESS_FILES, read_proc
from auditor.collect.network.routes import RouteReader, read_proc_route
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.network import InterfaceAddress, Link, Route
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# One process for both questions: ip runs a batch of commands. Not `ip -o`: its one line an address does not say whether
# the interface is up. Without ip, /proc has nearly all of it: what is local, which network is behind which interface,
# the flags in /sys. busybox's ip knows no batch.
_QUICK = r"""
! have ip || return
[ -r /proc/net/fib_trie ] || { failed "ip is not installed, and /proc/net/fib_trie cannot be read"; return; }
partial "ip is not installed: /proc shows the main routing table of IPv4 only"
show_named /proc/net/fib_trie /proc/net/route /proc/net/if_inet6 /proc/net/ipv6_route /sys/class/net/*/flags
"""
_LINUX = r"""
printf 'addr show\nroute show table all\n' | ip -batch - 2>/dev/null ||
    { ip addr show && ip route show table all; } || failed "ip could not list addresses and routes"
"""
_ROUTE_FILES = ("/proc/net/route:", "/proc/net/ipv6_route:")

_Found = list[tuple[int, InterfaceAddress | Link | Route]]


@dataclass(slots=True)
class _Listing:
    """What ip says: addresses under their interfaces, then routes, which begin with neither a number nor a space."""

    addresses: AddressReader = field(default_factory=AddressReader)
    routes: RouteReader = field(default_factory=RouteReader)
    in_routes: bool = False

    def read(self, line: str) -> InterfaceAddress | Link | Route | None:
        """Read one line of either; ValueError when it is of none."""
        index, colon, _ = line.partition(": ")
        if not self.in_routes:
            self.in_routes = not line[0].isspace() and not (colon and index.isdigit())
        return self.routes.read(line) if self.in_routes else self.addresses.read(line)


def _read_files(text: str) -> Parsed:
    """Read the files of /proc and /sys, each line after its file's path."""
    lines = lines_of(text)
    addresses = read_proc("\n".join(line if line.startswith(ADDRESS_FILES) else "" for line in lines))
    facts: _Found = list(addresses.facts)
    strange = list(addresses.unread)
    for number, line in enumerate(lines, 1):
        try:
            if line.startswith(_ROUTE_FILES):
                facts.extend((number, route) for route in read_proc_route(line))
            elif line and not line.startswith(ADDRESS_FILES):
                strange.append(unread(number, line, "not a line of a file that was asked for"))
        except ValueError as error:
            strange.append(unread(number, line, error))
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=addresses.partial)


def _parse(text: str) -> Parsed:
    """Read one address or route a line, from ``ip`` or from the files of /proc."""
    if text.startswith("/"):
        return _read_files(text)
    listing = _Listing()
    facts: _Found = []
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            fact = listing.read(line)
        except ValueError as error:
            strange.append(unread(number, line, error))
        else:
            if fact is not None:
                facts.append((number, fact))
    has_address = any(isinstance(fact, InterfaceAddress) for _, fact in facts)
    missing = None if has_address or strange else "no address is listed, not even the loopback's"
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=missing)


PLUGIN = Collector(
    id="network.interfaces",
    facts=(InterfaceAddress, Link, Route),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _LINUX},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Install iproute2 on the host.",
    holds_secrets=False,
)
