"""A filter for one hook in words of no dialect, its two translations, and strategies for it and its packets."""

import ipaddress
import json
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

HOST = {"addresses": {"lo": ["127.0.0.1/8"], "eth0": ["192.0.2.10/24"], "eth1": ["10.20.0.5/16"]}, "ip_forward": False}
NETWORKS = (
    "0.0.0.0/0", "203.0.113.0/24", "203.0.113.0/25", "203.0.113.7/32", "198.51.100.0/24", "10.20.0.0/16", "128.0.0.0/1",
)  # fmt: skip
_STATES: tuple[tuple[str, ...], ...] = ((), (), (), ("new",), ("established", "related"), ("invalid",))
PORTS = (22, 5899, 5900, 5903, 5906, 5907, 65535)
UNREAD = "u32"
"""A condition that no reader of rules can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions, all of which hold, and a deed."""

    deed: str
    """accept, drop, reject, return, ``jump NAME``, ``goto NAME`` or nothing."""
    source: str = "0.0.0.0/0"
    protocol: str = ""
    ports: tuple[int, int] | None = None
    interface: str = ""
    state: tuple[str, ...] = ()
    is_unread: bool = False
    """Whether another condition stands before the deed, which cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Chains by name, of which ``INPUT`` is called by the kernel."""

    policy: str
    chains: dict[str, tuple[Rule, ...]]

    def with_rules(self, chain: str, rules: tuple[Rule, ...]) -> "Filter":
        """Return the same with other rules in one chain."""
        return replace(self, chains={**self.chains, chain: rules})


# ---- the two dialects


def nft_json(given: Filter) -> dict[str, Any]:
    """Write it as ``nft -j list ruleset`` does."""
    made: list[dict[str, Any]] = [{"table": {"family": "ip", "name": "filter", "handle": 1}}]
    for name in given.chains:
        base = {"type": "filter", "hook": "input", "prio": 0, "policy": given.policy} if name == "INPUT" else {}
        made.append({"chain": {"family": "ip", "table": "filter", "name": name, "handle": 1, **base}})
    for name, rules in given.chains.items():
        for number, rule in enumerate(rules):
            place = {"family": "ip", "table": "filter", "chain": name, "handle": 10 + number}
            made.append({"rule": {**place, "expr": _nft_rule(rule)}})
    return {"format": "nft-json", "ruleset": json.dumps({"nftables": made})}


def _match(left: Any, right: Any, operator: str = "==") -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def _nft_rule(rule: Rule) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if rule.interface:
        made.append(_match({"meta": {"key": "iifname"}}, rule.interface))
    if rule.source != "0.0.0.0/0":
        address, _, length = rule.source.partition("/")
        right = address if length == "32" else {"prefix": {"addr": address, "len": int(length)}}
        made.append(_match({"payload": {"protocol": "ip", "field": "saddr"}}, right))
    if rule.ports:
        low, high = rule.ports
        where = {"payload": {"protocol": rule.protocol, "field": "dport"}}
        made.append(_match(where, low if low == high else {"range": [low, high]}))
    elif rule.protocol:
        made.append(_match({"meta": {"key": "l4proto"}}, rule.protocol))
    if rule.state:
        made.append(_match({"ct": {"key": "state"}}, list(rule.state), "in"))
    if rule.is_unread:
        made.append({"xt": {"type": "match", "name": UNREAD}})
    verb, _, target = rule.deed.partition(" ")
    if target:
        made.append({verb: {"target": target}})
    elif verb:
        made.append({verb: None})
    return made


