"""Seeded choices, and the pools of addresses, ports and names that rulesets and packets both draw from.

The pools are small, so that packets meet the rules, and hold the edges of what rules speak of.
"""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

SOURCES = {
    "ip": (
        "203.0.113.7", "203.0.113.6", "203.0.113.8", "203.0.113.0", "203.0.113.127", "203.0.113.128", "203.0.114.0",
        "198.51.100.4", "198.51.100.255", "198.51.101.0", "10.20.0.9", "10.20.255.254", "10.21.0.1", "10.99.0.7",
        "172.17.0.9", "172.16.5.5", "192.168.1.50", "192.168.1.51", "192.168.2.1", "100.64.0.1", "9.9.9.9", "1.0.0.1",
        "192.0.2.1", "192.0.2.11", "192.0.2.254", "223.255.255.254", "128.0.0.1", "127.255.255.255",
    ),
    "ip6": (
        "2001:db8:f::7", "2001:db8:f::6", "2001:db8:f::8", "2001:db8:f::", "2001:db8:f:ffff:ffff:ffff:ffff:ffff",
        "2001:db8:10::", "2001:db8:1::1", "2001:db8:1::ff", "2001:db8:2::9", "fd00:99::7", "fd00:17::9", "fd12::5",
        "fe80::5", "2a00::1", "2a00:0:0:1::1", "2600:1::1",
    ),
}  # fmt: skip
"""Where packets come from."""
NETWORKS = {
    "ip": (
        "203.0.113.0/24", "203.0.113.0/25", "203.0.113.7", "198.51.100.0/24", "10.0.0.0/8", "10.20.0.0/16",
        "192.168.0.0/16", "192.168.1.0/24", "172.16.0.0/12", "100.64.0.0/10", "192.0.2.0/24", "9.9.9.9", "128.0.0.0/1",
        "0.0.0.0/1", "10.99.0.0/24", "172.17.0.0/16",
    ),
    "ip6": (
        "2001:db8:f::/48", "2001:db8:f::7", "2001:db8::/32", "2001:db8:1::/64", "fd00::/8", "fe80::/10", "2000::/3",
        "2a00::1", "fd00:99::/64", "8000::/1", "2001:db8:f::4/126",
    ),
}  # fmt: skip
RANGES = {
    "ip": ("203.0.113.5-203.0.113.9", "10.20.0.0-10.20.0.255", "192.168.1.51-192.168.2.1", "1.0.0.0-9.9.9.8"),
    "ip6": ("2001:db8:f::5-2001:db8:f::9", "2a00::-2a00::ff", "fd00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
}
OWN = {
    "ip": {"eth0": "192.0.2.10", "eth1": "10.20.0.5", "wg0": "10.99.0.2", "docker0": "172.17.0.1", "lo": "127.0.0.1"},
    "ip6": {"eth0": "2001:db8:1::10", "eth1": "2001:db8:2::5", "wg0": "fd00:99::2", "docker0": "fd00:17::1", "lo": "::1"},
}  # fmt: skip
"""Addresses of the host under test."""
CONTAINERS = {"ip": ("172.17.0.2", "172.17.0.3"), "ip6": ("fd00:17::2", "fd00:17::3")}
PORTS = (22, 53, 80, 443, 3389, 5500, 5800, 5900, 5901, 5902, 5906, 5938, 7070, 8080, 65535)
INTERFACES = ("eth0", "eth1", "wg0", "docker0", "lo")
STATES = ("established,related", "new", "invalid", "established", "related", "untracked", "new,untracked", "invalid,new")  # fmt: skip
MARKS = (1, 2, 0x10, 0xFF, 0x4000)


class Dice:
    """Choices that are the same for the same seed."""

    def __init__(self, seed: object) -> None:
        self._random = random.Random(repr(seed))  # noqa: S311 — the same every time, on purpose

    def chance(self, share: float) -> bool:
        """Say yes in this share of cases."""
        return self._random.random() < share

    def number(self, low: int, high: int) -> int:
        """Pick a number, ends included."""
        return self._random.randint(low, high)

    def pick(self, items: Sequence[T]) -> T:
        """Pick one."""
        return items[self._random.randrange(len(items))]

    def some(self, items: Sequence[T], most: int) -> list[T]:
        """Pick one to so many different ones."""
        return self._random.sample(list(items), min(len(items), self.number(1, most)))

    def weighted(self, items: Sequence[tuple[int, T]]) -> T:
        """Pick one by weight."""
        return self._random.choices([item for _, item in items], [weight for weight, _ in items])[0]

    def call(self, items: Sequence[tuple[int, Callable[[], str]]]) -> str:
        """Call one by weight."""
        return self.weighted(items)()

    # ---- words of rules

    def port(self) -> int:
        """Pick a port that matters, or one beside it."""
        port = self.pick(PORTS)
        return port if self.chance(0.9) else max(1, min(65535, port + self.pick((-1, 1))))

    def ports(self, *, dash: str = "-") -> str:
        """Pick a port or a range."""
        if self.chance(0.7):
            return str(self.port())
        low, high = sorted((self.port(), self.port()))
        return f"{low}{dash}{high}" if low < high else f"{low}"

    def network(self, family: str) -> str:
        """Pick a network or an address."""
        return self.pick(NETWORKS[family])

    def own(self, family: str) -> str:
        """Pick an address of the host under test."""
        return self.pick(tuple(OWN[family].values()))
