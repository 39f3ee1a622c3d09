"""Ctrl-C while hosts are asked: the first lets those under way end, the second ends at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

INTERRUPTED = 130
"""Exit code of a run that was interrupted."""

_CLEAR = "\r\x1b[K"


@contextmanager
def on_interrupt(first: Callable[[], None], said: str | None) -> Iterator[None]:
    """Have the first Ctrl-C call a function and say something, instead of raising; the second ends the process.

    Nothing is lost at the second: each host is kept in one transaction, and what hosts under way were about
    to answer is asked again when the run goes on.

    A thread of its own is told, through a pipe that the signal itself writes to. A handler in Python runs only
    when the main thread comes to it, and a signal that arrives just before that thread waits for a lock, or
    that the kernel hands to another thread, would be seen when a host answers, which may be minutes later.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    told, telling = os.pipe()
    os.set_blocking(telling, False)  # what a signal writes must never wait
    watcher = threading.Thread(target=_watch, args=(told, first, said), name="interrupts", daemon=True)
    watcher.start()
    pipe_before = signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        signal.set_wakeup_fd(pipe_before)
        os.close(telling)
        watcher.join()
        os.close(told)


def _watch(told: int, first: Callable[[], None], said: str | None) -> None:
    """Act on every interrupt that the pipe tells, until its other end is closed."""
    is_asked = False
    while signals := os.read(told, 1):
        if signals[0] != signal.SIGINT:
            continue
        if is_asked:
            _tell("")
            os._exit(INTERRUPTED)
        is_asked = True
        first()
        if said is not None:
            _tell(said)


def _tell(text: str) -> None:
    """Write to standard error past its buffer, which another thread may be filling."""
    clear = _CLEAR if sys.stderr.isatty() else ""
    with suppress(OSError):  # whoever closed it does not want to know
        os.write(2, f"{clear}{text}\n".encode())
