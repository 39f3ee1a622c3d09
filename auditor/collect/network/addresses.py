"""Addresses of every network interface of the probe's own network namespace."""

import ipaddress

from auditor.collect.collector import Collector, lines_of, unread
from auditor.collect.network.proc_addresses import read_proc
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.network import Family, InterfaceAddress
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Not `ip -o`: its one line an address does not say whether the interface is up.
# Without ip, /proc has all of it: what is local, which network is behind which interface, the flags in /sys.
_LINUX = r"""
if have ip; then
    ip addr show || failed "ip could not list the addresses"
    exit 0
fi
need grep
[ -r /proc/net/fib_trie ] || failed "ip is not installed, and /proc/net/fib_trie cannot be read"
grep -Hs '' /proc/net/fib_trie /proc/net/route /proc/net/if_inet6 /sys/class/net/*/flags || :
"""
_SILENT = ("link/", "valid_lft", "alias", "altname", "vf")


class _Reader:
    """The interface that the lines below it belong to."""

    def __init__(self) -> None:
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
        interface = ipaddress.ip_interface(text.removesuffix("/"))
        return InterfaceAddress(
            interface=self.interface,
            family=Family.IP if isinstance(interface, ipaddress.IPv4Interface) else Family.IP6,
            address=str(interface.ip),
            prefix=interface.network.prefixlen,
            is_up=self.is_up,
        )

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


def _parse(text: str) -> Parsed:
    """Read one address a line, from ``ip addr`` or from the files of /proc."""
    if text.startswith("/"):
        return read_proc(text)
    reader = _Reader()
    facts: list[tuple[int, InterfaceAddress]] = []
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            fact = reader.read(line)
        except ValueError as error:
            strange.append(unread(number, line, error))
        else:
            if fact is not None:
                facts.append((number, fact))
    missing = None if text.strip() else "no interface is listed, not even the loopback"
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=missing)


PLUGIN = Collector(
    id="network.addresses",
    facts=(InterfaceAddress,),
    scripts={OsFamily.LINUX: _LINUX},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Install iproute2 on the host.",
    holds_secrets=False,
)
