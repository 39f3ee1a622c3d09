"""Where each section lies in a bundle's pack: found by its hash, one line of many in memory."""

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from auditor.model.evidence import Outcome
from auditor.run.manifest import is_digest
from auditor.run.strict_json import strict_json
from auditor.store.record import SectionRecord

LINE_LIMIT = 1 << 22
"""Bytes that one line of a bundle's evidence may have."""
_CUT_OFF = f"a line is cut off, or longer than {LINE_LIMIT} bytes"
_LINE = 8192
"""Bytes that hold the line of nearly every host."""
_EVERY = 64
"""Of so many lines one is remembered; the others are looked for from there."""
_KEYS = 8


class SectionIndex:
    """The lines of ``sections.jsonl``, which stand in the order of their hashes, and the pack they point into.

    Memory does not grow with the sections, but for some 100 bytes for each 64 of them.
    """

    def __init__(self, lines: Path, pack: Path) -> None:
        """Look through all lines once; ValueError for one that is no section's, or not in its place."""
        self._lines, self._pack = lines, pack
        self._hashes: list[str] = []
        self._starts: list[int] = []
        packed, last, at = 0, "", 0
        with lines.open("rb") as stream:
            for number, line in enumerate(whole_lines(stream)):
                row = _checked(line)
                if row["sha256"] <= last or row["offset"] != packed or _named(row["sha256"]) not in line:
                    raise ValueError(f"line {number + 1} of {lines.name} is out of its order")
                if number % _EVERY == 0:
                    self._hashes.append(row["sha256"])
                    self._starts.append(at)
                last, packed, at = row["sha256"], packed + row["length"], at + len(line)
        if packed != pack.stat().st_size:
            raise ValueError(f"{pack.name} is not as long as its sections")
        self._starts.append(at)

    def sections(self, hashes: tuple[str, ...]) -> list[SectionRecord]:
        """Return sections as the store keeps them; KeyError with the hash of one that is not there."""
        with opened(self._lines) as lines, opened(self._pack) as pack:
            return [self._read(sha256, lines, pack) for sha256 in hashes]

    def _read(self, sha256: str, lines: int, pack: int) -> SectionRecord:
        block = bisect_right(self._hashes, sha256) - 1
        if block < 0:
            raise KeyError(sha256)
        start, end = self._starts[block : block + 2]
        # The hash in quotes cannot stand within another text of the line: there its quotes would be escaped.
        found = os.pread(lines, end - start, start)
        at = found.find(_named(sha256))
        if at < 0:
            raise KeyError(sha256)
        row = _checked(found[found.rfind(b"\n", 0, at) + 1 : found.index(b"\n", at) + 1])
        offset, length = row.pop("offset"), row.pop("length")
        packed = os.pread(pack, length, offset)
        return SectionRecord(**(row | {"outcome": Outcome(row["outcome"])}), packed=packed)


@contextmanager
def opened(file: Path) -> Iterator[int]:
    """Open a file that is read at a few places: a third of what a stream with its buffer takes."""
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def line_at(handle: int, place: int) -> bytes:
    """Return the line that begins at a place, with its end; ValueError as of ``whole_lines``."""
    line = os.pread(handle, _LINE, place)
    while b"\n" not in line and len(line) <= LINE_LIMIT:
        more = os.pread(handle, LINE_LIMIT, place + len(line))
        if not more:
            break
        line += more
    line = line[: line.find(b"\n") + 1]
    if not line or len(line) > LINE_LIMIT:
        raise ValueError(_CUT_OFF)
    return line


def whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines with their ends; ValueError for one that is too long for an answer, or not ended."""
    while line := stream.readline(LINE_LIMIT + 1):
        if not line.endswith(b"\n") or len(line) > LINE_LIMIT:
            raise ValueError(_CUT_OFF)
        yield line


def _named(sha256: str) -> bytes:
    return f'"sha256":"{sha256}"'.encode()


def _checked(line: bytes) -> dict[str, Any]:
    """Read one line; ValueError or TypeError where it is not what we write."""
    row: dict[str, Any] = strict_json(line)
    counts = (row["offset"], row["length"], row["redactions"])
    texts = (row["id"], row["stderr"], *([] if row["reason"] is None else [row["reason"]]))
    if not all(type(one) is int and one >= 0 for one in counts) or not all(isinstance(one, str) for one in texts):
        raise ValueError("a line says of a section what none is")
    if not is_digest(row["sha256"]) or len(row) != _KEYS:
        raise ValueError("a line names no section")
    Outcome(row["outcome"])
    return row
