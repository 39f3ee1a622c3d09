"""This very machine, without a network."""

import os
import pwd
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.probe import ProbeCall, RawOutput
from auditor.transport.capture import Capture
from auditor.transport.deadline import Deadline

_SHELL = "/bin/sh"
# What a log-in over SSH would set: our own variables (a virtual environment, a store's URL) stay with us.
_ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_PIECE = 65_536
# Between asking and forcing: sudo passes the first on to what it runs, which nobody else may end.
_GRACE = 0.3


class LocalTransport:
    """Run calls on this machine, each in a session of its own that is ended as a whole."""

    def close(self) -> None:
        """Keep nothing between hosts."""

    def collect(self, host: Host, call: ProbeCall) -> RawOutput:  # noqa: ARG002 — there is one local host only
        """Put the call to this machine; see ``Transport``."""
        started = datetime.now(tz=UTC)
        deadline = Deadline.after(call.deadline)
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            process = subprocess.Popen(  # noqa: S603 — the launcher is our own constant
                [_SHELL, "-c", call.launcher],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise HostError(Reason.PROBE_FAILED, f"{_SHELL} does not start here: {error.strerror}") from error
        capture = Capture(call)
        try:
            exit_status = _await_exit(process, deadline) if _exchange(process, call, capture, deadline) else None
            if exit_status is None:
                raise capture.out_of_time()
        finally:
            _end(process)
        return RawOutput(
            stdout=capture.stdout,
            stderr=capture.stderr,
            stderr_dropped=capture.stderr_dropped,
            exit_status=exit_status if exit_status >= 0 else None,
            started=started,
            finished=datetime.now(tz=UTC),
            user=_user(),
        )


def _exchange(process: subprocess.Popen[bytes], call: ProbeCall, capture: Capture, deadline: Deadline) -> bool:
    """Write standard input while both outputs are drained; tell whether both ended before the time was up."""
    assert process.stdin is not None  # noqa: S101 — they are pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    unsent = memoryview(call.input)
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_WRITE if stream is process.stdin else selectors.EVENT_READ)
        reading = 2
        while reading and not deadline.passed:
            for ready, _ in selector.select(deadline.remaining):
                if ready.fileobj is process.stdin:
                    unsent = unsent[_write(process.stdin, unsent) :]
                    if not unsent:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                data = os.read(ready.fd, _PIECE)
                if not data:
                    selector.unregister(ready.fileobj)
                    reading -= 1
                elif ready.fileobj is process.stdout:
                    capture.take_stdout(data)
                else:
                    capture.take_stderr(data)
    return not reading


def _write(stream: IO[bytes], data: memoryview) -> int:
    """Write what fits; all of it is done with when nobody reads any more."""
    try:
        return os.write(stream.fileno(), data[:_PIECE])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(data)


def _await_exit(process: subprocess.Popen[bytes], deadline: Deadline) -> int | None:
    """Return the exit status, negative for a signal; None when the time is up first."""
    pause = 0.0005
    while not _has_exited(process):
        if deadline.passed:
            return None
        time.sleep(min(pause, deadline.remaining))
        pause = min(pause * 2, 0.02)
    # Its process group is ended before it is reaped: until then its number cannot be anybody else's.
    _signal_group(process, signal.SIGKILL)
    return process.wait()


def _has_exited(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether the process has ended, without reaping it where the system can say so."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no process of the session's group, and no pipe."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    if process.returncode is not None:
        return
    _signal_group(process, signal.SIGTERM)
    _await_exit(process, Deadline.after(_GRACE))
    if process.returncode is None:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # A group of which nothing is left, or of which only root's processes are left, cannot be signalled.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
