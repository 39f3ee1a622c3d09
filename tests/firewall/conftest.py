"""Rulesets written short, and questions about packets."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from auditor.firewall.protocol import Answers

HOST = {
    "addresses": {
        "lo": ["127.0.0.1/8", "::1/128"],
        "eth0": ["192.0.2.10/24", "2001:db8:1::10/64"],
        "eth1": ["10.20.0.5/24"],
    },
    "ip_forward": False,
    "sysctl": {"rp_filter": 0, "route_localnet": 0},
}
SYN = {
    "direction": "in", "iface": "eth0", "family": "ip", "src": "203.0.113.7", "dst": "192.0.2.10",
    "proto": "tcp", "sport": 40000, "dport": 5900, "tcp_flags": ["syn"], "ttl": 64, "length": 60,
}  # fmt: skip
SYN6 = {**SYN, "family": "ip6", "src": "2001:db8:f::7", "dst": "2001:db8:1::10"}

Ask = Callable[..., dict[str, Any]]


def listing(*objects: dict[str, Any]) -> str:
    """Write the JSON of nft."""
    return json.dumps({"nftables": [{"metainfo": {"version": "1.0.6"}}, *objects]})


def table(family: str, name: str = "t", **more: Any) -> dict[str, Any]:
    return {"table": {"family": family, "name": name, "handle": 1, **more}}


def chain(family: str, name: str, hook: str | None = None, prio: int = 0, policy: str = "accept", **more: Any) -> Any:
    table_name = more.pop("table", "t")
    hooked = {} if hook is None else {"type": "filter", "hook": hook, "prio": prio, "policy": policy}
    return {"chain": {"family": family, "table": table_name, "name": name, "handle": 1, **hooked, **more}}


def rule(family: str, name: str, *statements: Any, table_name: str = "t") -> Any:
    listed = [{word: None} if isinstance(word, str) else word for word in statements]
    return {"rule": {"family": family, "table": table_name, "chain": name, "handle": 9, "expr": listed}}


def match(left: Any, right: Any, op: str = "==") -> Any:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str) -> Any:
    return {"payload": {"protocol": protocol, "field": field}}


def meta(key: str) -> Any:
    return {"meta": {"key": key}}


DPORT = payload("tcp", "dport")


@pytest.fixture
def ask() -> Ask:
    """Give a function that asks about one packet and returns the answer."""
    answers = Answers()

    def asked(ruleset: str, packet: dict[str, Any] = SYN, form: str = "nft-json", **more: Any) -> dict[str, Any]:
        host = more.pop("host", HOST)
        return answers.answer(
            {"id": 1, "format": form, "ruleset": ruleset, "host": host, "packet": packet, **more}
        )  # fmt: skip

    return asked
