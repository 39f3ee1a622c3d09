"""A file of records, unpacked as it is read, with the digest of its bytes as they lie there."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from auditor.errors import UsageError

if TYPE_CHECKING:
    from hashlib import _Hash

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BLOCK = 1 << 18


class Damaged(Exception):  # noqa: N818 — a state of the file, not of the program
    """What packs the file is damaged, or ends too early: nothing that comes after is known."""


@dataclass(slots=True)
class Digested(io.RawIOBase):
    """Bytes of a file, hashed on their way."""

    stream: IO[bytes]
    """The file."""
    digest: "_Hash" = field(default_factory=hashlib.sha256)
    """Of all that was read."""

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read some of it."""
        data = self.stream.read(len(buffer))
        self.digest.update(data)
        buffer[: len(data)] = data
        return len(data)

    def rest(self) -> str:
        """Read what is left, and return the digest of the whole file."""
        while data := self.stream.read(_BLOCK):
            self.digest.update(data)
        return self.digest.hexdigest()


@contextmanager
def opened(file: Path) -> Iterator[tuple[io.BufferedReader, Digested]]:
    """Open a file, packed by gzip or zstd or not; UsageError where that cannot be done."""
    try:
        stream = file.open("rb")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    with stream:
        magic = stream.read(4)
        stream.seek(0)
        digested = Digested(stream)
        raw: io.RawIOBase = digested
        if magic.startswith(_GZIP):
            raw = _Unpacked(gzip.GzipFile(fileobj=io.BufferedReader(digested, _BLOCK)))
        elif magic == _ZSTD:
            raw = _Unpacked(_zstd(io.BufferedReader(digested, _BLOCK), file))
        yield io.BufferedReader(raw, _BLOCK), digested


def _zstd(stream: io.BufferedReader, file: Path) -> IO[bytes]:
    try:
        import zstandard  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise UsageError(
            f"{file}: is packed by zstd: install the extra (pip install 'auditor[events]'), or unpack it"
        ) from error
    reader: IO[bytes] = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    return reader


@dataclass(slots=True)
class _Unpacked(io.RawIOBase):
    """What a packed stream holds; what is wrong with it is raised as ``Damaged``."""

    stream: IO[bytes] | gzip.GzipFile

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self.stream.read(len(buffer))
        except (EOFError, OSError, zlib.error) as error:
            raise Damaged(f"its packing is damaged: {error}") from error
        except Exception as error:
            # zstandard's own kind, which cannot be named where it is not installed.
            if type(error).__name__ != "ZstdError":
                raise
            raise Damaged(f"its packing is damaged: {error}") from error
        buffer[: len(data)] = data
        return len(data)
