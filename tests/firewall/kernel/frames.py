"""The bytes of a packet that the protocol of ``auditor firewall eval`` describes, with a token that is found again."""

import ipaddress
import struct
from typing import Any

Packet = dict[str, Any]
"""A packet in the words of the protocol."""

MAGIC = b"\xf1\x7eWa"
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "sctp": 132, "udplite": 136}
FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128}
_TOKEN = len(MAGIC) + 4


def token(number: int) -> bytes:
    """Return what marks the packet with this number."""
    return MAGIC + struct.pack("!I", number)


def number_in(frame: bytes) -> int | None:
    """Return the number of the (last) packet whose token the bytes hold."""
    place = frame.rfind(MAGIC)
    if place < 0 or len(frame) < place + _TOKEN:
        return None
    return int(struct.unpack_from("!I", frame, place + len(MAGIC))[0])


def _sum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _pseudo(packet: Packet, size: int, protocol: int) -> bytes:
    source, destination = _addresses(packet)
    if packet["family"] == "ip":
        return source + destination + struct.pack("!BBH", 0, protocol, size)
    return source + destination + struct.pack("!IHBB", size, 0, 0, protocol)


def _addresses(packet: Packet) -> tuple[bytes, bytes]:
    return ipaddress.ip_address(packet["src"]).packed, ipaddress.ip_address(packet["dst"]).packed


def protocol_number(packet: Packet) -> int:
    """Return the protocol's number."""
    name = packet["proto"]
    return int(name) if isinstance(name, int) else PROTOCOLS[name]


def _transport(packet: Packet, body: bytes) -> bytes:
    """Return header and body with a right checksum."""
    protocol = protocol_number(packet)
    size = len(body)
    ports = struct.pack("!HH", packet.get("sport") or 0, packet.get("dport") or 0)
    if protocol == PROTOCOLS["tcp"]:
        flags = sum(FLAGS[name] for name in packet.get("tcp_flags", ["syn"]))
        made = ports + struct.pack("!IIBBHHH", 1000, 2000 if flags & FLAGS["ack"] else 0, 5 << 4, flags, 8192, 0, 0)
        place = 16
    elif protocol in (PROTOCOLS["udp"], PROTOCOLS["udplite"]):
        made, place = ports + struct.pack("!HH", 8 + size, 0), 6
    elif protocol in (PROTOCOLS["icmp"], PROTOCOLS["icmpv6"]):
        made, place = struct.pack("!BBHHH", packet["icmp_type"], packet["icmp_code"], 0, packet.get("icmp_id", 0), 1), 2
        if "related_to" in packet:
            made = made[:4] + bytes(4)
    elif protocol == PROTOCOLS["gre"]:
        return struct.pack("!HH", 0, 0x0800) + body
    elif protocol == PROTOCOLS["esp"]:
        return struct.pack("!II", 0x1234, 1) + body
    elif protocol == PROTOCOLS["sctp"]:
        return ports + struct.pack("!II", 1, 0) + body
    else:
        return body
    whole = made + body
    covered = whole if protocol == PROTOCOLS["icmp"] else _pseudo(packet, len(whole), protocol) + whole
    check = _sum(covered) or (0xFFFF if protocol == PROTOCOLS["udp"] else 0)
    return whole[:place] + struct.pack("!H", check) + whole[place + 2 :]


def datagram(packet: Packet, number: int) -> bytes:
    """Return the IP packet with its token; a given ``length`` is filled up to."""
    body = token(number)
    if "related_to" in packet:
        quoted = packet["related_to"]
        inner = {**quoted, "family": packet["family"]}
        body = _headed(inner, _transport(inner, b"12345678")) + body
    bare = len(_headed(packet, _transport(packet, body)))
    body += bytes(max(0, packet.get("length", 0) - bare))
    return _headed(packet, _transport(packet, body))


def _headed(packet: Packet, content: bytes) -> bytes:
    source, destination = _addresses(packet)
    protocol, ttl = protocol_number(packet), packet.get("ttl", 64)
    dscp = packet.get("dscp", 0) << 2
    if packet["family"] == "ip6":
        return struct.pack("!IHBB", 6 << 28 | dscp << 20, len(content), protocol, ttl) + source + destination + content
    head = struct.pack("!BBHHHBBH", 0x45, dscp, 20 + len(content), 7, 0, ttl, protocol, 0) + source + destination
    return head[:10] + struct.pack("!H", _sum(head)) + head[12:] + content


def tuple_of(packet: Packet) -> tuple[bytes, bytes, int, int]:
    """Return the ends of a TCP packet, by which the reset that answers it is known."""
    source, destination = _addresses(packet)
    return source, destination, packet.get("sport") or 0, packet.get("dport") or 0


def reset_of(frame: bytes) -> tuple[bytes, bytes, int, int] | None:
    """Return the ends of the packet that this frame resets; None when it is no reset."""
    if frame[:1] and frame[0] >> 4 == 4:
        size = (frame[0] & 15) * 4
        protocol, source, destination = frame[9], frame[12:16], frame[16:20]
    elif len(frame) > 40:
        size, protocol, source, destination = 40, frame[6], frame[8:24], frame[24:40]
    else:
        return None
    if protocol != PROTOCOLS["tcp"] or len(frame) < size + 20 or not frame[size + 13] & FLAGS["rst"]:
        return None
    sport, dport = struct.unpack_from("!HH", frame, size)
    return destination, source, dport, sport


def unreachable_in(frame: bytes) -> str | None:
    """Return type and code of an ICMP error in words; None for anything else."""
    if frame[:1] and frame[0] >> 4 == 4:
        size = (frame[0] & 15) * 4
        is_error = frame[9] == PROTOCOLS["icmp"] and frame[size] == 3
        return f"icmp {frame[size]}/{frame[size + 1]}" if is_error else None
    is_error = len(frame) > 42 and frame[6] == PROTOCOLS["icmpv6"] and frame[40] == 1
    return f"icmpv6 {frame[40]}/{frame[41]}" if is_error else None
