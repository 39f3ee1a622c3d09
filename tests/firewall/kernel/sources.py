"""Questions for the set of sources that get in, and the sources that try its edges."""

import ipaddress
from collections.abc import Callable
from dataclasses import replace

from tests.firewall.kernel.cases import Case, can_come, make_case
from tests.firewall.kernel.dice import SOURCES, Dice
from tests.firewall.kernel.differential import ends

_MOST = 40


def make_source_case(seed: str) -> Case:
    """Return a case of which each packet comes from outside: its source is what is asked for."""
    case = make_case(seed, 16)
    coming = [
        packet
        for packet in case.packets
        if packet["direction"] == "in" and packet["iface"] != "lo" and "ct_state" not in packet
    ]
    plain = [packet for packet in coming if "related_to" not in packet and packet["proto"] in ("tcp", "udp")]
    return replace(case, packets=plain[:3])


def sampler(seed: str, family: str) -> Callable[[list[str]], list[str]]:
    """Return what picks sources for an answer: first, last, one before, one after of each interval, and some others."""
    dice = Dice(("sources", seed))

    def pick(intervals: list[str]) -> list[str]:
        made: set[str] = set()
        kind = ipaddress.IPv4Address if family == "ip" else ipaddress.IPv6Address
        top = 2 ** (32 if family == "ip" else 128) - 1
        for _, first, last in ends(intervals):
            near = [first - 1, first, last, last + 1, dice.number(first, last)]
            made |= {str(kind(one)) for one in near if 0 <= one <= top and can_come(kind(one))}
        made |= {one for one in SOURCES[family] if can_come(ipaddress.ip_address(one))}
        return dice.some(sorted(made), _MOST) if len(made) > _MOST else sorted(made)

    return pick
