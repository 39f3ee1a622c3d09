"""Ask hosts in a process that is gone, with every log-in it knew, once nobody has had a host asked for a while.

Python cannot be made to wipe a text. So whoever serves for months reads no log-in itself: a process does, from the
inventory and the files and keyrings that it names, each time hosts are to be asked, and its memory goes with it.
"""

import itertools
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from auditor.errors import AuditorError, HostError, Reason, UsageError
from auditor.model.host import Credentials, Host
from auditor.model.pacing import Pacing
from auditor.model.probe import RawOutput
from auditor.model.record import Record, replace
from auditor.run.audit import Limits, asking_for
from auditor.transport.choose import Transports

_PATIENCE = 5
"""Seconds that a process may take to end before it is killed."""
Reading = Callable[[], Iterable[Host]]
"""Reads the hosts, with their log-ins: can be pickled."""


class _Orders(Record, kw_only=True):
    """What a process that asks is told when it begins."""

    reading: Reading
    """Reads whom it may ask."""
    limits: Limits
    """What a host may cost."""
    at_once: int
    """How many are asked at once."""


class Asking:
    """Hosts that are asked by another process; may be used by many threads. Close it when done."""

    def __init__(
        self,
        reading: Reading,
        *,
        limits: Limits,
        at_once: int,
        idle: float,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Have the hosts read; UsageError says why they cannot be. Log-ins are let go after ``idle`` quiet seconds."""
        self._orders = _Orders(reading=reading, limits=limits, at_once=at_once)
        self._idle, self._log = idle, log
        self._lock = threading.Lock()
        self._asker: _Asker | None = _Asker(self._orders)
        self.hosts = self._asker.hosts
        """The hosts without their log-ins, nor those of their jump hosts."""
        self._closing = threading.Event()
        self._forgetter = threading.Thread(target=self._forget, name="forget", daemon=True)
        self._forgetter.start()

    def ask(self, host: Host, run: str) -> RawOutput:
        """Put the probe to a host for a run; HostError as a transport raises it."""
        with self._lock:
            if self._asker is not None and self._asker.has_ended:
                self._asker.close()
                self._asker = None
            if self._asker is None:
                self._asker = _Asker(self._orders)
            asker = self._asker
            answer = asker.put(host.key, run)
        return answer.result()

    def close(self) -> None:
        """End the process; who waits for a host is told that it ended."""
        self._closing.set()
        self._forgetter.join()
        with self._lock:
            if self._asker is not None:
                self._asker.close()
                self._asker = None

    def _forget(self) -> None:
        while not self._closing.wait(min(1.0, self._idle / 4)):
            with self._lock:
                asker = self._asker
                if asker is not None and asker.quiet_for() > self._idle:
                    self._asker = None
                    asker.close()
                    self._log(f"nobody was asked for {self._idle:g} s: log-ins are let go")


@dataclass(slots=True)
class _Asker:
    """One process that asks hosts, as whoever has it asked sees it."""

    orders: _Orders
    hosts: tuple[Host, ...] = ()
    has_ended: bool = False
    _waiting: dict[int, "Future[RawOutput]"] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)
    _lock: Any = field(default_factory=threading.Lock)
    _last: float = 0.0
    _process: Any = None
    _pipe: Any = None
    _listener: Any = None

    def __post_init__(self) -> None:
        """Start it, and take the hosts that it has read."""
        # Forked from a process that has read nothing, and has one thread.
        context = multiprocessing.get_context("forkserver")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.orders), name="asker")
        self._listener = threading.Thread(target=self._listen, name="answers", daemon=True)
        self._process.start()
        theirs.close()
        try:
            said = self._pipe.recv()
        except (EOFError, OSError):
            said = "the process that asks hosts ended before it began"
        if isinstance(said, str):
            self.close()
            raise UsageError(said)
        self.hosts = said
        self._last = time.monotonic()
        self._listener.start()

    def put(self, key: str, run: str) -> "Future[RawOutput]":
        """Have a host asked."""
        answer: Future[RawOutput] = Future()
        with self._lock:
            if self.has_ended:
                answer.set_exception(_ended())
                return answer
            number = next(self._numbers)
            self._waiting[number] = answer
            # Where it has ended meanwhile, the listener tells whoever waits.
            with suppress(OSError):
                self._pipe.send((number, key, run))
        return answer

    def quiet_for(self) -> float:
        """Return for how many seconds no host has been asked, and none was being asked."""
        with self._lock:
            return 0.0 if self._waiting else time.monotonic() - self._last

    def close(self) -> None:
        """End it; it ends by itself when nobody is at the other end of its pipe."""
        with self._lock, suppress(OSError):
            self._pipe.send(None)
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        if self._listener.ident is not None:
            # Not before: another file could get the number of a pipe that somebody still reads from.
            self._listener.join()
        self._pipe.close()

    def _listen(self) -> None:
        while True:
            try:
                number, said = self._pipe.recv()
            except (EOFError, OSError):
                break
            with self._lock:
                answer, self._last = self._waiting.pop(number), time.monotonic()
            if isinstance(said, RawOutput):
                answer.set_result(said)
            else:
                answer.set_exception(_failed(*said))
        with self._lock:
            self.has_ended = True
            left, self._waiting = list(self._waiting.values()), {}
        for answer in left:
            answer.set_exception(_ended())


def _ended() -> HostError:
    return HostError(Reason.PROBE_FAILED, "the worker's process that asks hosts ended; the worker's log may say why")


def _failed(reason: Reason, detail: str, at_login: bool) -> HostError:  # noqa: FBT001 — as it came through the pipe
    error = HostError(reason, detail)
    error.at_login = at_login
    return error


# ---- the process


def _serve(pipe: Connection, orders: _Orders) -> None:
    """Read hosts and ask those that are named, until nobody is at the other end."""
    # Ctrl-C and the end of a service are for whoever has hosts asked: hosts under way come to their end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        hosts = tuple(orders.reading())
    except AuditorError as error:
        pipe.send(str(error))
        return
    known = {host.key: host for host in hosts}
    pipe.send(tuple(map(_without_logins, hosts)))
    turn = threading.Lock()
    with closing(Transports(pacing=Pacing())) as transports:
        put = asking_for(transports.collect, orders.limits)

        def answer(number: int, key: str, run: str) -> None:
            said: Any
            try:
                if key not in known:
                    raise HostError(Reason.WORKER_REFUSED, "the worker's inventory has this host no longer")  # noqa: TRY301 — told like any other
                said = put(known[key], run)
            except HostError as error:
                said = (error.reason, error.detail, error.at_login)
            except Exception as error:  # noqa: BLE001 — the boundary around one host: whoever waits for it is told
                traceback.print_exc()
                said = (Reason.PROBE_FAILED, f"a fault of the auditor's own: {type(error).__name__}: {error}", False)
            with turn:
                pipe.send((number, said))

        pool = ThreadPoolExecutor(max_workers=orders.at_once)
        while True:
            try:
                asked = pipe.recv()
            except (EOFError, OSError):
                asked = None
            if asked is None:
                # Nobody waits for the hosts under way.
                os._exit(0)
            pool.submit(answer, *asked)


def _without_logins(host: Host) -> Host:
    login = Credentials(user=host.credentials.user, become=host.credentials.become)
    return replace(host, credentials=login, ssh=replace(host.ssh, jumps=()))
