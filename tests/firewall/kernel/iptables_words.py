"""Rulesets of iptables and ip6tables with their ipsets, as people and as adversaries write them."""

from collections.abc import Callable

from tests.firewall.kernel.dice import CONTAINERS, INTERFACES, MARKS, RANGES, STATES, Dice

_CHAINS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
_REJECTS = {
    "ip": ("icmp-port-unreachable", "icmp-host-prohibited", "icmp-admin-prohibited", "icmp-net-unreachable"),
    "ip6": ("icmp6-port-unreachable", "icmp6-adm-prohibited", "icmp6-no-route"),
}
_DOUBTFUL = (
    "-m limit --limit 1/hour --limit-burst 1", "-m recent --name x --update --seconds 60", "-m statistic --mode random --probability 0.5",
    "-m time --timestart 08:00 --timestop 18:00", "-m string --string foo --algo bm", "-m quota --quota 60",
    "-m owner --uid-owner 0", "-m connlimit --connlimit-above 3", "-m u32 --u32 0&0xF=0", "-m hashlimit --hashlimit-upto 1/hour --hashlimit-name h",
    "-m socket", "-m cpu --cpu 0",
)  # fmt: skip
SETS = {
    "ip": {
        "s_net": ("hash:net family inet", ("203.0.113.0/24", "203.0.113.8/32 nomatch", "10.20.0.0/16", "9.9.9.9"), "src"),
        "s_ip": ("hash:ip family inet", ("203.0.113.7", "192.168.1.50", "198.51.100.4"), "src"),
        "s_port": ("bitmap:port range 0-65535", ("22", "5900-5906", "443"), "dst"),
        "s_netport": ("hash:net,port family inet", ("203.0.113.0/24,tcp:5900", "10.0.0.0/8,udp:53", "9.9.9.9,22"), "src,dst"),
        "s_ipportnet": ("hash:ip,port family inet", ("203.0.113.7,tcp:5901", "192.168.1.50,22"), "src,dst"),
        "s_netiface": ("hash:net,iface family inet", ("203.0.113.0/24,eth0", "10.20.0.0/16,eth1"), "src,src"),
    },
    "ip6": {
        "s6_net": ("hash:net family inet6", ("2001:db8:f::/48", "2001:db8:f::8 nomatch", "fd00::/8"), "src"),
        "s6_ip": ("hash:ip family inet6", ("2001:db8:f::7", "2a00::1"), "src"),
        "s6_netport": ("hash:net,port family inet6", ("2001:db8:f::/48,tcp:5900", "2a00::1,22"), "src,dst"),
    },
}  # fmt: skip


