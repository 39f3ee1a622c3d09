"""Connections that the host under test already knows, written into the kernel's table (ctnetlink)."""

import ipaddress
import socket
import struct

from tests.firewall.kernel.frames import PROTOCOLS, Packet, protocol_number

# linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h, nf_conntrack_common.h
_NETLINK_NETFILTER = 12
_CREATE, _DELETE = 0x0100, 0x0102
_REQUEST, _ACK, _NEW = 0x01, 0x04, 0x0600
_NESTED = 0x8000
_TUPLE_ORIGINAL, _TUPLE_REPLY, _STATUS, _PROTOINFO, _TIMEOUT = 1, 2, 3, 4, 7
_SEEN_REPLY, _ASSURED, _CONFIRMED = 2, 4, 8
_ESTABLISHED = 3
_LIBERAL = 0x08


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)


def _nested(kind: int, *parts: bytes) -> bytes:
    return _attribute(kind | _NESTED, b"".join(parts))


def _tuple(kind: int, packet: Packet, *, is_reply: bool) -> bytes:
    source, destination = (ipaddress.ip_address(packet[name]).packed for name in ("src", "dst"))
    ports = (packet.get("sport") or 0, packet.get("dport") or 0)
    if is_reply:
        source, destination, ports = destination, source, (ports[1], ports[0])
    first = 1 if packet["family"] == "ip" else 3
    protocol = protocol_number(packet)
    addresses = _nested(1, _attribute(first, source), _attribute(first + 1, destination))
    words = [_attribute(1, bytes([protocol]))]
    if protocol in (PROTOCOLS["icmp"], PROTOCOLS["icmpv6"]):
        at = 4 if protocol == PROTOCOLS["icmp"] else 7
        asks, answers = (8, 0) if protocol == PROTOCOLS["icmp"] else (128, 129)
        was_answer = packet["icmp_type"] == answers
        kind_of = answers if was_answer is not is_reply else asks
        words += [_attribute(at, struct.pack("!H", packet.get("icmp_id", 0)))]
        words += [_attribute(at + 1, bytes([kind_of])), _attribute(at + 2, b"\0")]
    else:
        words += [_attribute(2, struct.pack("!H", ports[0])), _attribute(3, struct.pack("!H", ports[1]))]
    return _nested(kind, addresses, _nested(2, *words))


class Table:
    """The table of connections of the namespace it is opened in."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.settimeout(5)

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()

    def empty(self) -> None:
        """Forget every connection."""
        self._ask(_DELETE, _REQUEST | _ACK, socket.AF_UNSPEC, b"")

    def add(self, packet: Packet, *, is_reply: bool, is_assured: bool = True) -> None:
        """Know a connection that was answered already, of which this packet is a part, in this direction.

        It may be assured if it is of TCP: others are only when they go on for some time.
        """
        is_assured = is_assured and protocol_number(packet) == PROTOCOLS["tcp"]
        parts = [
            _tuple(_TUPLE_ORIGINAL, packet, is_reply=is_reply),
            _tuple(_TUPLE_REPLY, packet, is_reply=not is_reply),
            _attribute(_STATUS, struct.pack("!I", _SEEN_REPLY | _CONFIRMED | (_ASSURED if is_assured else 0))),
            _attribute(_TIMEOUT, struct.pack("!I", 600)),
        ]
        if protocol_number(packet) == PROTOCOLS["tcp"]:
            liberal = struct.pack("BB", _LIBERAL, _LIBERAL)
            inner = (_attribute(1, bytes([_ESTABLISHED])), _attribute(4, liberal), _attribute(5, liberal))
            parts.append(_nested(_PROTOINFO, _nested(1, *inner)))
        family = socket.AF_INET if packet["family"] == "ip" else socket.AF_INET6
        self._ask(_CREATE, _REQUEST | _ACK | _NEW, family, b"".join(parts))

    def _ask(self, kind: int, flags: int, family: int, content: bytes) -> None:
        body = struct.pack("=BBH", family, 0, 0) + content
        self._socket.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        answer = self._socket.recv(65536)
        error = struct.unpack_from("=i", answer, 16)[0]
        if error and not (kind == _DELETE and error == -2):
            raise OSError(-error, f"ctnetlink {kind:#x}")
