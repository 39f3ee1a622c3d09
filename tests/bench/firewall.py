# ruff: noqa: T201, S311 — a command prints; its rulesets are the same every time, on purpose
"""Measure the firewall evaluator: packets a second, reachability of a host's listeners, and what is meant to hurt.

    make firewall-bench

One core, processor time. The goals: 20,000 packet verdicts a second on a ruleset of 200 rules; the listeners of a host
of profile `server` in 2 ms when its ruleset was seen before and in 30 ms when not; 50 listeners before a set of
100,000 elements, or a jump bomb (3 jumps, 12 levels), in 2 s.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from auditor.firewall.decide import decide
from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.loaded import Loaded
from auditor.firewall.reach import Door, Filters
from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Protocol, Route
from auditor.model.packet import Direction, HostNetwork, Packet

_HOSTS = 50
_PORTS = (22, 25, 53, 80, 123, 443, 445, 631, 3306, 3389, 4444, 5353, 5432, 5900, 6379, 8080, 8443, 9100, 9200, 9418)


def _listing(*objects: dict[str, Any]) -> str:
    return json.dumps({"nftables": [{"metainfo": {"version": "1.0.6"}}, *objects]})


def _chain(name: str, **more: Any) -> dict[str, Any]:
    return {"chain": {"family": "inet", "table": "t", "name": name, "handle": 1, **more}}


def _rule(chain: str, *statements: Any) -> dict[str, Any]:
    return {"rule": {"family": "inet", "table": "t", "chain": chain, "handle": 1, "expr": list(statements)}}


def _match(protocol: str, field: str, right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


_TABLE = {"table": {"family": "inet", "name": "t", "handle": 1}}
_INPUT = _chain("input", type="filter", hook="input", prio=0, policy="drop")
_STATE = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}
_LO = {"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}


def _ruleset(count: int) -> str:
    """Write rules as an administrator's tool does: a network, a port, a verdict."""
    chance = random.Random(count)
    rules = [_rule("input", _STATE, {"accept": None}), _rule("input", _LO, {"accept": None})]
    for index in range(count - len(rules)):
        network = {"prefix": {"addr": f"10.{index % 200}.0.0", "len": 16}}
        port = 1024 + index * 7 if index % 3 else chance.choice(_PORTS)
        action = {"drop": None} if index % 4 == 3 else {"accept": None}
        rules.append(_rule("input", _match("ip", "saddr", network), _match("tcp", "dport", port), action))
    return _listing(_TABLE, _INPUT, *rules)


def _host(number: int) -> HostNetwork:
    address = (10 << 24) | (77 << 16) | number
    return HostNetwork(
        addresses={
            "lo": ((Family.IP, 127 << 24 | 1, 8), (Family.IP6, 1, 128)),
            "eth0": ((Family.IP, address, 16), (Family.IP6, (0xFE80 << 112) | number, 64)),
        },
        routes=(
            Route(family=Family.IP, destination="10.77.0.0/16", interface="eth0"),
            Route(family=Family.IP, destination="0.0.0.0/0", gateway="10.77.0.1", interface="eth0"),
            Route(family=Family.IP6, destination="fe80::/64", interface="eth0"),
        ),
        forwards={Family.IP: False, Family.IP6: False},
        rp_filter={"": 0},
        route_localnet={"": False},
    )


def _doors(count: int) -> list[Door]:
    ports = [*_PORTS, *range(10_000, 10_000 + count)][:count]
    pairs = [(Family.IP, "0.0.0.0"), (Family.IP6, "::")]
    return [
        Door(protocol=Protocol.TCP, family=family, address=address, port=port, is_v6only=True)
        for port in ports
        for family, address in pairs
    ][:count]


def _packets(count: int) -> list[Packet]:
    chance = random.Random(1)
    return [
        Packet(
            direction=Direction.IN,
            interface="eth0",
            family=Family.IP,
            source=(10 << 24) | chance.randrange(1 << 24) if chance.random() < 0.7 else chance.randrange(1, 1 << 32),
            destination=(10 << 24) | (77 << 16) | 5,
            protocol=6,
            source_port=chance.randrange(1024, 65536),
            destination_port=chance.choice(_PORTS) if chance.random() < 0.5 else chance.randrange(1, 65536),
            tcp_flags=2,
            ttl=64,
        )
        for _ in range(count)
    ]


def _timed(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _reach(loaded: Loaded, number: int, doors: list[Door]) -> None:
    filters = Filters(program=Program(loaded, _host(number)))
    for door in doors:
        filters.reach(door)


def _whole(listing: str) -> None:
    _reach(Loaded(read_nft(listing)), 1, _doors(50))


def _large_set() -> str:
    elements = [f"{10 + index // 65536}.{index // 256 % 256}.{index % 256}.{index % 7}" for index in range(100_000)]
    banned = {"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr", "handle": 1, "elem": elements}}
    open_ports = [_rule("input", _match("tcp", "dport", 10_000 + index), {"accept": None}) for index in range(50)]
    return _listing(_TABLE, banned, _INPUT, _rule("input", _match("ip", "saddr", "@s"), {"drop": None}), *open_ports)


def _bomb() -> str:
    chains = [_chain(f"c{level}") for level in range(13)]
    jumps = [
        _rule(f"c{level}", _match("ip", "saddr", {"prefix": {"addr": f"{10 + turn}.0.0.0", "len": 8}}),
              {"jump": {"target": f"c{level + 1}"}})
        for level in range(12)
        for turn in range(3)
    ]  # fmt: skip
    return _listing(_TABLE, _INPUT, *chains, *jumps, _rule("input", {"jump": {"target": "c0"}}))


def main() -> int:
    """Measure, print, and say whether the goals are met."""
    met = True

    def told(name: str, value: float, goal: float, unit: str, *, more_is_better: bool = False) -> None:
        nonlocal met
        is_met = value >= goal if more_is_better else value <= goal
        met = met and is_met
        print(f"{name:58} {value:10,.1f} {unit}  (goal {goal:,.0f}){'' if is_met else '  MISSED'}")

    program, packets = Program(read_nft(_ruleset(200)), _host(5)), _packets(20_000)
    seconds = _timed(lambda: [decide(program, packet) for packet in packets])
    told("packet verdicts, 200 rules", len(packets) / seconds, 20_000, "/s", more_is_better=True)

    text, doors = _ruleset(40), _doors(20)
    loaded: list[Loaded] = []

    def first() -> None:
        loaded.append(Loaded(read_nft(text)))
        _reach(loaded[0], 1, doors)

    def again() -> None:
        for number in range(2, 2 + _HOSTS):
            _reach(loaded[0], number, doors)

    told("a server's 20 listeners, ruleset not seen before", _timed(first) * 1000, 30, "ms")
    told("a server's 20 listeners, ruleset seen before", _timed(again) / _HOSTS * 1000, 2, "ms")

    for name, listing in (("a set of 100,000 elements", _large_set()), ("a jump bomb", _bomb())):
        seconds = _timed(partial(_whole, listing))
        told(f"50 listeners before {name}", seconds * 1000, 2000, "ms")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
