"""What a program does to a folder, call by call, as strace sees it: every write, name, cut and sync, in their order."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_OF_OPEN_FILES = (
    *("write", "pwrite64", "lseek", "ftruncate", "fsync", "fdatasync", "syncfs"),
    *("writev", "pwritev", "pwritev2", "fallocate", "copy_file_range", "sendfile", "splice", "sync_file_range"),
)
_OF_NAMES = (
    *("open", "openat", "creat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"),
    *("truncate", "link", "linkat", "symlink", "symlinkat"),
)
_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(?:<.*>)?(?: .*)?")
_UNFINISHED = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"(AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>")
_NAMED = re.compile(f"{_DESCRIPTOR.pattern}|{_TEXT.pattern}")
_MEMORY = "-shm"
"""End of the name of a file that SQLite maps into memory: it is made anew by whoever comes first."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One thing that was done to the folder; paths are relative to it."""

    kind: str
    """``create``, ``write``, ``cut``, ``rename``, ``remove``, ``folder``, ``sync`` (file or folder), ``sync_all``."""
    path: str
    """What it was done to."""
    to: str = ""
    """The new name of what was renamed."""
    at: int = 0
    """Where bytes were written, or the length that a file was cut to."""
    data: bytes = b""
    """What was written."""


class NotUnderstoodError(Exception):
    """The program did something that a model of a disk does not know."""


def recorded(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[list[Call], int]:
    """Run a program and return what it, and all that it started, did to a folder, and how it ended."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed here")
    log = folder.with_name(f"{folder.name}.strace")
    reading = _Reading(folder)  # which files there are before
    calls = ",".join((*_OF_OPEN_FILES, *_OF_NAMES))
    options = ["-f", "-qq", "--seccomp-bpf", "-y", "-xx", "-s", "16777216", "-e", f"trace={calls}"]
    done = subprocess.run(
        [strace, *options, "-o", str(log), *words], env=environment, capture_output=True, text=True, check=False
    )
    if not log.exists() or log.stat().st_size == 0:
        pytest.skip(f"strace may not look at programs here: {done.stderr.strip()[:200]}")
    try:
        with log.open(encoding="ascii") as lines:
            return list(reading.calls(lines)), done.returncode
    finally:
        log.unlink()


class _Reading:
    """Reads a log of strace; knows where each open file stands, for ``write`` does not say it."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._begun: dict[tuple[str, str], str] = {}
        self._position: dict[tuple[str, str], int] = {}
        self._length = {
            file.relative_to(folder).as_posix(): file.stat().st_size for file in folder.rglob("*") if file.is_file()
        }
        self._appends: set[tuple[str, str]] = set()

    def calls(self, lines: Iterator[str]) -> Iterator[Call]:
        for line in lines:
            whole = self._whole(line.rstrip("\n"))
            if whole is None:
                continue
            name, arguments, result = whole
            if result is not None and result >= 0:
                yield from self._call(name, arguments, result)

    def _whole(self, line: str) -> tuple[str, str, int | None] | None:
        """Return a call with its result, once both were seen."""
        if found := _UNFINISHED.fullmatch(line):
            self._begun[found[1], found[2]] = found[3]
            return None
        if found := _RESUMED.fullmatch(line):
            line = f"{found[1]} {found[2]}({self._begun.pop((found[1], found[2]), '')}{found[3]}"
        found = _LINE.fullmatch(line)
        if found is None:
            return None
        return found[2], found[3], None if found[4] == "?" else int(found[4])

    def _call(self, name: str, arguments: str, result: int) -> Iterator[Call]:
        if name in _OF_OPEN_FILES:
            yield from self._to_an_open_file(name, arguments, result)
            return
        paths = [path for path in map(self._within, self._named(arguments)) if path is not None]
        if not paths or paths[0].endswith(_MEMORY):
            return
        if name in ("open", "openat", "creat"):
            yield from self._opened((paths[0], str(result)), arguments)
        elif name.startswith("rename"):
            old, new = paths
            for path in [path for path in self._length if path == old or path.startswith(f"{old}/")]:
                self._length[new + path[len(old) :]] = self._length.pop(path)
            yield Call(kind="rename", path=old, to=new)
        elif name in ("unlink", "unlinkat", "rmdir"):
            self._length.pop(paths[0], None)
            yield Call(kind="remove", path=paths[0])
        elif name in ("mkdir", "mkdirat"):
            yield Call(kind="folder", path=paths[0])
        else:
            raise NotUnderstoodError(f"{name}({arguments[:200]})")

    def _to_an_open_file(self, name: str, arguments: str, result: int) -> Iterator[Call]:
        found = _DESCRIPTOR.match(arguments)
        path = None if found is None else self._within(_plain(found[2]).decode("utf-8", "surrogateescape"))
        if found is None or path is None or path.endswith(_MEMORY):
            return
        if name in ("fsync", "fdatasync"):
            yield Call(kind="sync", path=path)
        elif name == "syncfs":
            yield Call(kind="sync_all", path=path)
        elif path in self._length:  # else it has no name any more
            yield from self._bytes(name, (path, found[1]), arguments, result)

    def _opened(self, key: tuple[str, str], arguments: str) -> Iterator[Call]:
        path, _ = key
        if "O_TMPFILE" in arguments:
            return
        self._position[key] = 0
        (self._appends.add if "O_APPEND" in arguments else self._appends.discard)(key)
        if path not in self._length and "O_CREAT" in arguments:
            self._length[path] = 0
            yield Call(kind="create", path=path)
        elif "O_TRUNC" in arguments and self._length.get(path):
            self._length[path] = 0
            yield Call(kind="cut", path=path)

    def _bytes(self, name: str, key: tuple[str, str], arguments: str, result: int) -> Iterator[Call]:
        path, _ = key
        if name == "lseek":
            self._position[key] = result
        elif name == "ftruncate":
            self._length[path] = int(arguments.rsplit(",", 1)[1])
            yield Call(kind="cut", path=path, at=self._length[path])
        elif name in ("write", "pwrite64"):
            data = _plain(_TEXT.findall(arguments)[0])[:result]
            if name == "pwrite64":
                at = int(arguments.rsplit(",", 1)[1])
            else:
                at = self._length[path] if key in self._appends else self._position.get(key, 0)
                self._position[key] = at + result
            self._length[path] = max(self._length[path], at + result)
            yield Call(kind="write", path=path, at=at, data=data)
        else:
            raise NotUnderstoodError(f"{name}({arguments[:200]})")

    def _named(self, arguments: str) -> Iterator[str]:
        """Yield the paths that a call names, each as a whole."""
        base = ""
        for found in _NAMED.finditer(arguments):
            if found[2] is not None:
                base = _plain(found[2]).decode("utf-8", "surrogateescape")
            else:
                text = _plain(found[3]).decode("utf-8", "surrogateescape")
                yield text if text.startswith("/") else f"{base}/{text}"

    def _within(self, path: str) -> str | None:
        if path == self._folder:
            return "."
        return path[len(self._folder) + 1 :] if path.startswith(f"{self._folder}/") else None


def _plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
