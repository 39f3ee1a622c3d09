"""A few reader processes: everything that reads a host's bytes happens in one of them, never here."""

import contextlib
import gc
import os
import queue
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from auditor.errors import HostError, Reason, UsageError
from auditor.model.record import replace
from auditor.run.connections import ConnectionsJob, HostConnections, unpack_connections
from auditor.run.open_bundle import Bundle
from auditor.run.pipeline import Rules
from auditor.run.reader import Job, ReaderLimits, ReadJob, Sources, serve, told, unpack, warm_up
from auditor.run.said_addresses import AddressesJob, unpack_addresses
from auditor.run.scarcity import scarcity
from auditor.run.scrubbing import Scrubbed, ScrubJob, unpack_scrubbed
from auditor.run.wire import receive, send
from auditor.store.record import HostRecord

T = TypeVar("T")
_PID_BYTES = 8
_LACKING = b"lacking: "
"""Beginning of what a nursery says in place of a reader when this machine gives it none."""
_LONGEST_WORD = 4096


class Readers:
    """A pool of reader processes; one that breaks its limits is killed and replaced.

    They are forked by a nursery: a single-threaded process that is itself forked before this process
    starts a thread, so that a reader begins with everything imported and shares its memory.
    Make it before any thread; close it when done.
    """

    def __init__(
        self,
        count: int,
        rules: Rules,
        limits: ReaderLimits | None = None,
        bundles: Sequence[Bundle] = (),
        *,
        judges: bool = True,
    ) -> None:
        """Fork the nursery, which gets ready beside us; it makes up to ``count`` readers when they are needed.

        ``bundles`` are those that jobs may name evidence of: what they hold, readers read themselves. Where they are
        not to judge, records of what was answered hold the evidence, and a result that says nothing of the host.
        """
        self.judges = judges
        """Whether what they answer says anything of a host beside its evidence."""
        self._limits = limits or ReaderLimits()
        self._bundles = bundles
        gc.collect()
        gc.freeze()
        ours, theirs = socket.socketpair()
        self._nursery_pid = os.fork()
        if self._nursery_pid == 0:
            ours.close()
            _nursery(theirs, Sources(rules=rules, bundles=bundles, judges=judges), self._limits)
        theirs.close()
        self._nursery = ours
        self._birth = threading.Lock()
        # None is a reader that is not born yet.
        self._free: queue.SimpleQueue[tuple[int, socket.socket] | None] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(None)

    def read(self, job: ReadJob) -> HostRecord:
        """Have one host read and judged; waits for a free reader. Raises HostError when the reader breaks.

        UsageError for evidence of a bundle that is not what its seal says.
        """
        return self._have(job, unpack)

    def scrub(self, job: ScrubJob) -> Scrubbed:
        """Have one answer scrubbed; waits for a free reader. Raises HostError when it breaks, or the answer is none."""
        return self._have(job, unpack_scrubbed)

    def connections(self, job: ConnectionsJob) -> HostConnections:
        """Have one host's connections read; waits for a free reader. Raises HostError when the reader breaks."""
        return self._have(job, unpack_connections)

    def addresses(self, job: AddressesJob) -> tuple[str, ...]:
        """Have one host's addresses read; waits for a free reader. Raises HostError when the reader breaks."""
        return self._have(job, unpack_addresses)

    def _have(self, job: Job, unpacked: Callable[[bytes], T]) -> T:
        pid, channel = self._next()
        try:
            message = self._ask(job, channel)
        except BaseException:
            self._replace(pid, channel)
            raise
        if message is None:
            self._replace(pid, channel)
            times = self._limits.times(job)
            limit = f"{self._limits.cpu_seconds * times} s of CPU, {self._limits.wall_seconds * times:.0f} s in all"
            raise HostError(
                Reason.READER_LIMIT, f"the process that read its answer ended early or beyond its limits ({limit})"
            )
        try:
            made = unpacked(message)
        except HostError:
            # It is replaced too: what it could not read may have left it short of memory for the next host.
            self._replace(pid, channel)
            raise
        except UsageError as error:
            self._replace(pid, channel)
            if _is_of_bundle(job):
                raise
            raise HostError(Reason.READER_FAILED, f"a fault of the auditor's own: {error}") from error
        self._free.put((pid, channel))
        return made

    def recorded(self, job: ReadJob) -> HostRecord:
        """Have one host read and judged; of one that breaks its reader, the record says so in place of evidence."""
        try:
            return self.read(job)
        except HostError as error:
            if error.reason not in (Reason.READER_LIMIT, Reason.READER_FAILED):
                raise
            said = HostError(error.reason, error.detail)
            if job.sealed is not None:
                bundle = self._bundles[job.sealed.bundle]
                job = told(job, bundle.answer(job.sealed.line), bundle.id)
            return self.read(replace(job, answered=None, sealed=None, parcel=None, error=said))

    def close(self) -> None:
        """End every reader and the nursery."""
        while True:
            try:
                reader = self._free.get_nowait()
            except queue.Empty:
                break
            if reader is not None:
                reader[1].close()
        self._nursery.close()
        os.waitpid(self._nursery_pid, 0)

    def _next(self) -> tuple[int, socket.socket]:
        """Wait for a free reader."""
        reader = self._free.get()
        if reader is not None:
            return reader
        try:
            return self._born()
        except BaseException:
            self._free.put(None)
            raise

    def _ask(self, job: Job, channel: socket.socket) -> bytes | None:
        import pickle  # noqa: PLC0415 — only ever towards our own child

        seconds = self._limits.wall_seconds * self._limits.times(job)
        deadline = time.monotonic() + seconds
        try:
            channel.settimeout(seconds)
            send(channel, pickle.dumps(job))
            return receive(channel, deadline)
        except (TimeoutError, ConnectionError):
            return None

    def _replace(self, pid: int, channel: socket.socket) -> None:
        channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._free.put(None)

    def _born(self) -> tuple[int, socket.socket]:
        message, descriptors = b"", list[int]()
        with self._birth, contextlib.suppress(ConnectionError):
            self._nursery.sendall(b"+")
            message, descriptors, _, _ = socket.recv_fds(self._nursery, _LONGEST_WORD, 1)
        if not descriptors:
            if message.startswith(_LACKING):
                raise UsageError(f"no reader process could be started: {message[len(_LACKING) :].decode()}")
            raise RuntimeError("no reader process could be started: what it said stands above")
        return int.from_bytes(message), socket.socket(fileno=descriptors[0])


