"""JSON too long for memory: lists wait in files beside the document until it is written around them."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Self, TextIO

from auditor.report.rows import Row, compact

# Inside of a string only, and so the same to every reader: a file that is shown or embedded as HTML holds no tag.
_AS_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


class Spool:
    """A list of JSON values on the disk, written row after row; its file has no name and is gone when it is closed."""

    def __init__(self, folder: Path) -> None:
        self._file: TextIO = tempfile.TemporaryFile("w+", dir=folder, encoding="ascii", newline="\n")  # noqa: SIM115 — closed by close()
        self.count = 0
        """How many values it holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: Row) -> None:
        """Put a row at the end."""
        self.add_text(encoded(row))

    def add_text(self, text: str) -> None:
        """Put one line at the end that ``copy_to`` copies as it is."""
        self._file.write(text if not self.count else f",\n{text}")
        self.count += 1

    def copy_to(self, stream: TextIO) -> None:
        """Write all of it, a value a line, a comma between two."""
        self._file.seek(0)
        shutil.copyfileobj(self._file, stream)

    def lines(self) -> Iterator[str]:
        """Yield the lines without what separates them."""
        self._file.seek(0)
        for line in self._file:
            yield line.removesuffix("\n").removesuffix(",")


class Encoded(str):
    """Text that is JSON already."""

    __slots__ = ()


def encoded(value: Any) -> str:  # noqa: ANN401 — whatever JSON can hold
    """Write a value as one line of JSON in ASCII, with no ``<``, ``>`` or ``&`` in it."""
    text = compact(value) if isinstance(value, dict) else json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.translate(_AS_ESCAPES)


def write_document(stream: TextIO, node: Any) -> None:  # noqa: ANN401 — whatever JSON can hold, and lists that come later
    """Write a value in which Spools and iterators stand for lists; a member that is None or empty is left out."""
    if isinstance(node, Encoded):
        stream.write(node)
    elif isinstance(node, Mapping):
        separator = "{"
        for key, value in node.items():
            present = _present(value)
            if present is None:
                continue
            stream.write(f"{separator}{encoded(key)}:")
            write_document(stream, present)
            separator = ","
        stream.write("{}" if separator == "{" else "}")
    elif isinstance(node, Spool):
        stream.write("[\n")
        node.copy_to(stream)
        stream.write("\n]")
    elif isinstance(node, list | Iterator):
        separator = "["
        for value in node:
            stream.write(separator)
            write_document(stream, value)
            separator = ",\n"
        stream.write("[]" if separator == "[" else "]")
    else:
        stream.write(encoded(node))


def _present(value: Any) -> Any:  # noqa: ANN401 — as above
    """Return a value that has something in it; None for nothing."""
    if isinstance(value, Spool):
        return value if value.count else None
    if isinstance(value, Iterator):
        first = next(value, None)
        return None if first is None else chain((first,), value)
    return value if value or value == 0 else None
