"""Pages of hosts are written on every processor: what one process has read is rendered where there is time for it."""

import json
import marshal
import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import NoReturn, Self

from auditor.report.rows import Row

Work = Callable[[Row, Sequence[Row], str], None]
"""Write the page of a host, with its findings, under a name; raise nothing but OSError."""

_BLOCK = 16
"""Hosts that are given away at once."""
_MANY = 100
"""Hosts from which on a process is worth its start."""
_MOST = 7
_READY, _DONE = b"ready", b"done"


class PageWorkers:
    """Processes that write pages, and this one where they are all busy.

    A host is given away only to who waits for work, so no more than a block of hosts is on its way to each, and what
    nobody takes is written here. Leaving the block without a fault waits until every page is written.
    """

    def __init__(self, work: Work, count: int) -> None:
        """Start the processes where there is more than one processor and many hosts to write."""
        self._work = work
        self._waiting: list[tuple[Row, Sequence[Row], str]] = []
        self._workers: list[tuple[int, Connection]] = []
        # A process cannot be parted from one in which other threads run.
        if count < _MANY or threading.active_count() > 1:
            return
        for _ in range(min(len(os.sched_getaffinity(0)) - 1, _MOST)):
            self._start()

    def _start(self) -> None:
        ours, theirs = Pipe()
        pid = os.fork()
        if pid == 0:
            # A pipe ends when nobody holds its other end any more.
            for _, inherited in self._workers:
                inherited.close()
            ours.close()
            _serve(theirs, self._work)
        theirs.close()
        self._workers.append((pid, ours))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._write_waiting()
                for _, worker in self._workers:
                    _tell(worker, b"")
                for _, worker in self._workers:
                    while _told(worker) != _DONE:
                        pass
        finally:
            for _, worker in self._workers:
                worker.close()
            for pid, _ in self._workers:
                os.waitpid(pid, 0)

    def give(self, host: Row, findings: Sequence[Row], page: str) -> None:
        """Have the page of a host written under a name, now or later; OSError of an earlier one may come up."""
        self._waiting.append((host, findings, page))
        if len(self._waiting) < _BLOCK:
            return
        for _, worker in self._workers:
            if worker.poll():
                _told(worker)
                _tell(worker, marshal.dumps(self._waiting))
                self._waiting.clear()
                return
        self._write_waiting()

    def _write_waiting(self) -> None:
        for host, findings, page in self._waiting:
            self._work(host, findings, page)
        self._waiting.clear()


def _tell(worker: Connection, block: bytes) -> None:
    """Send a worker what it waits for; raise what stopped it before."""
    try:
        worker.send_bytes(block)
    except (BrokenPipeError, ConnectionResetError) as error:
        while _told(worker):
            pass
        raise _early() from error


def _told(worker: Connection) -> bytes:
    """Return what a worker says; raise what stopped it."""
    try:
        said = worker.recv_bytes()
    except (EOFError, ConnectionResetError) as error:
        raise _early() from error
    if said in (_READY, _DONE):
        return said
    number, why, file = json.loads(said)
    raise OSError(number, why, file)


def _early() -> RuntimeError:
    return RuntimeError("a process that wrote pages of hosts ended early")


def _serve(pipe: Connection, work: Work) -> NoReturn:
    """Write what comes until nothing more does, say what went wrong, and end."""
    try:
        # Of an interrupt the parent hears, too: it closes the pipe.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _take(pipe, work)
    except EOFError:
        pass
    except Exception:  # noqa: BLE001 — this process ends here: a fault of ours is shown, and its parent told by silence
        traceback.print_exc()
    finally:
        os._exit(0)


def _take(pipe: Connection, work: Work) -> None:
    pipe.send_bytes(_READY)
    while block := pipe.recv_bytes():
        try:
            # What comes is our own parent's, of this very process image.
            for host, findings, page in marshal.loads(block):  # noqa: S302
                work(host, findings, page)
        except OSError as error:
            file = error.filename if isinstance(error.filename, str) else None
            pipe.send_bytes(json.dumps([error.errno, error.strerror or str(error), file]).encode())
            return
        pipe.send_bytes(_READY)
    pipe.send_bytes(_DONE)
