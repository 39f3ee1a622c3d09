"""Rows that wait on the disk for the pages which list them: of a large fleet, more than memory should hold."""

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from auditor.report.rows import Row

_FILE = ".scratch.sqlite"
_BATCH = 500
"""Rows that are written at once."""
_NUMBER = 8
"""Bytes of a number in a key."""
_HALF = 1 << (8 * _NUMBER - 1)


class Scratch:
    """Lists of rows in one file, which is gone when it is closed; what is wrong with the disk is an OSError."""

    def __init__(self, folder: Path) -> None:
        """Begin an empty file."""
        self._path = folder / _FILE
        # SQLite would say that it cannot open it, and not why.
        self._path.touch()
        self._database = sqlite3.connect(self._path, isolation_level=None)
        with self._faults():
            for said in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "temp_store=FILE"):
                self._database.execute(f"PRAGMA {said}")
            self._database.execute(
                "CREATE TABLE rows (at INTEGER PRIMARY KEY, list INTEGER, part INTEGER, key BLOB, row)"
            )
        self._waiting: list[tuple[int, int, bytes, str]] = []
        self._lists = 0
        self._is_sorted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._path.unlink(missing_ok=True)

    def rows(self) -> "ScratchRows":
        """Return a new list, empty."""
        self._lists += 1
        return ScratchRows(self, self._lists)

    def put(self, number: int, part: int, key: bytes, row: Row) -> None:
        """Put a row into a part of a list."""
        self._waiting.append((number, part, key, json.dumps(row, separators=(",", ":"))))
        if len(self._waiting) >= _BATCH:
            with self._faults():
                self._write()

    def read(self, number: int, part: int) -> Iterator[Row]:
        """Yield the rows of a part of a list by their keys, those of one key in the order in which they came."""
        with self._faults():
            self._write()
            if not self._is_sorted:
                # Once nearly all of them are there: sorted as they come, each would cost a place in the middle.
                self._database.execute("CREATE INDEX sorted ON rows (list, part, key, at)")
                self._is_sorted = True
            query = "SELECT row FROM rows WHERE list = ? AND part = ? ORDER BY key, at"
            with closing(self._database.execute(query, (number, part))) as found:
                for (text,) in found:
                    yield json.loads(text)

    def _write(self) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO rows (list, part, key, row) VALUES (?, ?, ?, ?)", self._waiting)
        self._database.execute("COMMIT")
        self._waiting.clear()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            why = (errno.ENOSPC, os.strerror(errno.ENOSPC)) if is_full else (None, str(error))
            raise OSError(*why, str(self._path)) from error


class ScratchRows:
    """A list of rows on the disk; each is read anew, as JSON has it: a tuple comes back as a list."""

    def __init__(self, scratch: Scratch, number: int) -> None:
        """Take where it lies; see ``Scratch.rows``."""
        self._scratch = scratch
        self._number = number
        self._count = 0

    def append(self, row: Row, part: int = 0, key: bytes = b"") -> None:
        """Put a row into the list, or a part of it, at a place there that its key says (``sort_key``)."""
        self._scratch.put(self._number, part, key, row)
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        return self.of(0)

    def of(self, part: int) -> Iterator[Row]:
        """Yield the rows of a part by their keys, those of one key in the order in which they came."""
        return self._scratch.read(self._number, part)


def sort_key(*parts: str | int) -> bytes:
    """Return bytes that sort as a tuple of texts and numbers does: texts by code points, numbers of 64 bits."""
    return b"".join(
        (part + _HALF).to_bytes(_NUMBER, "big")
        if isinstance(part, int)
        # A zero ends a text, so that a shorter one comes first; one inside of it is marked.
        else part.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff") + b"\0"
        for part in parts
    )
