"""Many hosts at once on this machine: threads for the network, reader processes for the bytes."""

import math
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.pacing import Pacing
from auditor.model.record import Record, field
from auditor.run.pacing import Pacer, Standing, Turn
from auditor.run.retries import Retries, Window
from auditor.store.record import HostRecord

Answer = TypeVar("Answer")
"""What comes of a host: its own bytes, or what a worker sealed of them."""

Ask = Callable[[Host], Answer]
"""Put the probe to one host; raises HostError."""

Read = Callable[[Turn, Answer | HostError], HostRecord]
"""Have an answer, or its absence, read and judged; raises HostError when the reader breaks."""

Watch = Callable[[Standing], None]
"""See how the run stands: called with every change, and at least once a second."""

_WATCHED = 1.0


class Stop:
    """The wish that a fan-out begins no further host; may be expressed in any thread."""

    def __init__(self) -> None:
        """Begin without the wish."""
        self.is_asked = False
        self.ring: Callable[[], None] | None = None

    def ask(self) -> None:
        """Wish it, and wake the fan-out up."""
        self.is_asked = True
        if self.ring is not None:
            self.ring()


class Course(Record, kw_only=True):
    """How a run goes about its hosts."""

    pacing: Pacing = field(default_factory=Pacing)
    """Its budgets."""
    window: Window | None = None
    """Time in which unreached hosts are tried again; None means their first tries decide."""
    stop: Stop = field(default_factory=Stop)
    """How it is asked to end early."""
    watch: Watch | None = None
    """Who follows it; None where nobody does."""


class Outcome(Record, kw_only=True):
    """One host is through."""

    host: Host
    """Which."""
    record: HostRecord
    """What became of it."""


class _News(Record, kw_only=True):
    """What came of a turn: a record, or a failure that is not the last word."""

    turn: Turn
    record: HostRecord | None = None
    reason: Reason | None = None
    rest: float = 0.0


def fan_out(
    hosts: Sequence[Host],
    ask: Ask[Answer],
    read: Read[Answer],
    course: Course,
    *,
    clock: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
) -> Iterator[Outcome]:
    """Yield every host's outcome as it comes; each host exactly once.

    Hosts begin as the budgets allow. One whose failure may pass is tried again, and its last try is its
    outcome. Once the run is asked to stop, or the iterator is closed, no host is begun: those under way end by
    their deadlines, and come out in the first case. A fault of ours in a thread is raised here. A consumer
    that is slow slows the beginnings down; nothing piles up.
    """
    pacing, stop, watch = course.pacing, course.stop, course.watch
    pacer = Pacer(hosts, pacing, chance)
    retries = Retries(at_once=pacing.retries, window=course.window)
    crew = _Crew(min(pacing.workers, len(hosts)), ask, read, retries, clock, chance)
    stop.ring = crew.ring
    through: deque[Outcome] = deque()
    try:
        while pacer.left or through:
            if stop.is_asked:
                pacer.give_up()
            while (turn := pacer.start(clock())) is not None:
                crew.take(turn)
            if watch is not None:
                watch(pacer.standing(clock()))
            if len(through) < pacing.workers:
                patience = 0.0 if through or not pacer.left else pacer.wait(clock())
                for news in crew.news(patience, at_most=math.inf if watch is None else _WATCHED):
                    pacer.ended(news.turn)
                    if news.record is not None:
                        through.append(Outcome(host=news.turn.host, record=news.record))
                    elif news.reason is not None:
                        pacer.again(news.turn, news.reason, clock() + news.rest)
            if through:
                yield through.popleft()
    finally:
        crew.dismiss()


class _Crew(Generic[Answer]):
    """Threads that each take one turn at a time."""

    def __init__(
        self,
        size: int,
        ask: Ask[Answer],
        read: Read[Answer],
        retries: Retries,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._ask, self._read, self._retries = ask, read, retries
        self._clock, self._chance = clock, chance
        self._turns: queue.SimpleQueue[Turn | None] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[_News | BaseException | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"network-{number}", daemon=True) for number in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def take(self, turn: Turn) -> None:
        """Hand a turn to a thread that is free."""
        self._turns.put(turn)

    def ring(self) -> None:
        """Wake up whoever waits for news; a signal's handler may."""
        self._news.put(None)

    def news(self, patience: float | None, at_most: float) -> Iterator[_News]:
        """Yield all news that have come, waiting for the first of them as long as is said; None means any time."""
        seconds = at_most if patience is None else min(patience, at_most)
        try:
            one = self._news.get(timeout=None if seconds == math.inf else max(0.0, seconds))
            while True:
                if isinstance(one, BaseException):
                    raise one
                if one is not None:
                    yield one
                one = self._news.get_nowait()
        except queue.Empty:
            return

    def dismiss(self) -> None:
        """Let every thread end its turn, and wait for that."""
        with suppress(queue.Empty):
            while True:
                self._turns.get_nowait()
        for _ in self._threads:
            self._turns.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (turn := self._turns.get()) is not None:
            try:
                self._news.put(self._play(turn))
            except BaseException as error:  # noqa: BLE001 — carried to the caller, who raises it
                self._news.put(error)
                return

    def _play(self, turn: Turn) -> _News:
        answer: Answer | HostError
        try:
            answer = self._ask(turn.host)
        except HostError as error:
            rest = self._retries.rest(turn.attempt, error, self._clock(), self._chance())
            if rest is not None:
                return _News(turn=turn, reason=error.reason, rest=rest)
            # A fresh one: what was raised holds, by its traceback, all that the call held, itself included.
            answer = HostError(error.reason, error.detail)
        return _News(turn=turn, record=self._record(turn, answer))

    def _record(self, turn: Turn, answer: Answer | HostError) -> HostRecord:
        try:
            return self._read(turn, answer)
        except HostError as error:
            if error.reason not in (Reason.READER_LIMIT, Reason.READER_FAILED):
                raise
            # The reader broke on what the host sent: what is left to say of the host needs none of its bytes.
            return self._read(turn, error)