def _is_of_bundle(job: Job) -> bool:
    """Tell whether a job names evidence of a bundle: what its seal does not hold is the operator's to know."""
    return (isinstance(job, ReadJob) and job.sealed is not None) or (
        isinstance(job, AddressesJob) and job.bundle is not None
    )


def _nursery(requests: socket.socket, sources: Sources, limits: ReaderLimits) -> None:
    """Fork a reader for every byte that comes, until the parent is gone; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        warm_up(sources)
        gc.collect()
        gc.freeze()
        while requests.recv(1):
            _bury(os.WNOHANG)
            ours, theirs = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                requests.close()
                theirs.close()
                serve(ours, sources, limits)
                os._exit(0)
            ours.close()
            socket.send_fds(requests, [pid.to_bytes(_PID_BYTES)], [theirs.fileno()])
            theirs.close()
        _bury(0)
    except Exception as error:  # noqa: BLE001 — this process ends here: hosts then have no reader, and here is why
        lacking = scarcity(error)
        if lacking is None:
            traceback.print_exc()
        else:
            with contextlib.suppress(OSError):
                requests.sendall(_LACKING + lacking.encode())
    finally:
        os._exit(0)


def _bury(flags: int) -> None:
    """Wait for dead readers, so that what they cost is counted as this run's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, flags)[0]:
            pass
