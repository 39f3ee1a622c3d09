"""A ruleset and the packets that try it, from a seed."""

import ipaddress
import re
from dataclasses import dataclass, replace

from tests.firewall.kernel.dice import CONTAINERS, INTERFACES, OWN, SOURCES, Dice
from tests.firewall.kernel.frames import Packet, datagram
from tests.firewall.kernel.iptables_words import Saved, set_lines
from tests.firewall.kernel.nft_tables import Tables
from tests.firewall.kernel.script import Part, Script
from tests.firewall.kernel.shapes import SHAPES
from tests.firewall.kernel.spaces import leaves_by

_SYN = ["syn"]
_FLAGS: tuple[list[str], ...] = (
    _SYN, _SYN, _SYN, _SYN, _SYN, ["ack"], ["syn", "ack"], ["fin"], ["rst"], [], ["fin", "psh", "urg"], ["syn", "fin"],
)  # fmt: skip
# Networks of the host's own interfaces and routes: where there is a router, these are anycast addresses of it.
_ANYCAST = {"2001:db8:1::", "2001:db8:2::", "fd00:99::", "fd00:17::", "2001:db8:f::", "2600::", "fe80::"}
_BROADCASTS = {
    "192.0.2.255", "192.0.2.0", "10.20.255.255", "10.20.0.0", "10.99.0.0", "10.99.0.255", "172.17.255.255",
    "172.17.0.0",
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.:])(\d{1,5})(?![\w.:/])")
_FIRST_PORT = 20000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One ruleset and its packets."""

    name: str
    """How it was made: kind and seed."""
    script: Script
    """What is loaded."""
    packets: list[Packet]
    """What is sent."""


def make_case(seed: str, packets: int = 12) -> Case:
    """Return the case of a seed: the same for ever."""
    dice = Dice(seed)
    kind, script = _script(dice)
    return Case(name=f"{kind}-{seed}", script=script, packets=Packets(dice, script).make(packets))


def _script(dice: Dice) -> tuple[str, Script]:
    kind = dice.weighted(((9, "nft"), (8, "iptables"), (4, "mixed"), (4, "shape")))
    may_doubt = dice.chance(0.12)
    if kind == "shape":
        shape = dice.pick(SHAPES)
        return shape.__name__, shape(dice)
    parts: dict[Part, tuple[str, ...]] = {}
    if kind in ("nft", "mixed"):
        parts["nft"] = Tables(dice, may_doubt=may_doubt).lines()
    if kind in ("iptables", "mixed"):
        parts |= _iptables(dice, may_doubt=may_doubt)
    script = Script(
        form={"nft": "nft-json", "iptables": "iptables-save", "mixed": "mixed"}[kind],  # type: ignore[arg-type]
        parts=parts,
        backend=dice.pick(("legacy", "legacy", "nft")),
        ip_forward=dice.chance(0.35),
        limit_like=may_doubt,
    )
    if dice.chance(0.06):
        script = replace(script, sysctl={"route_localnet": 0})
    return kind, script


def _iptables(dice: Dice, *, may_doubt: bool) -> dict[Part, tuple[str, ...]]:
    made: dict[Part, tuple[str, ...]] = {}
    names: set[str] = set()
    families: tuple[Part, ...] = dice.weighted(((4, ("ip",)), (5, ("ip", "ip6")), (1, ("ip6",))))
    for family in families:
        saved = Saved(dice, family, may_doubt=may_doubt, has_sets=dice.chance(0.4))
        made[family] = saved.lines()
        names |= saved.sets
    if names:
        made["ipset"] = set_lines(dice, names)
    return made


class Packets:
    """Makes packets for a script: half of them aim at what its rules speak of."""

    def __init__(self, dice: Dice, script: Script) -> None:
        self._dice, self._script = dice, script
        text = script.text()
        ports = {int(found) for found in _NUMBER.findall(text)} & set(range(1, 65536))
        self._ports = sorted(
            {near for port in ports for near in (port - 1, port, port, port + 1)} & set(range(1, 65536))
        ) or [22]
        self._sources = {family: _edges(text, family) for family in ("ip", "ip6")}
        self._next = _FIRST_PORT
        self._portless: set[frozenset[str]] = set()

    def make(self, count: int) -> list[Packet]:
        """Return so many packets, no two of one connection."""
        return [self._packet() for _ in range(count)]

    def _unused(self) -> int:
        self._next += 1
        return self._next

    def _packet(self) -> Packet:
        dice = self._dice
        direction = dice.pick(("in", "in", "in", "out"))
        family = dice.pick(("ip", "ip", "ip6"))
        name = dice.pick(("eth0", "eth0", "eth0", "eth1", "wg0", "docker0", "lo"))
        own = OWN[family]
        if name == "lo":
            ends = (dice.pick(tuple(own.values())), dice.pick(tuple(own.values())))
        else:
            far = dice.pick(self._sources[family] if dice.chance(0.6) else _far(family))
            if far.startswith("fe80") and self._script.ip_forward:
                far = "2a00::1"  # a router does not forward what is of one link
            near = dice.pick([own[each] for each in INTERFACES if each != "lo"])
            if direction == "in" and self._script.ip_forward and dice.chance(0.15):
                near = dice.pick(CONTAINERS[family])
            if direction == "out" and far.startswith("fe80"):
                far = "2a00::1"  # it would need an interface to go to
            ends = (far, near) if direction == "in" else (near, far)
            name = name if direction == "in" else leaves_by(far)
        packet: Packet = {"direction": direction, "iface": name, "family": family, "src": ends[0], "dst": ends[1]}
        packet |= self._content(packet)
        if dice.chance(0.9):  # what a question leaves out, the evaluator cannot know
            packet["length"] = len(datagram(packet, 0))
        return packet

    def _content(self, packet: Packet) -> Packet:
        dice = self._dice
        known = "tcp" if dice.chance(0.6) else dice.pick(("udp", "udp", "icmp", "icmp", "gre", "esp"))
        if known in ("gre", "esp"):
            ends = frozenset((known, packet["src"], packet["dst"]))
            if ends in self._portless:  # it would be of the same connection
                known = "udp"
            self._portless.add(ends)
        more: Packet = {"proto": known, "ttl": dice.pick((64, 64, 64, 5, 255))}
        if dice.chance(0.1):
            more["length"] = dice.pick((100, 101, 1400))
        if known in ("tcp", "udp"):
            more |= {"sport": self._unused(), "dport": dice.pick(self._ports) if dice.chance(0.8) else dice.port()}
            if known == "tcp":
                more["tcp_flags"] = dice.pick(_FLAGS)
            if dice.chance(0.15):
                more |= {"ct_state": "established", "ct_direction": dice.pick(("original", "reply"))}
                more |= {"tcp_flags": ["ack"]} if known == "tcp" else {}
        elif known == "icmp":
            more |= self._icmp(packet)
        return more

    def _icmp(self, packet: Packet) -> Packet:
        dice = self._dice
        asks, answers, error, codes = (8, 0, 3, (1, 3, 4)) if packet["family"] == "ip" else (128, 129, 1, (1, 3, 4))
        made: Packet = {
            "proto": "icmp" if packet["family"] == "ip" else "icmpv6",
            "icmp_code": 0,
            "icmp_id": self._unused(),
        }
        if dice.chance(0.25):
            quoted = {
                "src": packet["dst"],
                "dst": packet["src"],
                "proto": dice.pick(("tcp", "udp")),
                "sport": self._unused(),
                "dport": dice.port(),
            }
            return {**made, "icmp_type": error, "icmp_code": dice.pick(codes), "related_to": quoted}
        if dice.chance(0.2):
            is_reply = dice.chance(0.5)
            return {
                **made,
                "icmp_type": answers if is_reply else asks,
                "ct_state": "established",
                "ct_direction": "reply" if is_reply else "original",
            }
        return {**made, "icmp_type": dice.pick((asks, asks, asks, answers))}


def _far(family: str) -> tuple[str, ...]:
    return tuple(one for one in SOURCES[family] if can_come(ipaddress.ip_address(one)))


_ADDRESS = {
    "ip": re.compile(r"\d+\.\d+\.\d+\.\d+(?:/\d+)?(?:-\d+\.\d+\.\d+\.\d+)?"),
    "ip6": re.compile(r"(?:[0-9a-f]{1,4}::?)+[0-9a-f:]*(?:/\d+)?"),
}


def _edges(text: str, family: str) -> tuple[str, ...]:
    """Return the first and last addresses of every network of a ruleset, and those just outside."""
    made: set[str] = set(_far(family))
    kind = ipaddress.IPv4Address if family == "ip" else ipaddress.IPv6Address
    for found in _ADDRESS[family].findall(text):
        try:
            if "-" in found:
                first, last = (int(kind(half)) for half in found.split("-"))
            else:
                network = ipaddress.ip_network(found, strict=False)
                first, last = int(network.network_address), int(network.broadcast_address)
        except ValueError:
            continue
        made |= {
            str(kind(near))
            for near in (first - 1, first, last, last + 1)
            if 0 <= near < 2 ** (32 if family == "ip" else 128)
        }
    return tuple(sorted(one for one in made if can_come(kind(one))))


def can_come(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether the kernel lets an address be the far end at all, without any rule."""
    own = {one for family in OWN.values() for one in family.values()}
    odd = address.is_multicast or address.is_loopback or address.is_unspecified
    if address.version == 4:
        odd = odd or address.packed[0] in (0, 127) or address.packed[0] >= 224 or str(address) in _BROADCASTS
    return not odd and str(address) not in own | _ANYCAST
