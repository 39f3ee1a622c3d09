"""Whole nft rulesets: tables of every family, base chains at many places, chains that call each other, sets."""

from tests.firewall.kernel.dice import INTERFACES, NETWORKS, RANGES, Dice
from tests.firewall.kernel.nft_words import Place, Rules

_FILTERS = ("input", "input", "input", "prerouting", "output", "output", "forward", "postrouting")
_PRIORITIES = (-300, -250, -199, -150, -100, -5, 0, 0, 0, 0, 10, 50, 300)
_NATS = (("prerouting", -100), ("prerouting", -100), ("output", -100), ("postrouting", 100), ("input", 100))


class Tables:
    """Writes one ruleset."""

    def __init__(self, dice: Dice, *, may_doubt: bool, prefix: str = "t") -> None:
        self._dice, self._may_doubt, self._prefix = dice, may_doubt, prefix
        self._lines: list[str] = []
        self._rules: list[str] = []

    def lines(self) -> tuple[str, ...]:
        """Return the commands, chains before rules."""
        for number in range(self._dice.weighted(((5, 1), (4, 2), (2, 3)))):
            family = self._dice.weighted(((8, "inet"), (4, "ip"), (2, "ip6"), (1, "netdev")))
            self._table(family, f"{self._prefix}{number}")
        return (*self._lines, *self._rules)

    def _table(self, family: str, name: str) -> None:
        dice = self._dice
        table = f"{family} {name}"
        flags = " { flags dormant; }" if dice.chance(0.05) else ""
        self._lines.append(f"add table {table}{flags}")
        sets = self._sets(table, family) if family != "netdev" else {}
        inner = tuple(f"c{number}" for number in range(dice.weighted(((3, 0), (3, 1), (3, 2), (2, 4)))))
        self._lines += [f"add chain {table} {chain}" for chain in inner]
        for number, chain in enumerate(inner):
            place = Place(family=family, chains=inner[number + 1 :], sets=sets, may_doubt=self._may_doubt)
            self._fill(table, chain, place, dice.number(0, 4))
        for number in range(dice.weighted(((5, 1), (4, 2), (2, 3)))):
            self._chain(table, family, f"b{number}", inner, sets)

    def _chain(self, table: str, family: str, chain: str, inner: tuple[str, ...], sets: dict[str, list[str]]) -> None:
        dice = self._dice
        policy = dice.weighted(((5, " policy accept;"), (4, " policy drop;"), (2, "")))
        is_nat = family != "netdev" and dice.chance(0.15)
        if family == "netdev" or (family == "inet" and dice.chance(0.05)):
            hook = dice.pick(("ingress", "ingress", "egress")) if family == "netdev" else "ingress"
            # What we put on lo from outside would meet its egress chain.
            names = INTERFACES if hook == "ingress" else [name for name in INTERFACES if name != "lo"]
            device = (
                f"device {dice.pick(names)}" if family == "inet" or dice.chance(0.6) else "devices = { eth0, eth1 }"
            )
            head, priority, policy = (
                f"type filter hook {hook} {device}",
                dice.number(-10, 10),
                dice.pick((policy, "", "")),
            )
        elif is_nat:
            hook, priority = dice.pick(_NATS)
            head = f"type nat hook {hook}"
            policy = "" if dice.chance(0.95) else policy
        else:
            hook, priority = dice.pick(_FILTERS), dice.pick(_PRIORITIES)
            kind = "route" if hook == "output" and dice.chance(0.15) else "filter"
            head = f"type {kind} hook {hook}"
        self._lines.append(f"add chain {table} {chain} {{ {head} priority {priority};{policy} }}")
        place = Place(family=family, hook=hook, chains=() if is_nat else inner, sets=sets, is_nat=is_nat, may_doubt=self._may_doubt)  # fmt: skip
        self._fill(table, chain, place, dice.number(1, 3 if is_nat else 7))

    def _fill(self, table: str, chain: str, place: Place, count: int) -> None:
        for _ in range(count):
            self._rules.append(f"add rule {table} {chain} {Rules(self._dice, place).rule()}")
        if place.hook and not place.is_nat and self._dice.chance(0.35):
            opening = self._dice.pick(("iif lo accept", "ct state established,related accept", "ct state invalid drop"))
            if place.family != "netdev" and place.hook in ("input", "prerouting"):
                self._rules.insert(len(self._rules) - count, f"add rule {table} {chain} {opening}")

    def _sets(self, table: str, family: str) -> dict[str, list[str]]:
        dice = self._dice
        made: dict[str, list[str]] = {}
        words = {
            "ip": ("ipv4_addr", [*NETWORKS["ip"][:8], RANGES["ip"][1]], "flags interval; auto-merge;"),
            "ip6": ("ipv6_addr", [*NETWORKS["ip6"][:4], RANGES["ip6"][1]], "flags interval; auto-merge;"),
            "port": ("inet_service", ["22", "5900-5906", "443", "8080", "5938"], "flags interval;"),
            "pair": ("ipv4_addr . inet_service", ["203.0.113.0/24 . 5900", "10.20.0.9 . 22", "9.9.9.9 . 5900-5906", "192.168.1.50 . 443"], "flags interval;"),
            "name": ("ifname", ["eth0", "wg0", "lo"], ""),
            "mark": ("mark", ["1", "0x10"], ""),
        }  # fmt: skip
        for kind, (type_of, pool, flags) in words.items():
            if dice.chance(0.4 if kind != "ip6" or family != "ip" else 0):
                name = f"s_{kind}"
                self._lines.append(f"add set {table} {name} {{ type {type_of}; {flags} }}")
                values = dict.fromkeys(f'"{value}"' if kind == "name" else value for value in dice.some(pool, 4))
                if dice.chance(0.85):
                    self._lines.append(f"add element {table} {name} {{ {', '.join(values)} }}")
                made[kind] = [name]
        return made
