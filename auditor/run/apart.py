"""Read files that were brought in a process of its own, within limits: a file may end that process, never the command.

What comes back is data of a named type, held to it member by member: a process that a file has taken over can make the
command run nothing, and build nothing but such data.
"""

import gc
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from auditor.errors import UsageError
from auditor.model.record import Record
from auditor.run.process_limits import limit_cpu, limit_memory
from auditor.run.wire import receive, send

T = TypeVar("T")
Begin = Callable[[Path], None]
"""Says which file is read from now on: an error names it."""
_FILE, _MADE, _REFUSED, _MEMORY, _FAULT = b"f", b"m", b"r", b"o", b"x"
_MEGABYTE = 1_000_000
_COLLECTED = 100_000
"""Objects made since the last time, after which what points at itself is thrown away."""


class ApartLimits(Record, kw_only=True):
    """What reading some files may cost."""

    cpu_seconds: int = 60
    """Processor time, whatever their size."""
    cpu_per_megabyte: float = 3.0
    """And for each million bytes as they lie there: thirty times what the slowest format takes unpacked."""
    memory_bytes: int = 1 << 30
    """Address space beyond what the process began with."""
    wall_times: int = 4
    """Patience, as a multiple of the processor time."""

    def cpu(self, files: Sequence[Path]) -> int:
        """Return the processor time that these files may take together, in seconds."""
        size = sum(file.stat().st_size for file in files if file.is_file())
        return self.cpu_seconds + int(size * self.cpu_per_megabyte / _MEGABYTE)


LIMITS = ApartLimits()


def apart(work: Callable[[Begin], T], kind: type[T], files: Sequence[Path], limits: ApartLimits | None = None) -> T:
    """Do some work on files in a process of its own, and return what it made, which is of ``kind``.

    UsageError where the work raises one, breaks a limit, or is killed: nothing of it is kept then. The caller has no
    other thread.
    """
    limits = limits or LIMITS
    seconds = limits.cpu(files)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _work(theirs, work, seconds, limits)
    theirs.close()
    status = None
    try:
        tag, rest, name = _answer(ours, time.monotonic() + seconds * limits.wall_times, files)
        if not tag:
            ours.close()
            status = _ended(pid)
            raise UsageError(
                f"{name}: {_why(status, seconds, limits)}: nothing was kept of it. Leave it out, or cut it"
            )
    finally:
        ours.close()
        if status is None:
            _ended(pid)
    if tag == _MADE:
        return _held(rest, kind)
    if tag == _REFUSED:
        raise UsageError(rest.decode("utf-8", "replace"))
    if tag == _MEMORY:
        raise UsageError(
            f"{name}: reading it took more memory than it may, {limits.memory_bytes // _MEGABYTE} MB: nothing was kept "
            "of it. Leave it out, or cut it"
        )
    raise RuntimeError(f"the process that read {name} failed: what it said stands above")


def _held(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise RuntimeError(f"what was read is not what it should be: {error}") from error


def _answer(channel: socket.socket, deadline: float, files: Sequence[Path]) -> tuple[bytes, bytes, str]:
    """Return the tag and the bytes of the answer, and the file that was read last; no tag where none came."""
    name = ", ".join(map(str, files[:3]))
    while True:
        try:
            message = receive(channel, deadline)
        except TimeoutError:
            message = None
        if message is None:
            return b"", b"", name
        if message[:1] != _FILE:
            return message[:1], message[1:], name
        name = os.fsdecode(message[1:])


def _ended(pid: int) -> int:
    """End the process, and return how it ended."""
    done, status = os.waitpid(pid, os.WNOHANG)
    if done == 0:
        # It closed its end, or was asked for too long: a moment for what the kernel does to it, then it is killed.
        end = time.monotonic() + 1
        while done == 0 and time.monotonic() < end:
            time.sleep(0.01)
            done, status = os.waitpid(pid, os.WNOHANG)
        if done == 0:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
    return status


def _why(status: int, seconds: int, limits: ApartLimits) -> str:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return f"reading it took more processor time than it may, {seconds} s for files of that size"
    return (
        f"the process that read it ended early, or beyond its limits ({seconds} s of processor time, "
        f"{seconds * limits.wall_times} s in all, {limits.memory_bytes // _MEGABYTE} MB)"
    )


def _work(channel: socket.socket, work: Callable[[Begin], Any], seconds: int, limits: ApartLimits) -> None:
    """Do the work and send what it made; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # What was made before stays as it is, and records point at nothing that points back at them.
        gc.freeze()
        gc.set_threshold(_COLLECTED)
        limit_memory(limits.memory_bytes)
        limit_cpu(seconds)
        send(channel, _made(lambda file: send(channel, _FILE + os.fsencode(file)), work))
        status = 0
    except BaseException:  # noqa: BLE001 — this process ends here, and its parent is told by the closed channel
        traceback.print_exc()
    finally:
        os._exit(status)


def _made(begin: Begin, work: Callable[[Begin], Any]) -> bytes:
    try:
        return _MADE + msgspec.msgpack.encode(work(begin))
    except UsageError as error:
        return _REFUSED + str(error).encode("utf-8", "replace")
    except MemoryError:
        return _MEMORY
    except Exception:  # noqa: BLE001 — a fault of ours: its traceback is told here, and the parent stops
        traceback.print_exc()
        return _FAULT
