"""The records of a text file: JSON lines, a JSON array, CSV; one at a time, the bad ones named and passed over."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from auditor.ingest.opening import Damaged
from auditor.model.device_event import RefusedRecord

Record = tuple[int, dict[str, Any] | RefusedRecord]

LONGEST = 8 * 1024 * 1024
"""Characters of one record."""
_BLOCK = 1 << 18
_BLANK = " \t\r\n\ufeff"
_HEAD = 65536


def text_of(stream: "io.BufferedReader[Any]") -> io.TextIOWrapper:
    """Return a stream's text: UTF-8, or UTF-16 where it begins so (PowerShell's own redirection writes that)."""
    begin = stream.peek(2)[:2]
    encoding = "utf-16" if begin in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")


def lines_of(text: io.TextIOBase) -> Iterator[tuple[int, str | RefusedRecord]]:
    """Yield lines with their numbers; one that is too long is refused."""
    number = 0
    while line := text.readline(LONGEST):
        number += 1
        if len(line) >= LONGEST and not line.endswith("\n"):
            while (more := text.readline(LONGEST)) and not more.endswith("\n"):
                pass
            yield number, RefusedRecord(number=number, reason=f"is longer than {LONGEST} characters")
        else:
            yield number, line


def json_records(text: io.TextIOBase) -> Iterator[Record]:
    """Yield the objects of a file of JSON: one a line, or an array, or one after another."""
    begin = text.read(_HEAD)
    first, _, rest = begin.lstrip(_BLANK).partition("\n")
    is_lines = first.startswith("{") and (not rest or first.rstrip().endswith("}"))
    whole = _Prefixed(begin, text)
    yield from _from_lines(whole) if is_lines else _from_stream(whole)


class _Prefixed(io.TextIOBase):
    """A text whose beginning was read already."""

    def __init__(self, begin: str, text: io.TextIOBase) -> None:
        self._begin: io.StringIO | None = io.StringIO(begin, newline="")
        self._text = text

    def read(self, size: int | None = -1, /) -> str:
        if self._begin is not None:
            if found := self._begin.read(size):
                return found
            self._begin = None
        return self._text.read(size)

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        if self._begin is None:
            return self._text.readline(size)
        found = self._begin.readline(size)
        if found.endswith("\n") or (size >= 0 and len(found) == size):
            return found
        self._begin = None
        return found + self._text.readline(size - len(found) if size >= 0 else -1)


def _from_lines(text: io.TextIOBase) -> Iterator[Record]:
    for number, line in lines_of(text):
        if isinstance(line, RefusedRecord):
            yield number, line
        elif line.strip(_BLANK):
            try:
                found = json.loads(line.strip(_BLANK))
            except (ValueError, RecursionError) as error:
                yield number, RefusedRecord(number=number, reason=f"not JSON: {error}")
            else:
                yield number, _object(found, number)


def _object(found: object, number: int) -> dict[str, Any] | RefusedRecord:
    return found if isinstance(found, dict) else RefusedRecord(number=number, reason="is no JSON object")


def _from_stream(text: io.TextIOBase) -> Iterator[Record]:
    """Yield the objects of an array, or that follow each other; after a bad one, go on where the next one begins.

    Raises Damaged where that is nowhere, or the array does not end.
    """
    decoder = json.JSONDecoder()
    buffer, at, number, is_end = "", 0, 0, False
    indent: str | None = None
    is_open = False
    while True:
        while at < len(buffer) and buffer[at] in f"{_BLANK}[],":
            is_open = buffer[at] == "[" or (is_open and buffer[at] != "]")
            at += 1
        if at >= len(buffer) - 1 and not is_end:
            more = text.read(_BLOCK)
            is_end = not more
            buffer, at = buffer[at:] + more, 0
            continue
        if at >= len(buffer):
            if is_open:
                raise Damaged("it ends before its array does")
            return
        if indent is None:
            indent = buffer[buffer.rfind("\n", 0, at) + 1 : at] if "\n" in buffer[:at] else ""
            indent = indent if not indent.strip(" \t") else ""
        try:
            found, end = decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError) as error:
            # It may only be cut by the end of the block; a second try reads twice as much.
            if not is_end and len(buffer) - at < LONGEST:
                more = text.read(max(_BLOCK, len(buffer) - at))
                is_end = not more
                buffer, at = buffer[at:] + more, 0
                continue
            number += 1
            yield number, RefusedRecord(number=number, reason=f"not JSON: {error}")
            begins = re.compile(rf"\n{re.escape(indent)}\{{").search(buffer, at + 1)
            if begins is None:
                raise Damaged("no further record begins where one is looked for") from error
            at = begins.start()
            continue
        number += 1
        yield number, _object(found, number)
        at = end


def csv_records(text: io.TextIOBase) -> Iterator[Record]:
    """Yield the rows of a file of CSV by the names of its head; numbers are those of lines."""
    csv.field_size_limit(LONGEST)
    lines = (line.replace("\0", "") if isinstance(line, str) else "" for _, line in lines_of(text))
    reader = csv.reader(lines, strict=True)
    names: list[str] | None = None
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, RefusedRecord(number=reader.line_num, reason=f"not CSV: {error}")
            continue
        if not row:
            continue
        if names is None:
            names = [name.strip(_BLANK) for name in row]
        elif len(row) != len(names):
            reason = f"has {len(row)} cells, the head has {len(names)}"
            yield reader.line_num, RefusedRecord(number=reader.line_num, reason=reason)
        else:
            yield reader.line_num, dict(zip(names, row, strict=True))
