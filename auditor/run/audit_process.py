"""Audits as processes of their own: begun by a service, listened to, interrupted when it is stopped."""

import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from auditor.run.scheduled import Ended

_LINES, _LONGEST = 3, 500
"""Lines, and characters, that are kept of an audit's last words."""
_NOT_BEGUN = 2


class AuditProcesses:
    """The audits that one service has under way."""

    def __init__(self) -> None:
        """Have none under way."""
        self._guard = threading.Lock()
        self._under_way: set[subprocess.Popen[str]] = set()
        self._is_stopping = False

    def run(self, words: Sequence[str], folder: str) -> Ended:
        """Do one audit in a folder, and return how it ended; what it says on standard error is passed on."""
        if not Path(folder).is_dir():
            return Ended(exit_code=_NOT_BEGUN, said=f"{folder}: the schedule's working folder is not there")
        with self._guard:
            if self._is_stopping:
                return Ended(exit_code=-signal.SIGINT)
            # In a session of its own: a Ctrl-C at a terminal reaches it through us, and once.
            process = subprocess.Popen(  # noqa: S603 — our own program, its words checked when the schedule was added
                [sys.executable, "-m", "auditor.cli.main", "audit", *words],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._under_way.add(process)
        try:
            said = _listened_to(process)
            return Ended(exit_code=process.wait(), said=said)
        finally:
            with self._guard:
                self._under_way.discard(process)

    def interrupt(self) -> None:
        """Have every audit end as by Ctrl-C, and begin none any more; a second call has them end at once."""
        with self._guard:
            self._is_stopping = True
            for process in self._under_way:
                process.send_signal(signal.SIGINT)


def _listened_to(process: subprocess.Popen[str]) -> str:
    """Pass on what a process says on standard error until it says no more, and return its last words."""
    last: deque[str] = deque(maxlen=_LINES)
    assert process.stderr is not None  # noqa: S101 — it was opened as a pipe
    with process.stderr as lines:
        for line in lines:
            sys.stderr.write(line)
            sys.stderr.flush()
            if line.strip():
                last.append(line.strip())
    return " / ".join(last)[:_LONGEST]
