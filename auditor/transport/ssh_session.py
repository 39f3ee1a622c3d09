"""One command on a host over SSH: input written while both outputs are drained, nothing waited for blindly."""

import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress

import paramiko

from auditor.errors import HostError, Reason
from auditor.model.probe import ProbeCall
from auditor.transport.capture import Capture
from auditor.transport.deadline import Deadline
from auditor.transport.quote import quoted
from auditor.transport.ssh_connection import SshConnection

_PIECE = 1_048_576
_PACKET = 32_768
# How often a full send window is looked at again; a server's window holds a whole probe, so this is rare.
_WINDOW_WAIT = 0.02
_NO_STATUS = -1
_PARTING = 3.0
STRAGGLER = 0.2
"""Seconds by which what a host said earlier on one stream may come after what it said later on the other."""
_SIGN_OF_LIFE = 3.0
"""Seconds that the SSH server of a host that fell silent has to answer us: many round trips of a slow line."""


class _Wakeup(threading.Event):
    """An event that two buffers share: each clears it when it runs empty, so their clearing must not count."""

    def clear(self) -> None:
        """Ignore a buffer that ran empty."""

    def rearm(self) -> None:
        """Clear it in truth, before the buffers are looked at."""
        super().clear()


def open_session(connection: SshConnection, deadline: Deadline) -> paramiko.Channel:
    """Open a session channel; raises HostError with ``no_session``, ``deadline`` or ``reset``."""
    try:
        return connection.open_session(timeout=deadline.remaining + 1)
    except paramiko.ChannelException as error:
        why = f"the host lets the user in but opens no session: {quoted(error.text)} (see MaxSessions in sshd_config)"
        raise HostError(Reason.NO_SESSION, why) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _lost(connection, deadline, "before a session was open") from error


def converse(
    connection: SshConnection,
    channel: paramiko.Channel,
    call: ProbeCall,
    deadline: Deadline,
    hear: Callable[[Capture], bool],
) -> tuple[Capture, int | None]:
    """Run the launcher, feed it, and return all it says and its exit status, None where the host tells none.

    ``hear`` is called whenever more has come, and every ``STRAGGLER`` seconds as long as it returns True.

    Raises HostError: ``deadline``, ``stalled``, ``frozen``, ``vanished``, ``output_limit``, ``malformed``, ``reset``,
    or ``no_session`` when the host refuses to run a command.
    """
    capture = Capture(call)
    # The connection outlives the deadline by as much as it takes to stop the command.
    connection.allow_until(Deadline(at=deadline.at + _PARTING))
    try:
        _exchange(connection, channel, call, capture, deadline, hear)
    except (paramiko.SSHException, EOFError, OSError):
        # The connection broke under a request of ours; what is known of it is told below.
        channel.status_event.wait(1)
    so_far = f"after {capture.size} bytes of the answer"
    # The status mostly comes before the end of the output, but need not.
    told = channel.status_event.wait(deadline.remaining)
    if deadline.passed and not (told and channel.exit_status != _NO_STATUS and channel.eof_received):
        error = capture.out_of_time()
        _ask_to_stop(connection, channel)
        raise error if error.reason is Reason.DEADLINE else _silent(connection, error)
    if not channel.event_ready and connection.is_active() and channel.exit_status == _NO_STATUS:
        raise HostError(
            Reason.NO_SESSION,
            "the host refuses to run a command for this user (see ForceCommand and the key's options on the host)",
        )
    if not channel.eof_received and channel.exit_status == _NO_STATUS and not connection.is_active():
        raise _lost(connection, deadline, so_far)
    return capture, None if channel.exit_status == _NO_STATUS else channel.exit_status


def _exchange(
    connection: SshConnection,
    channel: paramiko.Channel,
    call: ProbeCall,
    capture: Capture,
    deadline: Deadline,
    hear: Callable[[Capture], bool],
) -> None:
    """Move bytes both ways until the host has no more to say or the time is up."""
    wakeup = _Wakeup()
    channel.in_buffer.set_event(wakeup)
    channel.in_stderr_buffer.set_event(wakeup)
    channel.settimeout(0)
    # The input follows the request at once, which saves a round trip.
    connection.request(channel, "exec", call.launcher, reply=True)
    data = call.input
    sent = 0
    open_for_input = True
    expecting = False
    while not deadline.passed:
        wakeup.rearm()
        # Read before draining: what came before the end is then surely drained after it.
        ended = bool(channel.eof_received or channel.closed)
        moved = _drain(channel, capture)
        if moved or expecting:
            expecting = hear(capture)
        if ended:
            return
        with connection.together() if open_for_input else nullcontext():
            while sent < len(data) and channel.send_ready() and not channel.closed:
                sent += channel.send(data[sent : sent + _PACKET])
                moved = True
            if open_for_input and sent == len(data):
                channel.shutdown_write()
                open_for_input = False
        if not moved:
            patience = _WINDOW_WAIT if open_for_input else STRAGGLER if expecting else deadline.remaining
            wakeup.wait(min(deadline.remaining, patience))


def _drain(channel: paramiko.Channel, capture: Capture) -> bool:
    """Take all that has come on both streams; tell whether there was any."""
    moved = False
    while channel.recv_ready():
        capture.take_stdout(channel.recv(_PIECE))
        moved = True
    while channel.recv_stderr_ready():
        capture.take_stderr(channel.recv_stderr(_PIECE))
        moved = True
    return moved


def _ask_to_stop(connection: SshConnection, channel: paramiko.Channel) -> None:
    """Ask the server to end the command (RFC 4254, section 6.9), so that it does not go on without us."""
    # Where the connection is gone as well, sshd closes the command's pipes.
    with suppress(EOFError, OSError, paramiko.SSHException):
        connection.request(channel, "signal", "TERM", reply=False)


def _silent(connection: SshConnection, stalled: HostError) -> HostError:
    """Tell a command that hangs from a machine that stands still, and both from one that is not there any more."""
    connection.allow_until(Deadline.after(_SIGN_OF_LIFE + _PARTING))
    answers = connection.answers(_SIGN_OF_LIFE)
    if not connection.is_active():
        return stalled  # it has ended by itself meanwhile: nobody is left to ask
    if answers:
        return HostError(stalled.reason, f"{stalled.detail}; its SSH server still answers")
    if connection.is_acknowledged:
        return HostError(
            Reason.FROZEN, f"{stalled.detail}; its SSH server answers no more, though its kernel takes what we send"
        )
    return HostError(Reason.VANISHED, f"{stalled.detail}; nothing of the host answers any more")


def _lost(connection: SshConnection, deadline: Deadline, when: str) -> HostError:
    if deadline.passed:
        return HostError(Reason.DEADLINE, f"the time was up {when}")
    return connection.failure(Reason.RESET, when)
