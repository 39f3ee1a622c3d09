"""Who can reach a listening socket, as far as binding and the presence of packet filters decide it."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from auditor.model.sighting import Reachability


class Loaded(StrEnum):
    """What is known of the packet filters a host has loaded."""

    NOTHING = "nothing"
    """Proven: no engine has a rule or a default that could stop a packet."""
    SOMETHING = "something"
    """At least one engine filters."""
    UNSEEN = "unseen"
    """The filters could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who reaches a socket, and what decided it."""

    reachability: Reachability
    """Who reaches it."""
    rule: str
    """The rule or fact that decided, as a clause."""


def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own; an IPv4 address mapped into IPv6 counts as IPv4."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    mapped = plain.ipv4_mapped if isinstance(plain, ipaddress.IPv6Address) else None
    return (mapped or plain).is_loopback


def reach(*, address: str, device: str | None, namespace: str | None, loaded: Loaded) -> Decision:
    """Decide who reaches a socket bound to an address; what is not certain is undecided."""
    if is_loopback(address) or device == "lo":
        return Decision(reachability=Reachability.LOOPBACK_ONLY, rule="bound to loopback")
    if namespace is not None:
        return Decision(
            reachability=Reachability.UNDECIDED,
            rule="it listens in a network namespace of its own, whose ways in are not evaluated yet",
        )
    if loaded is Loaded.NOTHING:
        return Decision(reachability=Reachability.FROM_ANYWHERE, rule="no packet filter is loaded")
    if loaded is Loaded.UNSEEN:
        return Decision(reachability=Reachability.UNDECIDED, rule="the packet filters could not be read in full")
    return Decision(
        reachability=Reachability.UNDECIDED, rule="a packet filter is loaded, and its rules are not evaluated yet"
    )
