"""Where messages of exporters lie: one after the other in a file (RFC 5655), or as packets of UDP in a capture."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from auditor.ingest.flows.messages import IPFIX, V5, V9, Messages
from auditor.ingest.flows.packets import network_packets
from auditor.ingest.flows.record import Flow
from auditor.ingest.opening import DAMAGES

_UDP = 17


def is_messages(start: bytes) -> bool:
    """Tell whether a file begins as a message does: its version, and a length or count that one can have."""
    if len(start) < 24:  # noqa: PLR2004 — the shortest head with one record's beginning
        return False
    version, second = struct.unpack_from(">HH", start)
    if version == IPFIX:
        return 16 <= second <= 65_535 and int.from_bytes(start[18:20], "big") >= 4  # noqa: PLR2004 — RFC 7011
    return version in (V5, V9) and 0 < second <= 1000  # noqa: PLR2004 — records of one packet


def read_capture(stream: BinaryIO, messages: Messages) -> Iterator[Flow]:
    """Yield the wanted records of the messages in a capture; packets of anything else are passed over and told."""
    tally, strange = messages.tally, 0
    packets = network_packets(
        _take(stream, 4, messages), lambda length: _take(stream, length, messages), tally, lambda: messages.number
    )
    for packet in packets:
        payload = _payload(packet)
        if payload is None or payload[1][:2] not in (b"\0\5", b"\0\x09", b"\0\x0a"):
            strange += 1
            continue
        yield from messages.read(payload[1], payload[0])
    if strange and not messages.versions:
        tally.say(
            f"none of {strange} packets is a message of NetFlow or IPFIX: `nfpcapd -r FILE -w DIR` makes flow records "
            "of a capture of traffic"
        )
        tally.refused += strange


def read_messages(stream: BinaryIO, messages: Messages) -> Iterator[Flow]:
    """Yield the wanted records of messages that lie one after the other; only those of IPFIX say how long they are."""
    tally = messages.tally
    while True:
        head = _take(stream, 16, messages)
        if not head:
            return
        version = int.from_bytes(head[:2], "big")
        if len(head) < 16:  # noqa: PLR2004 — its head
            tally.cut(messages.number, "a message is cut off")
            return
        if version == V5:
            rest = 24 + 48 * int.from_bytes(head[2:4], "big") - 16
        elif version == IPFIX:
            rest = int.from_bytes(head[2:4], "big") - 16
        elif version == V9:
            yield from _read_v9(head, stream, messages)
            return
        else:
            tally.cut(messages.number, f"a message of version {version}: no more is read")
            return
        body = _take(stream, max(0, rest), messages)
        if len(body) < rest or rest < 0:
            tally.cut(messages.number, "a message is cut off")
            if rest > 0:
                yield from messages.read(head + body, b"")
            return
        yield from messages.read(head + body, b"")


def _read_v9(head: bytes, stream: BinaryIO, messages: Messages) -> Iterator[Flow]:
    """Read messages of NetFlow v9, which do not say how long they are: a message ends where another head begins.

    A set's id is 0, 1 or above 255, so that the version (9) is none.
    """
    while len(head) == 16:  # noqa: PLR2004 — what was read of its head
        message = bytearray(head + _take(stream, 4, messages))
        while True:
            start = _take(stream, 4, messages)
            set_id, length = struct.unpack(">HH", start.ljust(4, b"\0"))
            if len(start) < 4 or set_id == V9:  # noqa: PLR2004 — a set's head
                head = start + _take(stream, 12, messages) if start else b""
                break
            body = _take(stream, max(0, length - 4), messages)
            message += start + body
            if length < 4 or len(body) < length - 4:  # noqa: PLR2004 — a set's head
                head = b""
                messages.tally.cut(messages.number, "a message is cut off")
                break
        yield from messages.read(bytes(message), b"")
    if head:
        messages.tally.cut(messages.number, "a message is cut off")


def _take(stream: BinaryIO, length: int, messages: Messages) -> bytes:
    try:
        return stream.read(length)
    except DAMAGES as error:
        messages.tally.cut(messages.number, f"what packs the file is damaged, or the file is cut off: {error}")
        return b""


def _payload(packet: bytes) -> tuple[bytes, bytes] | None:
    """Return who sent a packet and what it carries by UDP; None for any other packet, and for fragments."""
    if len(packet) < 28:  # noqa: PLR2004 — the shortest head and UDP's
        return None
    version = packet[0] >> 4
    if version == 4:  # noqa: PLR2004 — IP's
        size = (packet[0] & 15) * 4
        if packet[9] != _UDP or int.from_bytes(packet[6:8], "big") & 0x3FFF:
            return None
        return packet[12:16], packet[size + 8 : int.from_bytes(packet[2:4], "big") or None]
    if version == 6 and packet[6] == _UDP:  # noqa: PLR2004 — IP's
        return packet[8:24], packet[48 : 40 + int.from_bytes(packet[4:6], "big")]
    return None
