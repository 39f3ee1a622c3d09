"""What was written has reached the disk: the kernel calls a write done long before a power cut cannot undo it."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from auditor.errors import OutputError


def settle(folder: Path) -> None:
    """Return when all that was written into a folder, names of files included, has reached its disk.

    OutputError where the disk says that it has not. On Linux one call syncs the whole file system of the folder:
    thousands of pages would take as many commits of its journal.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync_all(handle, folder)
        finally:
            os.close(handle)
    except OSError as error:
        raise OutputError(f"{folder}: has not reached the disk: {error.strerror or error}") from error


def write_settled(file: Path, data: bytes) -> None:
    """Write bytes that have reached the disk on return; the file's name has not: see ``settle_names``."""
    with file.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def settle_names(folder: Path) -> None:
    """Return when the names in a folder have reached the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_all(handle: int, folder: Path) -> None:
    syncfs = _syncfs()
    if syncfs is not None:
        import ctypes  # noqa: PLC0415 — as in _syncfs

        if syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return
    for path in _paths(folder):
        one = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(one)
        finally:
            os.close(one)


@cache
def _syncfs() -> Any:  # noqa: ANN401 — a function of the C library
    """Return syncfs(2) of the C library; None where it has none."""
    # Python's os module has sync(2) alone, which waits for every disk of the machine, a dead network share included.
    import ctypes  # noqa: PLC0415 — only whoever writes a bundle needs it

    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


def _paths(folder: Path) -> Iterator[Path]:
    """Yield every file and folder within a folder, links left out, and the folder itself last."""
    for place, folders, files in os.walk(folder, topdown=False):
        here = Path(place)
        yield from (here / name for name in (*files, *folders) if not (here / name).is_symlink())
    yield folder
