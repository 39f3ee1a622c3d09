"""Many hosts at once on this machine: threads for the network, reader processes for the bytes."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.probe import RawOutput
from auditor.store.record import HostRecord

Ask = Callable[[Host], RawOutput]
"""Put the probe to one host; raises HostError."""

Read = Callable[[Host, RawOutput | HostError], HostRecord]
"""Have an answer, or its absence, read and judged; raises HostError when the reader breaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One host is through."""

    host: Host
    """Which."""
    record: HostRecord
    """What became of it."""


def fan_out(hosts: Sequence[Host], ask: Ask, read: Read, workers: int) -> Iterator[Outcome]:
    """Yield every host's outcome as it comes; each host exactly once.

    At most ``workers`` hosts are under way. Closing the iterator early, as Ctrl-C does, lets hosts that
    are under way end by their deadlines and starts no other. A fault of ours in a thread is raised here.
    """
    waiting: queue.SimpleQueue[Host] = queue.SimpleQueue()
    for host in hosts:
        waiting.put(host)
    done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
    stop = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(waiting, done, stop, ask, read), name=f"network-{number}", daemon=True)
        for number in range(min(workers, len(hosts)))
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(len(hosts)):
            outcome = done.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _work(
    waiting: "queue.SimpleQueue[Host]",
    done: "queue.SimpleQueue[Outcome | BaseException]",
    stop: threading.Event,
    ask: Ask,
    read: Read,
) -> None:
    while not stop.is_set():
        try:
            host = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            done.put(Outcome(host=host, record=_one(host, ask, read)))
        except BaseException as error:  # noqa: BLE001 — carried to the caller, who raises it
            done.put(error)
            return


def _one(host: Host, ask: Ask, read: Read) -> HostRecord:
    answer: RawOutput | HostError
    try:
        answer = ask(host)
    except HostError as error:
        answer = error
    try:
        return read(host, answer)
    except HostError as error:
        if error.reason not in (Reason.READER_LIMIT, Reason.READER_FAILED):
            raise
        # The reader broke on what the host sent: what is left to say of the host needs none of its bytes.
        return read(host, error)
