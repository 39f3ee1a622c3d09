"""The packets of a capture: libpcap's savefile format (pcap-savefile(5)) and pcapng (draft-ietf-opsawg-pcapng)."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from auditor.ingest.flows.record import Tally

Take = Callable[[int], bytes]
"""Reads so many bytes, fewer at the end of the file."""
_ORDERS = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\x3c\x4d": ">"}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_MAGICS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SECTION, _INTERFACE, _OLD, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_LONGEST, _LONGEST_BLOCK = 262_144, 16 << 20
_MOST_INTERFACES = 4096
# Bytes before the network's own by the kind of link (tcpdump.org, "Link-Layer Header Types").
_LINKS = {0: 4, 1: 14, 12: 0, 101: 0, 113: 16, 228: 0, 229: 0, 276: 20}
_KINDS = {1: 12, 113: 14, 276: 0}
"""Where links that may carry tags of VLANs say what follows."""
_TAGS = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
"""IEEE 802.1Q, 802.1ad (QinQ), and what switches wrote before that had a number."""
_MOST_TAGS = 4


def is_capture(start: bytes) -> bool:
    """Tell whether a file begins as a capture of packets does."""
    return start[:4] in _ORDERS or (start[:4] == _PCAPNG and start[8:12] in _MAGICS)


def network_packets(start: bytes, take: Take, tally: Tally, number: Callable[[], int]) -> Iterator[bytes]:
    """Yield the packets of a capture, from the network's own head on; ``start`` is its first four bytes.

    ``number`` tells how many records were met, for what is said of where a file is cut off.
    """
    reader = _Capture(take=take, tally=tally, number=number)
    for link, packet in reader.pcapng() if start == _PCAPNG else reader.savefile(start):
        yield _of_network(packet, link)


@dataclass(slots=True, kw_only=True)
class _Capture:
    """A capture on its way."""

    take: Take
    tally: Tally
    number: Callable[[], int]
    links: list[tuple[int, int]] = field(default_factory=list)
    """Kind of link, and bytes that are kept of a packet, of each interface of the section."""
    strange: set[int] = field(default_factory=set)

    def cut(self, why: str) -> None:
        self.tally.cut(self.number(), why)

    def savefile(self, start: bytes) -> Iterator[tuple[int, bytes]]:
        order = _ORDERS[start]
        link = struct.unpack_from(f"{order}I", self.take(20).ljust(20, b"\0"), 16)[0] & 0xFFFF
        if link not in _LINKS:
            self.cut(f"packets of link type {link} are not read")
            return
        while head := self.take(16):
            length = struct.unpack_from(f"{order}I", head.ljust(16, b"\0"), 8)[0]
            if len(head) < 16 or length > _LONGEST:  # noqa: PLR2004 — its head
                self.cut(f"a packet of {length} bytes" if length > _LONGEST else "a packet is cut off")
                return
            packet = self.take(length)
            if len(packet) < length:
                self.cut("a packet is cut off")
                return
            yield link, packet

    def pcapng(self) -> Iterator[tuple[int, bytes]]:
        order, head = "<", _PCAPNG + self.take(4)
        while head:
            kind = int.from_bytes(head[:4], "little" if order == "<" else "big")
            magic = b""
            if head[:4] == _PCAPNG:
                kind, magic, self.links = _SECTION, self.take(4), []
                order = _MAGICS.get(magic, "")
            body = self._body(head, magic, order)
            if body is None:
                return
            found = self._packet(kind, body, order)
            if found is not None:
                yield found
            head = self.take(8)

    def _body(self, head: bytes, magic: bytes, order: str) -> bytes | None:
        """Read what stands in a block; None where that is cut off, or is no block."""
        length = struct.unpack_from(f"{order or '<'}I", head.ljust(8, b"\0"), 4)[0]
        rest = length - 8 - len(magic)
        if len(head) < 8 or not order or rest < 4 or length > _LONGEST_BLOCK:  # noqa: PLR2004 — a block's head and tail
            self.cut("a block of the capture is cut off, or is none")
            return None
        body = self.take(rest)
        if len(body) < rest:
            self.cut("a block of the capture is cut off")
            return None
        return body[:-4]

    def _packet(self, kind: int, body: bytes, order: str) -> tuple[int, bytes] | None:
        """Return the packet of a block with its kind of link; None for a block of another kind."""
        try:
            if kind == _INTERFACE:
                link, _, kept = struct.unpack_from(f"{order}HHI", body)
                if len(self.links) < _MOST_INTERFACES:
                    self.links.append((link, kept))
                return None
            if kind == _ENHANCED:
                interface, _, _, length = struct.unpack_from(f"{order}IIII", body)
                at = 20
            elif kind == _OLD:
                interface, _, _, _, length = struct.unpack_from(f"{order}HHIII", body)
                at = 20
            elif kind == _SIMPLE:
                (length,) = struct.unpack_from(f"{order}I", body)
                interface, at = 0, 4
                length = min(length, self.links[0][1] or length)
            else:
                return None
            link = self.links[interface][0]
        except (struct.error, IndexError):
            self.tally.refuse(self.number(), "a block of the capture that is none, or of no interface")
            return None
        if link not in _LINKS:
            if link not in self.strange:
                self.strange.add(link)
                self.cut(f"packets of link type {link} are not read")
            return None
        return link, body[at : at + length]


def _of_network(packet: bytes, link: int) -> bytes:
    """Take off what stands before the network's own head: that of the link, and tags of VLANs."""
    at, kind = _LINKS[link], _KINDS.get(link)
    if kind is not None:
        said = packet[kind : kind + 2]
        for _ in range(_MOST_TAGS):
            if said not in _TAGS:
                break
            said = packet[at + 2 : at + 4]
            at += 4
    return packet[at:]
