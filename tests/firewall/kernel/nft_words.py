"""Matches and statements of nft rules, as people and as adversaries write them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.firewall.kernel.dice import CONTAINERS, INTERFACES, MARKS, RANGES, STATES, Dice

_REJECTS = {
    "ip": ("reject", "reject with icmp type host-prohibited", "reject with icmp type admin-prohibited"),
    "ip6": ("reject", "reject with icmpv6 type no-route", "reject with icmpv6 type admin-prohibited"),
    "inet": ("reject", "reject with icmpx type admin-prohibited", "reject with icmpx type no-route", "reject with icmp type host-prohibited", "reject with icmpv6 type no-route"),
}  # fmt: skip
_FLAGS = (
    "tcp flags syn", "tcp flags & (fin|syn|rst|ack) == syn", "tcp flags & (syn|ack) == syn|ack", "tcp flags != syn",
    "tcp flags { syn, syn|ack }", "tcp flags & (fin|rst) == 0x0", "tcp flags & (fin|syn|rst|psh|ack|urg) == 0x0",
    "tcp flags ack", "tcp flags & syn != 0", "tcp flags syn,ack", "tcp flags == syn|ack", "tcp flags & (fin|syn) == fin|syn",
)  # fmt: skip
_STATES = (
    "ct state != established,related", "ct state != { established, related }", "ct state ! established,related",
    "ct state { established, related }", "ct state == established | related", "ct state != new", "ct state & new == new",
)  # fmt: skip
_TYPES = ("local", "unicast", "multicast", "broadcast")
_LIMIT_LIKE = (
    "limit rate 1/hour", "limit rate over 2/minute burst 1 packets", "numgen random mod 2 == 0", "meta hour 08:00-18:00",
    "quota over 40 bytes", "meta skuid 0", "ct count over 1", "jhash ip saddr mod 2 == 1", "socket transparent 1",
)  # fmt: skip
_ODD = (
    "tcp option maxseg exists", "tcp option maxseg missing", "meta pkttype host", "meta pkttype != unicast",
    "exthdr hbh exists", "ip frag-off & 0x1fff != 0", "ip version 4", "meta protocol ip", "meta protocol { ip, ip6 }",
    "meta iiftype ether", "meta iiftype loopback", "meta cpu 0-63", "ip hdrlength 5", "ip id 7", "udp length 1-100",
    "ether saddr 02:00:00:00:00:01", "frag id 33", "ip6 flowlabel 0", "tcp doff 5", "th sport 1024-65535", "meta iif 2", "iifgroup default",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Place:
    """Where in a ruleset a rule stands."""

    family: str
    """Family of the table."""
    hook: str = ""
    """Hook of the base chain; empty in a chain that several may call."""
    chains: tuple[str, ...] = ()
    """Chains that may be called from here."""
    sets: dict[str, list[str]] = field(default_factory=dict)
    """Names of sets, by their type."""
    is_nat: bool = False
    """Whether addresses may be translated here."""
    may_doubt: bool = False
    """Whether a rule may look at what no listing tells."""


_HEADERS = re.compile(r"(?<!from )\b(tcp|udp|icmp|icmpv6|ip|ip6) (?=[a-z])")
_LAYER = {"ip": 3, "ip6": 3}


def _fitting(parts: list[str], more: str) -> list[str]:
    """Return one more part, or none where no packet can have the headers of all (nft refuses that)."""
    before, now = set(_HEADERS.findall(" ".join(parts))), set(_HEADERS.findall(more))
    before |= {{"icmp": "ip", "icmpv6": "ip6"}[word] for word in before & {"icmp", "icmpv6"}}
    now |= {{"icmp": "ip", "icmpv6": "ip6"}[word] for word in now & {"icmp", "icmpv6"}}
    for layer in (3, 4):
        kinds = {word for word in before | now if _LAYER.get(word, 4) == layer}
        if len(kinds) > 1:
            return []
    return [more]


class Rules:
    """Writes rules for one place."""

    def __init__(self, dice: Dice, place: Place) -> None:
        self._dice, self._place = dice, place
        self._family = place.family if place.family in ("ip", "ip6") else dice.pick(("ip", "ip", "ip6"))

    def rule(self) -> str:
        """Write one rule."""
        dice = self._dice
        parts: list[str] = []
        for _ in range(dice.weighted(((2, 0), (12, 1), (8, 2), (2, 3)))):
            parts += _fitting(parts, self.match())
        if dice.chance(0.06):
            parts.append("counter")
        parts += _fitting(parts, self.end()) or ["drop"]
        if dice.chance(0.05):
            parts.append('comment "-j DROP 5900; accept"')
        return " ".join(part for part in parts if part)

    # ---- matches

    def match(self) -> str:
        """Write one condition."""
        table: list[tuple[int, Callable[[], str]]] = [
            (10, self._address), (14, self._port), (3, self._protocol), (5, self._interface), (8, self._state),
            (3, self._mark), (3, self._flags), (3, self._icmp), (4, self._sizes), (3, self._local), (6, self._pairs),
            (5, self._named), (2, lambda: self._dice.pick(_ODD)),
        ]  # fmt: skip
        if self._place.may_doubt:
            table.append((6, lambda: self._dice.pick(_LIMIT_LIKE)))
        return self._dice.call(table)

    def _address(self) -> str:
        dice, family = self._dice, self._family
        side = dice.pick(("saddr", "saddr", "daddr"))
        pool = dice.own(family) if side == "daddr" and dice.chance(0.7) else dice.network(family)
        value = dice.weighted((
            (5, pool), (2, f"!= {pool}"), (2, dice.pick(RANGES[family])), (1, f"!= {dice.pick(RANGES[family])}"),
            (3, self._bag([dice.network(family), dice.pick(RANGES[family]), dice.network(family)])),
            (1, "!= " + self._bag([dice.network(family), dice.network(family)])),
            (1, f">= {pool.partition('/')[0]}"), (1, f"< {pool.partition('/')[0]}"),
        ))  # fmt: skip
        if dice.chance(0.05) and family == "ip":
            value = dice.pick(("& 255.255.255.0 == 203.0.113.0", "& 0.0.0.1 == 0.0.0.1", "& 255.0.0.0 != 10.0.0.0"))
        return f"{family} {side} {value}"

    def _bag(self, values: list[str]) -> str:
        return "{ " + ", ".join(dict.fromkeys(values)) + " }"

    def _port(self) -> str:
        dice = self._dice
        head = dice.weighted(((8, "tcp dport"), (3, "udp dport"), (1, "tcp sport"), (1, "udp sport"), (2, "meta l4proto { tcp, udp } th dport"), (1, "th dport")))  # fmt: skip
        value = dice.weighted((
            (5, dice.ports()), (2, f"!= {dice.ports()}"), (4, self._bag([dice.ports() for _ in range(dice.number(1, 4))])),
            (1, "!= " + self._bag([str(dice.port()), str(dice.port())])), (1, f">= {dice.port()}"), (1, f"< {dice.port()}"),
            (1, "5900-5906"),
        ))  # fmt: skip
        return f"{head} {value}"

    def _protocol(self) -> str:
        dice = self._dice
        return dice.weighted((
            (4, f"meta l4proto {dice.pick(('tcp', 'udp', 'icmp', 'ipv6-icmp', 'gre', '50', '132'))}"),
            (2, f"meta l4proto != {dice.pick(('tcp', 'udp', 'icmp'))}"), (2, "meta l4proto { icmp, ipv6-icmp }"),
            (2, f"meta nfproto {dice.pick(('ipv4', 'ipv6'))}" if self._place.family == "inet" else "meta l4proto 17"),
            (2, f"ip protocol {dice.pick(('tcp', 'udp', '!= tcp'))}" if self._family == "ip" else f"ip6 nexthdr {dice.pick(('tcp', 'udp', 'ipv6-icmp', '!= tcp'))}"),
        ))  # fmt: skip

    def _interface(self) -> str:
        dice, hook = self._dice, self._place.hook
        sides = {"output": ("o",), "postrouting": ("o", "o", "i"), "forward": ("i", "o"), "egress": ("o",)}
        side = dice.pick(sides.get(hook, ("i", "i", "i", "i", "i", "o")))
        name = dice.pick(INTERFACES)
        return dice.weighted((
            (4, f'{side}ifname "{name}"'), (3, f'{side}if "{name}"'), (3, f'{side}ifname != "{name}"'), (2, f'{side}if != "lo"'),
            (2, f'{side}ifname "eth*"'), (2, f'{side}ifname {{ "eth0", "wg0" }}'), (1, f'{side}ifname != {{ "lo", "eth1" }}'),
            (1, f'{side}ifname "ppp0"'), (1, f'{side}ifname {{ "eth*", "lo" }}'),
        ))  # fmt: skip

    def _state(self) -> str:
        dice = self._dice
        if self._place.family == "netdev":  # before connections are known
            return self._port()
        return dice.weighted((
            (6, f"ct state {dice.pick(STATES)}"), (3, dice.pick(_STATES)), (1, f"ct direction {dice.pick(('original', 'reply'))}"),
            (1, f"ct status {dice.pick(('dnat', 'snat', 'assured', 'seen-reply', 'confirmed', '!= dnat', '& dnat == dnat', 'dnat,snat'))}"),
            (1, f"ct mark {dice.pick(('0x1', '!= 0', '& 0xf == 0x1'))}"),
            (1, f"ct original {dice.pick(('ip saddr 203.0.113.0/24', 'ip daddr 192.0.2.10', 'proto-dst 5901'))}"),
        ))  # fmt: skip

    def _mark(self) -> str:
        dice, mark = self._dice, self._dice.pick(MARKS)
        return f"meta mark {dice.pick((f'{mark}', f'!= {mark}', f'and {mark} == {mark}', f'& {mark} != 0', '{ 1, 2, 0x10 }', '1-3', '0'))}"  # fmt: skip

    def _flags(self) -> str:
        return self._dice.pick(_FLAGS)

    def _icmp(self) -> str:
        return self._dice.pick((
            "icmp type echo-request", "icmpv6 type echo-request", "icmp type { echo-request, destination-unreachable }",
            "icmpv6 type { nd-neighbor-solicit, echo-reply, 1 }", "icmp type != echo-reply", "icmp code 0", "icmpv6 code 1-4",
            "icmp type destination-unreachable icmp code 4", "icmpv6 type >= 128", "icmp type . icmp code { 3 . 4, 8 . 0 }",
        ))  # fmt: skip

    def _sizes(self) -> str:
        return self._dice.pick((
            "ip ttl 64", "ip ttl < 10", "ip ttl { 1-5, 64 }", "ip6 hoplimit 255", "ip6 hoplimit != 64", "meta length > 100",
            "meta length 40-60", "meta length < 49", "ip length > 100", "ip length 49-1500", "ip6 length < 60", "ip dscp cs1",
            "ip dscp != cs0", "ip6 dscp { cs0, cs1 }",
        ))  # fmt: skip

    def _local(self) -> str:
        dice = self._dice
        if self._place.hook in ("postrouting", "ingress", "egress"):  # routes cannot be asked there
            return self._address()
        kind = dice.pick(_TYPES)
        return dice.weighted((
            (4, f"fib daddr type {kind}"), (2, f"fib daddr type != {kind}"), (2, f"fib saddr type {kind}"),
            (1, "fib daddr type { local, broadcast }"), (1, "fib saddr type != local"), (1, "fib saddr . iif oif missing"),
            (1, "fib daddr . iif type local"), (1, "fib saddr oif exists"),
        ))  # fmt: skip

    def _pairs(self) -> str:
        dice, family = self._dice, self._family
        network, port = dice.network(family), dice.port
        return dice.weighted((
            (3, f"{family} saddr . tcp dport {{ {dice.network(family)} . {port()}, {network} . 5900-5906 }}"),
            (1, f"{family} saddr . tcp dport != {{ {network} . {port()} }}"),
            (2, f'iifname . tcp dport {{ "eth0" . {port()}, "eth1" . {dice.ports()} }}'),
            (2, f"meta l4proto . th dport {{ tcp . {port()}, udp . {dice.ports()} }}"),
            (1, f"{family} saddr . {family} daddr . udp dport {{ {network} . {dice.own(family)} . {port()} }}"),
            (1, f"ct state . tcp dport {{ new . {port()}, established . 1-65535 }}"),
        ))  # fmt: skip

    def _named(self) -> str:
        dice, sets = self._dice, self._place.sets
        known = [
            (kind, name) for kind, names in sets.items() for name in names if kind != "ip6" or self._family == "ip6"
        ]
        if not known:
            return self._port()
        kind, name = dice.pick(known)
        no = dice.pick(("", "", "", "!= "))
        return {
            "ip": f"ip saddr {no}@{name}", "ip6": f"ip6 saddr {no}@{name}", "port": f"{dice.pick(('tcp', 'udp'))} dport {no}@{name}",
            "pair": f"ip saddr . tcp dport {no}@{name}", "name": f"iifname {no}@{name}", "mark": f"meta mark {no}@{name}",
        }[kind]  # fmt: skip

    # ---- ends

    def end(self) -> str:
        """Write what is done in the end."""
        dice, place = self._dice, self._place
        if place.is_nat and dice.chance(0.75):
            return self._translate()
        may_reject = (
            place.family in _REJECTS
            and place.hook in ("", "input", "forward", "output", "prerouting")
            and not place.is_nat
        )
        table: list[tuple[int, Callable[[], str]]] = [
            (14, lambda: "accept"), (14, lambda: "drop"), (3, lambda: "return"), (1, lambda: "continue"), (2, lambda: ""),
            (6, self._effect), (3, self._map),
        ]  # fmt: skip
        if may_reject:
            table.append((6, lambda: dice.pick((*_REJECTS[place.family], "meta l4proto tcp reject with tcp reset"))))
        if place.chains:
            table += [(9, lambda: f"jump {dice.pick(place.chains)}"), (3, lambda: f"goto {dice.pick(place.chains)}")]
        return dice.call(table)

    def _effect(self) -> str:
        dice, mark = self._dice, self._dice.pick(MARKS)
        return dice.weighted((
            (4, f"meta mark set {mark}"), (1, f"meta mark set {mark} accept"), (1, f"meta mark set meta mark or {mark}"),
            (1, f"meta mark set meta mark and {mark}"), (1, f"meta mark set meta mark xor {mark}"), (1, "ct mark set meta mark"),
            (1, "meta mark set ct mark"), (1, f"ct mark set {mark}"), (1, "counter"), (1, 'log prefix "reject "'),
            (1, "meta mark set tcp dport map { 22 : 1, 5900-5906 : 2 }"),
            (2 if self._place.hook in ("prerouting", "output") and not self._place.is_nat else 0, "notrack"),
        ))  # fmt: skip

    def _map(self) -> str:
        dice, family, chains = self._dice, self._family, self._place.chains
        deeds = [*("accept", "drop", "continue", "return", "accept", "drop"), *(f"jump {name}" for name in chains), *(f"goto {name}" for name in chains[:1])]  # fmt: skip
        one, two, three = dice.pick(deeds), dice.pick(deeds), dice.pick(deeds)
        network, port = dice.network(family), dice.port()
        return dice.weighted((
            (4, f"tcp dport vmap {{ {min(port, 5999)} : {one}, 6000-7100 : {two}, 8000-8100 : {three} }}"),
            (3, f"{family} saddr vmap {{ {network} : {one} }}"),
            (2, f"ct state vmap {{ established : {one}, related : {two}, new : {three}, invalid : drop }}"),
            (2, f'iifname vmap {{ "lo" : {one}, "eth0" : {two}, "eth1" : {three} }}'),
            (1, f"meta l4proto vmap {{ tcp : {one}, udp : {two}, icmp : {three} }}"),
            (1, f"{family} saddr . tcp dport vmap {{ {network} . {port} : {one} }}"),
            (int(self._place.family == "inet"), f"meta nfproto vmap {{ ipv4 : {one}, ipv6 : {two} }}"), (1, f"meta mark vmap {{ 1 : {one}, 2 : {two} }}"),
        ))  # fmt: skip

    def _translate(self) -> str:
        dice, hook, family = self._dice, self._place.hook, self._family
        name = "" if self._place.family in ("ip", "ip6") else f"{family} "
        limited = f"meta nfproto {'ipv4' if family == 'ip' else 'ipv6'} " if name else ""
        left, right = ("[", "]") if family == "ip6" else ("", "")
        if hook in ("postrouting", "input"):
            return dice.pick((f"{limited}masquerade", f"{limited}snat {name}to {dice.own(family)}", "accept")) if hook == "postrouting" else "accept"  # fmt: skip
        container = dice.pick(CONTAINERS[family])
        own, port = dice.own(family), dice.port()
        proto = dice.pick(("tcp", "udp"))
        return dice.weighted((
            (3, f"{limited}{proto} dport {port} dnat {name}to {left}{container}{right}:{dice.port()}"),
            (2, f"{limited}{proto} dport {port} redirect to :{dice.port()}"), (2, f"{limited}dnat {name}to {own}"),
            (1, f"{limited}{proto} dport {port} dnat {name}to {left}{own}{right}:{dice.port()}"),
            (1, f"{limited}dnat {name}to {container}"), (1, "accept"), (1, "return"),
            (1, f"{limited}{proto} dport {dice.ports()} redirect to :5000-5003"),
        ))  # fmt: skip