class Saved:
    """Writes what one iptables-restore reads."""

    def __init__(self, dice: Dice, family: str, *, may_doubt: bool, has_sets: bool) -> None:
        self._dice, self._family, self._may_doubt, self._has_sets = dice, family, may_doubt, has_sets
        self.sets: set[str] = set()
        """Sets that the rules name."""

    def lines(self) -> tuple[str, ...]:
        """Return one ruleset."""
        dice = self._dice
        tables = ["filter"]
        tables += [name for name, share in (("nat", 0.3), ("mangle", 0.25), ("raw", 0.2), ("security", 0.06)) if dice.chance(share)]  # fmt: skip
        return tuple(line for table in tables for line in self._table(table))

    def _table(self, table: str) -> list[str]:
        dice = self._dice
        inner = tuple(
            f"{table[0].upper()}{number}" for number in range(dice.weighted(((3, 0), (3, 1), (3, 2), (2, 4))))
        )
        may_drop = table != "nat"
        heads = [f":{chain} {dice.pick(('ACCEPT', 'DROP', 'ACCEPT')) if may_drop and dice.chance(0.9 if table == 'filter' else 0.15) else 'ACCEPT'} [0:0]" for chain in _CHAINS[table]]  # fmt: skip
        heads += [f":{chain} - [0:0]" for chain in inner]
        rules: list[str] = []
        for number, chain in enumerate(inner):
            rules += [self._rule(table, chain, inner[number + 1 :]) for _ in range(dice.number(0, 4))]
        for chain in _CHAINS[table]:
            if chain == "INPUT" and table == "filter" and dice.chance(0.4):
                rules.append(
                    f"-A INPUT {dice.pick(('-i lo -j ACCEPT', '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', '-m conntrack --ctstate INVALID -j DROP'))}"
                )
            rules += [self._rule(table, chain, inner) for _ in range(dice.number(0, 6 if table == "filter" else 2))]
        return [f"*{table}", *heads, *rules, "COMMIT"]

    def _rule(self, table: str, chain: str, inner: tuple[str, ...]) -> str:
        dice = self._dice
        matches = [self._basic(chain)]
        matches += [self.match(chain) for _ in range(dice.weighted(((5, 0), (8, 1), (2, 2))))]
        for number, match in enumerate(matches):  # a protocol is named once
            if any("-p " in other for other in matches[:number]) and "-p " in match:
                matches[number] = ""
        end = self._end(table, chain, inner, " ".join(matches))
        needs = "" if " -p " in " " + " ".join(matches) else "-p tcp "
        if "--to-ports" in end or "tcp-reset" in end or ":" in end.partition("--to-destination")[2].rpartition("]")[2]:
            matches.insert(0, needs.strip())
        comment = '-m comment --comment "-j DROP 5900"' if dice.chance(0.05) else ""
        return " ".join(part for part in (f"-A {chain}", *matches, comment, end) if part)

    def _basic(self, chain: str) -> str:
        dice, family = self._dice, self._family
        sides = {"OUTPUT": "o", "POSTROUTING": "o", "FORWARD": "io", "INPUT": "i", "PREROUTING": "i"}.get(chain, "i")
        name = dice.pick((*INTERFACES, "eth+", "ppp0", "+"))
        return dice.weighted((
            (4, ""), (4, f"{self._not()}-s {dice.network(family)}"), (3, f"{self._not()}-d {dice.own(family)}"),
            (4, f"{self._not() if name != '+' else ''}-{dice.pick(sides)} {name}"), (2, f"-s {dice.network(family)} -d {dice.own(family)}"),
            (2, f"{self._not()}-p {dice.pick(('tcp', 'udp', 'gre', 'esp', self._icmp_name()))}"),
        ))  # fmt: skip

    def _icmp_name(self) -> str:
        return "icmp" if self._family == "ip" else "ipv6-icmp"

    def _not(self) -> str:
        return "! " if self._dice.chance(0.2) else ""

    # ---- matches

    def match(self, chain: str) -> str:
        """Write one extended match."""
        dice = self._dice
        table: list[tuple[int, Callable[[], str]]] = [
            (12, self._port), (4, self._multiport), (8, self._state), (3, self._flags), (2, self._icmp), (3, self._range),
            (3, self._mark), (3, self._type), (2, self._sizes), (1, lambda: "-m pkttype --pkt-type unicast"),
        ]  # fmt: skip
        if self._has_sets and chain not in ("OUTPUT", "POSTROUTING"):
            table.append((7, self._set))
        if self._may_doubt:
            table.append((6, lambda: dice.pick(_DOUBTFUL)))
        return dice.call(table)

    def _port(self) -> str:
        dice = self._dice
        name = dice.pick(("tcp", "tcp", "tcp", "udp"))
        side = dice.pick(("--dport", "--dport", "--dport", "--sport"))
        return f"-p {name} -m {name} {self._not()}{side} {dice.ports(dash=':')}"

    def _multiport(self) -> str:
        dice = self._dice
        name = dice.pick(("tcp", "udp"))
        values = ",".join(dict.fromkeys(dice.ports(dash=":") for _ in range(dice.number(1, 5))))
        return (
            f"-p {name} -m multiport {self._not()}{dice.pick(('--dports', '--dports', '--sports', '--ports'))} {values}"
        )

    def _state(self) -> str:
        dice = self._dice
        states = dice.pick(STATES).upper()
        return dice.weighted((
            (8, f"-m conntrack {self._not()}--ctstate {states}"), (2, f"-m state {self._not()}--state {states}"),
            (1, f"-m conntrack {self._not()}--ctstate DNAT"), (1, f"-m conntrack {self._not()}--ctstate {states},DNAT"),
            (1, f"-m conntrack --ctdir {dice.pick(('ORIGINAL', 'REPLY'))}"), (1, f"-m conntrack {self._not()}--ctproto tcp"),
            (1, f"-m conntrack {self._not()}--ctstatus {dice.pick(('ASSURED', 'NONE', 'SEEN_REPLY', 'CONFIRMED'))}"),
            (1, f"-m conntrack {self._not()}--ctorigsrc {dice.network(self._family)}"), (1, f"-m conntrack --ctproto 6 {self._not()}--ctorigdstport {dice.port()}"),
        ))  # fmt: skip

    def _flags(self) -> str:
        mask = self._dice.pick(("FIN,SYN,RST,ACK SYN", "SYN,ACK SYN,ACK", "ALL NONE", "ALL SYN", "FIN,RST NONE", "ACK ACK", "FIN,SYN FIN,SYN", "ALL FIN,PSH,URG"))  # fmt: skip
        return self._dice.pick((f"-p tcp -m tcp {self._not()}--tcp-flags {mask}", f"-p tcp -m tcp {self._not()}--syn"))

    def _icmp(self) -> str:
        if self._family == "ip":
            kind = self._dice.pick(("8", "3/4", "3", "echo-reply", "any", "0", "11"))
            return f"-p icmp -m icmp {self._not() if kind != 'any' else ''}--icmp-type {kind}"
        return f"-p ipv6-icmp -m icmp6 {self._not()}--icmpv6-type {self._dice.pick(('128', '1/4', '1', '129', '135'))}"

    def _range(self) -> str:
        side = self._dice.pick(("--src-range", "--src-range", "--dst-range"))
        return f"-m iprange {self._not()}{side} {self._dice.pick(RANGES[self._family])}"

    def _mark(self) -> str:
        mark = self._dice.pick(MARKS)
        value = self._dice.pick((f"{mark:#x}", f"{mark:#x}/{mark:#x}", f"0x0/{mark:#x}", "0x0"))
        return f"-m {self._dice.pick(('mark', 'mark', 'connmark'))} {self._not()}--mark {value}"

    def _type(self) -> str:
        dice = self._dice
        kind = dice.pick(("LOCAL", "UNICAST", "MULTICAST", "BROADCAST,MULTICAST", "LOCAL,UNICAST"))
        if self._family == "ip6":
            kind = kind.replace("BROADCAST,", "")
        return f"-m addrtype {self._not()}{dice.pick(('--dst-type', '--dst-type', '--src-type'))} {kind}"

    def _sizes(self) -> str:
        time = "-m ttl --ttl-" if self._family == "ip" else "-m hl --hl-"
        return self._dice.pick((f"-m length {self._not()}--length 40:60", "-m length --length 100:65535", f"{time}eq 64", f"{time}lt 10", f"{time}gt 64", "-m dscp --dscp 0x08"))  # fmt: skip

    def _set(self) -> str:
        name = self._dice.pick(tuple(SETS[self._family]))
        self.sets.add(name)
        return f"-m set {self._not()}--match-set {name} {SETS[self._family][name][2]}"

    # ---- targets

    def _end(self, table: str, chain: str, inner: tuple[str, ...], matches: str) -> str:
        dice, mark = self._dice, self._dice.pick(MARKS)
        if table == "nat" and chain in _CHAINS["nat"] and dice.chance(0.8):
            return self._translate(chain)
        deeds: list[tuple[int, str]] = [(12, "-j ACCEPT"), (2, "-j RETURN"), (1, ""), (1, "-j LOG")]
        if table != "nat":
            deeds.append((12, "-j DROP"))
        if table == "filter":
            reset = [f"--reject-with {dice.pick(_REJECTS[self._family])}", ""]
            if "! -p" not in matches and "-p udp" not in matches and "icmp" not in matches and "-p gre" not in matches and "-p esp" not in matches:  # fmt: skip
                reset.append("--reject-with tcp-reset")
            deeds.append((6, f"-j REJECT {dice.pick(reset)}".strip()))
        if table == "mangle":
            deeds += [(8, f"-j MARK --set-xmark {mark:#x}/{dice.pick(('0xffffffff', '0xff', '0x10'))}"), (2, "-j CONNMARK --save-mark"), (2, "-j CONNMARK --restore-mark"), (1, f"-j MARK --or-mark {mark:#x}")]  # fmt: skip
        if table == "raw":
            deeds.append((8, dice.pick(("-j CT --notrack", "-j NOTRACK"))))
        if inner:
            deeds += [(12, f"-j {dice.pick(inner)}"), (4, f"-g {dice.pick(inner)}")]
        return dice.weighted(deeds)

    def _translate(self, chain: str) -> str:
        dice, family = self._dice, self._family
        if chain == "INPUT":
            return "-j ACCEPT"
        if chain == "POSTROUTING":
            return dice.pick(("-j MASQUERADE", f"-j SNAT --to-source {dice.own(family)}", "-j ACCEPT", "-j RETURN"))
        left, right = ("[", "]") if family == "ip6" else ("", "")
        to = dice.pick((*CONTAINERS[family], dice.own(family)))
        return dice.weighted((
            (3, f"-j REDIRECT --to-ports {dice.port()}"), (3, f"-j DNAT --to-destination {left}{to}{right}:{dice.port()}"),
            (2, f"-j DNAT --to-destination {to}"), (1, "-j ACCEPT"), (1, "-j REDIRECT --to-ports 6000-6003"),
        ))  # fmt: skip


def set_lines(dice: Dice, names: set[str]) -> tuple[str, ...]:
    """Return what ``ipset restore`` reads for these sets."""
    made: list[str] = []
    for sets in SETS.values():
        for name, (kind, members, _) in sets.items():
            if name in names:
                made.append(f"create {name} {kind}")
                made += [f"add {name} {member}" for member in dice.some(members, 4)]
    return tuple(made)