def iptables_save(given: Filter) -> dict[str, Any]:
    """Write it as ``iptables-save`` does."""
    lines = ["*filter", f":INPUT {given.policy.upper()} [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    lines += [f":{name} - [0:0]" for name in given.chains if name != "INPUT"]
    lines += [f"-A {name} {_iptables_rule(rule)}" for name, rules in given.chains.items() for rule in rules]
    return {"format": "iptables-save", "ruleset": "\n".join([*lines, "COMMIT", ""])}


def _iptables_rule(rule: Rule) -> str:
    words: list[str] = []
    if rule.source != "0.0.0.0/0":
        words.append(f"-s {rule.source}")
    if rule.interface:
        words.append(f"-i {rule.interface}")
    if rule.protocol:
        words.append(f"-p {rule.protocol}")
    if rule.ports:
        low, high = rule.ports
        words.append(f"-m {rule.protocol} --dport {low if low == high else f'{low}:{high}'}")
    if rule.state:
        words.append(f"-m conntrack --ctstate {','.join(rule.state).upper()}")
    if rule.is_unread:
        words.append('-m u32 --u32 "0x0&0xff=0x1"')
    verb, _, target = rule.deed.partition(" ")
    words.append({"jump": f"-j {target}", "goto": f"-g {target}", "": ""}.get(verb, f"-j {verb.upper()}"))
    return " ".join(words)


# ---- strategies


def rules(callable_chains: tuple[str, ...] = (), *, may_be_unread: bool = False) -> st.SearchStrategy[Rule]:
    """Give rules that may call these chains."""
    deeds = [
        "accept",
        "drop",
        "reject",
        "return",
        "",
        *(f"{verb} {name}" for name in callable_chains for verb in ("jump", "goto")),
    ]
    ranges = st.one_of(
        st.none(), st.sampled_from(PORTS).map(lambda port: (port, port)),
        st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(lambda pair: (min(pair), max(pair))),
    )  # fmt: skip
    return st.builds(
        lambda deed, source, protocol, ports, interface, state, is_unread: Rule(
            deed=deed, source=source, protocol=protocol, ports=ports if protocol else None, interface=interface,
            state=state, is_unread=is_unread,
        ),
        st.sampled_from(deeds), st.sampled_from(NETWORKS), st.sampled_from(("", "tcp", "tcp", "udp")), ranges,
        st.sampled_from(("", "", "", "eth0", "eth1", "lo")), st.sampled_from(_STATES),
        st.booleans() if may_be_unread else st.just(False),
    )  # fmt: skip


def filters(*, may_be_unread: bool = False) -> st.SearchStrategy[Filter]:
    """Give filters: an INPUT chain and two that it may call, the first of which may call the second."""

    def lists(names: tuple[str, ...], most: int) -> st.SearchStrategy[tuple[Rule, ...]]:
        return st.lists(rules(names, may_be_unread=may_be_unread), max_size=most).map(tuple)

    chains = st.fixed_dictionaries({"INPUT": lists(("A", "B"), 6), "A": lists(("B",), 3), "B": lists((), 3)})
    return st.builds(
        lambda policy, made: Filter(policy=policy, chains=made), st.sampled_from(("accept", "drop")), chains
    )


def edges() -> tuple[str, ...]:
    """Return the ends of every network, and what lies just outside."""
    made: set[int] = {int(ipaddress.IPv4Address("9.9.9.9"))}
    for text in NETWORKS:
        network = ipaddress.IPv4Network(text)
        first, last = int(network.network_address), int(network.broadcast_address)
        made |= {first - 1, first, last, last + 1}
    whole = (ipaddress.IPv4Address(number) for number in made if 0 < number < 2**32)
    return tuple(
        str(one)
        for one in sorted(whole)
        if not one.is_multicast and not one.is_loopback and one.packed[0] not in (0, 255)
    )


def packets() -> st.SearchStrategy[dict[str, Any]]:
    """Give packets that come in, from the edges of the networks that rules speak of."""
    return st.builds(
        lambda source, interface, protocol, port, flags: {
            "direction": "in", "iface": interface, "family": "ip", "src": source, "dst": "192.0.2.10", "ttl": 64,
            "proto": protocol, "sport": 40000, "dport": port, "length": 60,
            **({"tcp_flags": flags} if protocol == "tcp" else {}),
        },
        st.sampled_from(edges()), st.sampled_from(("eth0", "eth0", "eth1")), st.sampled_from(("tcp", "udp")),
        st.sampled_from(PORTS), st.sampled_from((["syn"], ["syn"], ["ack"], ["syn", "ack"])),
    )  # fmt: skip
