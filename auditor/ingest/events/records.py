"""The records of a text file: JSON lines, a JSON array, CSV; one at a time, the bad ones named and passed over."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from auditor.ingest.opening import DAMAGES, Damaged
from auditor.model.device_event import RefusedRecord

Record = tuple[int, dict[str, Any] | RefusedRecord]

LONGEST = 8 * 1024 * 1024
"""Characters of one record."""
_BLOCK = 1 << 18
_BYTES = 1 << 17
_BLANK = " \t\r\n\ufeff"
_HEAD = 65536


class Text:
    """The text of a stream: UTF-8, or UTF-16 where it begins so (PowerShell's own redirection writes that).

    It is given in blocks, and what comes before damage is given before that is raised.
    """

    def __init__(self, stream: "io.BufferedReader[Any]") -> None:
        """Tell how the stream is encoded."""
        begin = stream.peek(2)[:2]
        encoding = "utf-16" if begin in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._stream, self._ready = stream, ""
        self._damage: BaseException | None = None

    def read(self, size: int) -> str:
        """Return at least so many characters, fewer at the end, none after it."""
        parts, length = [self._ready], len(self._ready)
        self._ready = ""
        while length < size or not length:
            part = self._block()
            if part is None:
                break
            parts.append(part)
            length += len(part)
        if not length and self._damage is not None:
            raise self._damage
        return "".join(parts)

    def put_back(self, begin: str) -> None:
        """Have some text be read again."""
        self._ready = begin + self._ready

    def _block(self) -> str | None:
        """Return some text; None at the end, or where damage is."""
        if self._damage is not None:
            return None
        try:
            data = self._stream.read1(_BYTES)
        except DAMAGES as error:
            self._damage = error
            return None
        if data:
            return self._decoder.decode(data)
        return self._decoder.decode(b"", final=True) or None


def lines_of(text: Text) -> Iterator[tuple[int, str | RefusedRecord]]:
    """Yield lines with their numbers, each with its end; one that is too long is refused."""
    number, left, is_skipping = 0, "", False
    while block := text.read(1):
        lines = (left + block).split("\n")
        left = lines.pop()
        if is_skipping and lines:
            del lines[0]
            is_skipping = False
        for line in lines:
            number += 1
            yield number, line + "\n" if len(line) <= LONGEST else _too_long(number)
        if len(left) > LONGEST or is_skipping:
            if not is_skipping:
                number += 1
                yield number, _too_long(number)
            left, is_skipping = "", True
    if left:
        yield number + 1, left


def _too_long(number: int) -> RefusedRecord:
    return RefusedRecord(number=number, reason=f"is longer than {LONGEST} characters")


def json_records(text: Text) -> Iterator[Record]:
    """Yield the objects of a file of JSON: one a line, or an array, or one after another."""
    begin = text.read(_HEAD)
    first, _, rest = begin.lstrip(_BLANK).partition("\n")
    is_lines = first.startswith("{") and (not rest or first.rstrip().endswith("}"))
    text.put_back(begin)
    yield from _from_lines(text) if is_lines else _from_stream(text)


def _from_lines(text: Text) -> Iterator[Record]:
    decode = msgspec.json.Decoder().decode
    for number, line in lines_of(text):
        if isinstance(line, RefusedRecord):
            yield number, line
            continue
        try:
            found = decode(line)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            if line.strip(_BLANK):
                yield number, _loaded(line.strip(_BLANK), number)
            continue
        yield number, found if type(found) is dict else _object(found, number)


def _loaded(line: str, number: int) -> dict[str, Any] | RefusedRecord:
    """Read a line that the fast reader does not take: Python's own takes NaN and halves of surrogates, too."""
    try:
        return _object(json.loads(line), number)
    except (ValueError, RecursionError) as error:
        return RefusedRecord(number=number, reason=f"not JSON: {error}")


def _object(found: object, number: int) -> dict[str, Any] | RefusedRecord:
    return found if isinstance(found, dict) else RefusedRecord(number=number, reason="is no JSON object")


def _from_stream(text: Text) -> Iterator[Record]:
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


def csv_records(text: Text) -> Iterator[Record]:
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
