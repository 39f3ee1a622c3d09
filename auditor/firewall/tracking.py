"""What connection tracking makes of a packet that nothing announced (nf_conntrack's protocol trackers)."""

from auditor.firewall.dialects.values import ICMP, ICMPV6, TCP
from auditor.model.facts.network import Family
from auditor.model.packet import Packet
from auditor.model.ruleset import (
    CT_STATUSES,
    TCP_FLAGS,
    AnyOf,
    Field,
    Lookup,
    Match,
    Rule,
    Ruleset,
    SetMark,
    Step,
    Translate,
)

_FIN, _SYN, _RST, _ACK, _URG = (TCP_FLAGS[name] for name in ("fin", "syn", "rst", "ack", "urg"))
_OF_CONNECTIONS = frozenset((Field.CT_STATE, Field.CT_DIRECTION, Field.CT_STATUS, Field.CT_MARK))
_SEEN_REPLY, _ASSURED, _CONFIRMED = (CT_STATUSES[name] for name in ("seen-reply", "assured", "confirmed"))
# ICMP trackers, and the generic one that ESP and AH are left to, never call a connection assured.
_NEVER_ASSURED = frozenset((ICMP, ICMPV6, 50, 51))
_COUNTED = _FIN | _SYN | _RST | _ACK | _URG
# The combinations that a TCP tracker does not refuse outright (tcp_valid_flags), but for those that end a connection.
_VALID = frozenset((_SYN, _SYN | _URG, _SYN | _ACK, _ACK, _ACK | _URG))
_ICMP_NEW = frozenset((8, 13, 15, 17))
_ICMPV6_NEW = frozenset((128, 139))
# Multicast listener and neighbour discovery are never tracked.
_ICMPV6_UNTRACKED = frozenset((130, 131, 132, 133, 134, 135, 136, 143))


def first_state(packet: Packet, *, is_loose: bool | None) -> str | None:
    """Return the state of a packet of no known connection; None when it cannot be told."""
    if packet.protocol == TCP:
        return _tcp(packet.tcp_flags, is_loose=is_loose)
    if packet.protocol in (ICMP, ICMPV6) and packet.icmp_type is None:
        return None
    if packet.protocol == ICMP:
        return "new" if packet.icmp_type in _ICMP_NEW else "invalid"
    if packet.protocol == ICMPV6:
        if packet.icmp_type in _ICMPV6_UNTRACKED:
            return "untracked"
        return "new" if packet.icmp_type in _ICMPV6_NEW else "invalid"
    return "new"


def _tcp(flags: int | None, *, is_loose: bool | None) -> str | None:
    if flags is None:
        return None
    counted = flags & _COUNTED
    if counted not in _VALID:
        return "invalid"
    if counted & _SYN:
        return "invalid" if counted & _ACK else "new"
    return None if is_loose is None else "new" if is_loose else "invalid"


def implied_status(packet: Packet, state: str) -> tuple[int | None, int]:
    """Return the status bits that a state implies (None where hardly any), and those that it leaves open.

    A TCP connection is assured from the last segment of its handshake on; others, where they are at all, when they
    have lasted for some time. What is related belongs to a connection that need not have been answered, or to one
    that is only expected yet.
    """
    if state == "new":
        return 0, 0
    if state == "related":
        is_error = packet.protocol in (ICMP, ICMPV6)
        return (_CONFIRMED, _SEEN_REPLY | _ASSURED) if is_error else (None, 0)
    if packet.protocol == TCP and packet.tcp_flags is not None and not packet.tcp_flags & _SYN:
        return _CONFIRMED | _SEEN_REPLY | _ASSURED, 0
    return _CONFIRMED | _SEEN_REPLY, 0 if packet.protocol in _NEVER_ASSURED else _ASSURED


def tracked_families(ruleset: Ruleset) -> frozenset[Family]:
    """Return the families whose connections are tracked for certain: a rule that is called looks at them or translates.

    The kernel switches tracking on for the rules that need it, so that a chain of type nat without such a rule
    anywhere is asked by nobody; a user that no listing shows (IPVS, Open vSwitch) may have switched it on too.
    """
    found: set[Family] = set()
    for number, family in ((4, Family.IP), (6, Family.IP6)):
        waiting = [base.chain for base in ruleset.bases if number in base.families and base.is_certain]
        seen: set[str] = set()
        while waiting and family not in found:
            key = waiting.pop()
            if key in seen:
                continue
            seen.add(key)
            for rule in ruleset.chains.get(key, ()):
                if any(_needs_tracking(step, number, rule) for step in rule.steps):
                    found.add(family)
                    break
                waiting += _called(rule)
    return frozenset(found)


def _needs_tracking(step: Step, family: int, rule: Rule) -> bool:
    if isinstance(step, Translate):
        # `dnat ip6 to` is of one family although its chain is of both; redirect and masquerade are of the chain's.
        families = [one for one in rule.steps if isinstance(one, Match) and one.fields == (Field.FAMILY,)]
        return step.address is None or all(
            one.is_negated or any(low == family for ((low, _),), _ in one.keys.entries) for one in families
        )
    if isinstance(step, SetMark):
        return Field.CT_MARK in (step.source, step.target)
    options = step.options if isinstance(step, AnyOf) else (step,)
    return any(isinstance(one, Match) and not _OF_CONNECTIONS.isdisjoint(one.fields) for one in options)


def _called(rule: Rule) -> list[str]:
    action = rule.action
    actions = [one for _, one in action.entries] if isinstance(action, Lookup) else [action] if action else []
    return [one.target for one in actions if one.target]
