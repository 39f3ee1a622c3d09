"""What connection tracking makes of a packet that nothing announced (nf_conntrack's protocol trackers)."""

from auditor.firewall.dialects.values import ICMP, ICMPV6, TCP
from auditor.model.packet import Packet
from auditor.model.ruleset import CT_STATUSES, TCP_FLAGS

_FIN, _SYN, _RST, _ACK, _URG = (TCP_FLAGS[name] for name in ("fin", "syn", "rst", "ack", "urg"))
_COUNTED = _FIN | _SYN | _RST | _ACK | _URG
# The combinations that a TCP tracker does not refuse outright (tcp_valid_flags).
_VALID = frozenset(
    (_SYN, _SYN | _URG, _SYN | _ACK, _RST, _RST | _ACK, _FIN | _ACK, _FIN | _ACK | _URG, _ACK, _ACK | _URG)
)
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
    if counted not in _VALID or counted & (_RST | _FIN):
        return "invalid"
    if counted & _SYN:
        return "invalid" if counted & _ACK else "new"
    return None if is_loose is None else "new" if is_loose else "invalid"


def implied_status(packet: Packet, state: str) -> int:
    """Return the status bits that a state implies."""
    if state == "new":
        return 0
    status = CT_STATUSES["confirmed"] | CT_STATUSES["seen-reply"]
    return status | CT_STATUSES["assured"] if packet.protocol == TCP else status
