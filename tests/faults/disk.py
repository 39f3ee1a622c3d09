"""What a disk holds after a kill or a power cut, by what a program had done to it until then.

A kill loses nothing that the kernel was given. A power cut loses what no sync asked the disk for: bytes of each file
that were written after its last fsync, any of them, and the last part of the changes to names. Changes to names reach
the disk in their order, as the journals of ext4 and XFS have it; an fsync of a folder brings its names, and those that
were changed before them; an fsync of a file brings its bytes and no name. That is less than these file systems
promise.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.faults.recording import Call

_SECTOR = 512


class Loss(StrEnum):
    """What of the unsynced a power cut takes."""

    EVERYTHING = "everything"
    """Bytes and names: the disk has what it was asked for and no more."""
    BYTES = "bytes"
    """Names are there, and what they name is empty, or as it was before."""
    NAMES = "names"
    """Bytes are there, and what names them is as it was before."""
    CHANCE = "chance"
    """Some of the names; of each file some of its writes, one of them perhaps in part."""


@dataclass
class _File:
    """One file, whatever it is called."""

    before: bytes = b""
    """What it held at first, all of it synced."""
    done: list[Call] = field(default_factory=list)
    """Writes and cuts since."""
    synced: int = 0
    """How many of these have reached the disk."""

    def holds(self, calls: Sequence[Call]) -> bytes:
        held = bytearray(self.before)
        for call in calls:
            if call.kind == "cut":
                del held[call.at :]
            held.extend(bytes(max(0, call.at - len(held))))
            held[call.at : call.at + len(call.data)] = call.data
        return bytes(held)


@dataclass(frozen=True)
class _Naming:
    """One change to names."""

    call: Call
    file: _File | None


class Disk:
    """A folder on a disk, by the calls that were made."""

    def __init__(self, before: Path) -> None:
        """Take a folder as it was before the first call: all of it is on the disk."""
        self._before = {path: None if path.is_dir() else _File(before=path.read_bytes()) for path in _within(before)}
        self._start = {path.relative_to(before).as_posix(): file for path, file in self._before.items()}
        self._names = dict(self._start)
        self._changes: list[_Naming] = []
        self._firm = 0

    def do(self, call: Call) -> None:
        """Let one call have been made."""
        file = self._names.get(call.path)
        if call.kind in ("create", "folder", "rename", "remove"):
            change = _Naming(call, _File() if call.kind == "create" else None)
            self._changes.append(change)
            _rename(self._names, change)
        elif call.kind in ("write", "cut"):
            assert file is not None, call
            file.done.append(call)
        elif call.kind == "sync" and file is not None:
            file.synced = len(file.done)
        else:
            self._sync(call)

    def _sync(self, call: Call) -> None:
        """Bring the names of a folder, or everything, to the disk."""
        if call.kind == "sync_all":
            self._firm = len(self._changes)
            for file in self._names.values():
                if file is not None:
                    file.synced = len(file.done)
            return
        for number, change in enumerate(self._changes):
            if call.path in (_parent(change.call.path), _parent(change.call.to)):
                self._firm = max(self._firm, number + 1)

    def after_kill(self, folder: Path) -> None:
        """Write what is there when all of our processes are killed now."""
        _write(folder, {path: None if file is None else file.holds(file.done) for path, file in self._names.items()})

    def after_power_cut(self, folder: Path, loss: Loss, chance: random.Random) -> None:
        """Write what may be there when the power is cut now."""
        kept = {Loss.EVERYTHING: self._firm, Loss.NAMES: self._firm}.get(loss, len(self._changes))
        if loss is Loss.CHANCE:
            kept = chance.randint(self._firm, len(self._changes))
        names = dict(self._start)
        for change in self._changes[:kept]:
            _rename(names, change)
        held = {
            path: None if file is None else file.holds(list(_kept(file, loss, chance)))
            for path, file in sorted(names.items())
        }
        _write(folder, held)


def _kept(file: _File, loss: Loss, chance: random.Random) -> Iterator[Call]:
    yield from file.done[: file.synced]
    for call in file.done[file.synced :]:
        if loss is Loss.NAMES:
            yield call
        elif loss is Loss.CHANCE and chance.random() < 0.5:
            torn = chance.random() < 0.2
            length = chance.randrange(0, len(call.data) + 1, _SECTOR) if torn else len(call.data)
            yield Call(kind=call.kind, path=call.path, at=call.at, data=call.data[:length])


def _rename(names: dict[str, _File | None], change: _Naming) -> None:
    call = change.call
    if call.kind in ("create", "folder"):
        names[call.path] = change.file
    elif call.kind == "remove":
        names.pop(call.path, None)
    else:
        for path in [path for path in names if path == call.path or path.startswith(f"{call.path}/")]:
            names[call.to + path[len(call.path) :]] = names.pop(path)


def _parent(path: str) -> str | None:
    return Path(path).parent.as_posix() if path else None


def _within(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def _write(folder: Path, held: dict[str, bytes | None]) -> None:
    folder.mkdir()
    for path, data in sorted(held.items()):
        if data is None:
            (folder / path).mkdir(parents=True, exist_ok=True)
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
