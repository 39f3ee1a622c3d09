"""Ctrl-C while hosts are asked: the first lets those under way end, the second ends at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code of a run that was interrupted."""

_CLEAR = "\r\x1b[K"


@contextmanager
def on_interrupt(first: Callable[[], None], said: str | None) -> Iterator[None]:
    """Have the first Ctrl-C call a function and say something, instead of raising; the second ends the process.

    Nothing is lost at the second: each host is kept in one transaction, and what hosts under way were about
    to answer is asked again when the run goes on.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    is_asked = False

    def handle(_signal: int, _frame: FrameType | None) -> None:
        nonlocal is_asked
        if is_asked:
            _tell("")
            os._exit(INTERRUPTED)
        is_asked = True
        first()
        if said is not None:
            _tell(said)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(text: str) -> None:
    """Write to standard error past its buffer, which the code that the signal came into may be filling."""
    clear = _CLEAR if sys.stderr.isatty() else ""
    os.write(2, f"{clear}{text}\n".encode())
