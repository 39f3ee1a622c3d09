"""Write event log files of Windows, after the documented format (libevtx: "Windows XML Event Log (EVTX)").

What Windows writes refers to templates; here every record spells its elements out, which the format allows too. So
these files are made by tests: they are none that a Windows wrote.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

_CHUNK, _HEAD = 65536, 512
_FILE_HEAD = 4096
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_TEXT = 0x01


class _Chunk:
    """Records of one chunk, whose names are kept once."""

    def __init__(self, first: int) -> None:
        self.data = bytearray(_HEAD)
        self.first = self.last = first
        self._names: dict[str, int] = {}

    def add(self, number: int, at: datetime, root: "Element") -> None:
        start = len(self.data)
        ticks = (at - _EPOCH) // timedelta(microseconds=1) * 10
        self.data += struct.pack("<IIQQ", 0x00002A2A, 0, number, ticks)
        self.data += b"\x0f\x01\x01\x00"
        self._element(root)
        self.data += b"\x00"
        size = len(self.data) - start + 4
        self.data += struct.pack("<I", size)
        struct.pack_into("<I", self.data, start + 4, size)
        self.last = number
        self.last_offset = start

    def _name(self, name: str) -> None:
        known = self._names.get(name)
        if known is not None:
            self.data += struct.pack("<I", known)
            return
        at = len(self.data) + 4
        self._names[name] = at
        self.data += struct.pack("<I", at)
        number = 0
        for character in name:
            number = (number * 65599 + ord(character)) & 0xFFFFFFFF
        self.data += struct.pack("<IHH", 0, number & 0xFFFF, len(name)) + name.encode("utf-16-le") + b"\0\0"

    def _element(self, one: "Element") -> None:
        self.data += b"\x41" if one.attributes else b"\x01"
        place = len(self.data)
        self.data += struct.pack("<I", 0)
        self._name(one.name)
        if one.attributes:
            size_at = len(self.data)
            self.data += struct.pack("<I", 0)
            last = len(one.attributes) - 1
            for index, (name, value) in enumerate(one.attributes.items()):
                self.data += b"\x06" if index == last else b"\x46"
                self._name(name)
                self._text(value)
            struct.pack_into("<I", self.data, size_at, len(self.data) - size_at - 4)
        if not one.children and not one.text:
            self.data += b"\x03"
        else:
            self.data += b"\x02"
            if one.text:
                self._text(one.text)
            for child in one.children:
                self._element(child)
            self.data += b"\x04"
        struct.pack_into("<I", self.data, place, len(self.data) - place - 4)

    def _text(self, text: str) -> None:
        coded = text.encode("utf-16-le")
        self.data += struct.pack("<BBH", 0x05, _TEXT, len(coded) // 2) + coded

    def written(self) -> bytes:
        free = len(self.data)
        content = bytes(self.data[_HEAD:])
        head = bytearray(_HEAD)
        first_last = (self.first, self.last, self.first, self.last)
        struct.pack_into(
            "<8sQQQQIIII", head, 0, b"ElfChnk\0", *first_last, 128, self.last_offset, free, zlib.crc32(content)
        )
        struct.pack_into("<I", head, 124, zlib.crc32(bytes(head[:120]) + bytes(head[128:])))
        return bytes(head) + content + bytes(_CHUNK - free)


class Element:
    """An element of a record."""

    def __init__(
        self, name: str, text: str = "", children: Sequence["Element"] = (), attributes: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.text, self.children, self.attributes = name, text, children, attributes or {}


def event(provider: str, number: int, computer: str, at: datetime, data: Mapping[str, str]) -> Element:
    """Make one event as Windows lays it out."""
    system = Element(
        "System",
        children=[
            Element("Provider", attributes={"Name": provider}),
            Element("EventID", str(number)),
            Element("TimeCreated", attributes={"SystemTime": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}),
            Element("Computer", computer),
        ],
    )
    fields = [Element("Data", value, attributes={"Name": name}) for name, value in data.items()]
    return Element("Event", children=[system, Element("EventData", children=fields)])


def write_evtx(file: Path, records: Sequence[tuple[datetime, Element]], *, each: int = 50) -> None:
    """Write records, so many to a chunk."""
    chunks: list[_Chunk] = []
    for number, (at, root) in enumerate(records, 1):
        if (number - 1) % each == 0:
            chunks.append(_Chunk(number))
        chunks[-1].add(number, at, root)
    head = bytearray(_FILE_HEAD)
    struct.pack_into(
        "<8sQQQIHHHH", head, 0, b"ElfFile\0", 0, len(chunks) - 1, len(records) + 1, 128, 1, 3, _FILE_HEAD, len(chunks)
    )
    struct.pack_into("<I", head, 124, zlib.crc32(bytes(head[:120])))
    file.write_bytes(bytes(head) + b"".join(chunk.written() for chunk in chunks))
