"""The lines of a file of records, in bounds: what is too long is refused, what is damaged is told."""

from collections.abc import Iterator
from typing import BinaryIO

from auditor.ingest.flows.record import Tally
from auditor.ingest.opening import BLOCK, DAMAGES

LONGEST = 1 << 20
"""Bytes that one line, or one JSON record, may have."""


def lines_of(stream: BinaryIO, tally: Tally) -> Iterator[bytes]:
    """Yield the lines of a stream without their ends; one that is too long is refused, and damage ends them."""
    for lines, _ in blocks_of(stream, tally):
        yield from lines


def blocks_of(stream: BinaryIO, tally: Tally) -> Iterator[tuple[list[bytes], bool]]:
    """Yield the same, as many at a time as are read at once, with whether there may be a quote in one of them."""
    left, number, is_skipping, is_quoted = b"", 0, False, False
    while True:
        try:
            block = stream.read1(BLOCK)  # type: ignore[attr-defined]
        except DAMAGES as error:
            tally.cut(number, f"what packs the file is damaged, or the file is cut off: {error}")
            break
        if not block:
            break
        lines = (left + block).split(b"\n")
        left = lines.pop()
        if is_skipping and lines:
            lines, is_skipping = lines[1:], False
        number += len(lines)
        yield lines, is_quoted or b'"' in block
        is_quoted = b'"' in left
        if len(left) > LONGEST:
            if not is_skipping:
                number += 1
                tally.refuse(number, f"is longer than {LONGEST} bytes")
            left, is_skipping = b"", True
    if left and not is_skipping:
        yield [left], is_quoted
