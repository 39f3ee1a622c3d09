"""Open a file of records: packed or not, hashed as it goes by, and told by its first bytes."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from auditor.errors import UsageError

BLOCK = 1 << 20
_BITE = 2048
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_WINDOW = 1 << 27
"""Memory that a zstd stream may ask for: 128 MiB, as ``zstd --long=27`` needs."""
DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)
"""What readers raise where what packs a file is damaged, or ends too early."""


class Damaged(Exception):  # noqa: N818 — a state of the file, not of the program
    """What holds the records is damaged, or ends too early: nothing that comes after is known."""


class _Hashed(io.RawIOBase):
    """A file whose bytes are hashed as they are read."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._raw.read(len(buffer))
        self.digest.update(data)
        buffer[: len(data)] = data
        return len(data)

    def rest(self) -> str:
        """Read what nobody asked for, and return the SHA-256 of all bytes."""
        while data := self._raw.read(BLOCK):
            self.digest.update(data)
        return self.digest.hexdigest()


class _Gzip(io.RawIOBase):
    """The members of gzip in a stream, step by step: what comes before damage is given before it is said."""

    def __init__(self, below: BinaryIO) -> None:
        self._file = gzip.GzipFile(fileobj=below)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Zstd(io.RawIOBase):
    """The frames of zstd in a stream; EOFError where it ends within one, which the library's own reader does not say.

    It is fed in small bites: at worst one of them unpacks to some tens of megabytes.
    """

    def __init__(self, below: BinaryIO) -> None:
        self._below, self._ready = below, memoryview(b"")
        self._frame = self._begun()

    def readable(self) -> bool:
        return True

    @staticmethod
    def _begun() -> "zstandard.ZstdDecompressionObj":
        return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._ready:
            bite = self._frame.unused_data or self._below.read(_BITE)
            if self._frame.eof and bite:
                self._frame = self._begun()
            elif not bite:
                if self._frame.eof:
                    return 0
                raise EOFError("it ends within a frame of zstd")
            self._ready = memoryview(self._frame.decompress(bite))
        length = min(len(buffer), len(self._ready))
        buffer[:length] = self._ready[:length]
        self._ready = self._ready[length:]
        return length


class Opened:
    """An open file: its unpacked bytes, and its digest once it was read."""

    def __init__(self, path: Path, raw: BinaryIO) -> None:
        """Tell by its first bytes what packs it."""
        self.path = path
        self._hashed = _Hashed(raw)
        below = io.BufferedReader(self._hashed, BLOCK)
        start = below.peek(4)[:4]
        self.packing = ""
        stream: BinaryIO = below
        if start.startswith(_GZIP):
            self.packing, stream = "gzip", _Gzip(below)  # type: ignore[assignment]
        elif start.startswith(_ZSTD):
            self.packing = "zstd"
            stream = _Zstd(below)  # type: ignore[assignment]
        self.stream = stream if stream is below else io.BufferedReader(stream, BLOCK)  # type: ignore[type-var]

    def beginning(self) -> bytes:
        """Return some of the first unpacked bytes, which stay to be read; nothing where they are damaged."""
        try:
            return self.stream.peek(65_536)[:65_536]
        except DAMAGES:
            return b""

    def sha256(self) -> str:
        """Return the digest of the file as it lies there."""
        return self._hashed.rest()


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a file; UsageError where that cannot be done."""
    try:
        with path.open("rb", buffering=0) as raw:
            yield Opened(path, raw)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
