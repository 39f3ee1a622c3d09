"""The way through jump hosts: one connection to each, shared by all hosts behind it, and a channel for each of them.

What ssh(1) does with ``-W``: the jump host connects to the host behind it and passes bytes on (RFC 4254, section 7.2).
The SSH connection to the host itself is end to end; the jump host sees nothing of it.
"""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import paramiko

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.transport.connect import DEFAULT_PORT, bare
from auditor.transport.deadline import Deadline
from auditor.transport.quote import quoted
from auditor.transport.ssh_connection import SshConnection
from auditor.transport.stream import Stream

_KEEPALIVE = 30
_AGAIN = 15.0
"""Seconds in which a jump host that could not be reached is not tried again for another host behind it."""
_PROHIBITED = 1
_WORDS = (
    ("refused", Reason.REFUSED),
    ("timed out", Reason.TIMEOUT),
    ("timeout", Reason.TIMEOUT),
    ("no route", Reason.NO_ROUTE),
    ("unreachable", Reason.NO_ROUTE),
    ("resolve", Reason.DNS),
    ("name or service", Reason.DNS),
    ("name resolution", Reason.DNS),
)


class ChannelStream:
    """A channel through a jump host in the place of a socket."""

    def __init__(self, channel: paramiko.Channel) -> None:
        """Take an open channel."""
        self._channel = channel
        self._ahead = b""
        # Paramiko lets a close overtake data that another thread is about to send; a server answers data for a closed
        # channel by ending the whole connection, and with it every host behind the jump.
        self._sending = threading.Lock()

    def settimeout(self, seconds: float | None, /) -> None:
        """Wait so long at most for what comes or goes."""
        self._channel.settimeout(seconds)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Take what has come, or with MSG_PEEK look at it; empty at the end of the stream."""
        if flags & socket.MSG_PEEK:
            if not self._ahead or self._channel.recv_ready():
                self._ahead += self._channel.recv(size)
            return self._ahead[:size]
        if self._ahead:
            taken, self._ahead = self._ahead[:size], self._ahead[size:]
            return taken
        return self._channel.recv(size)

    def send(self, data: "bytes | memoryview[int]", /) -> int:
        """Send what the jump host takes now."""
        with self._sending:
            return self._channel.send(bytes(data))

    def shutdown(self, _how: int, /) -> None:
        """End both directions, which wakes the thread that reads."""
        self.close()

    def close(self) -> None:
        """Close the channel; the jump host closes its connection to the host."""
        with self._sending:
            self._channel.close()


@dataclass(slots=True)
class _Slot:
    """One jump host: its connection, or why there is none."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    connection: SshConnection | None = None
    failure: HostError | None = None
    failed_at: float = 0.0


Enter = Callable[[Host, Stream | None, Deadline], SshConnection]
"""Connect to a jump host, over a stream where there is one, check its key and log in; raises HostError."""


class Jumps:
    """The jump hosts of a run; safe to use from many threads."""

    def __init__(self, enter: Enter) -> None:
        """Take what connects to one."""
        self._enter = enter
        self._slots: dict[tuple[Host, ...], _Slot] = {}
        self._lock = threading.Lock()

    def through(self, chain: tuple[Host, ...], address: str, port: int, deadline: Deadline) -> ChannelStream:
        """Return a stream to an address behind a chain of jump hosts; HostError names the jump that failed."""
        connection = self._connection(chain, deadline)
        jump = chain[-1]
        try:
            channel = connection.open_stream(address, port, deadline)
        except paramiko.ChannelException as error:
            raise _refused(jump, address, port, error) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            if connection.is_active():
                detail = f"jump host {jump.name}: it did not reach {address} port {port} in time"
                raise HostError(Reason.TIMEOUT, detail) from error
            detail = f"jump host {jump.name}: the connection to it broke: {quoted(str(error))}"
            raise HostError(Reason.RESET, detail) from error
        return ChannelStream(channel)

    def close(self) -> None:
        """End every connection, those behind others first; who still uses one sees it break."""
        with self._lock:
            slots = sorted(self._slots.items(), key=lambda item: -len(item[0]))
            self._slots = {}
        for _, slot in slots:
            if slot.connection is not None:
                slot.connection.end()

    def _connection(self, chain: tuple[Host, ...], deadline: Deadline) -> SshConnection:
        with self._lock:
            slot = self._slots.setdefault(chain, _Slot())
        jump = chain[-1]
        if not slot.lock.acquire(timeout=deadline.remaining):
            raise HostError(Reason.TIMEOUT, f"jump host {jump.name}: another host still waits for it to answer")
        try:
            if slot.connection is not None and slot.connection.is_active():
                return slot.connection
            # Who was refused is not asked again for each host behind: that would lock an account.
            if slot.failure is not None and (_is_final(slot.failure) or time.monotonic() - slot.failed_at < _AGAIN):
                raise _copy(slot.failure)
            try:
                slot.connection = self._open(chain, deadline)
            except HostError as error:
                slot.failure, slot.failed_at = _named(jump, error), time.monotonic()
                raise _copy(slot.failure) from error
            slot.failure = None
            return slot.connection
        finally:
            slot.lock.release()

    def _open(self, chain: tuple[Host, ...], deadline: Deadline) -> SshConnection:
        jump = chain[-1]
        before = None
        if len(chain) > 1:
            before = self.through(chain[:-1], bare(jump.address), jump.port or DEFAULT_PORT, deadline)
        connection = self._enter(jump, before, deadline)
        connection.allow_until(Deadline(at=float("inf")))
        connection.set_keepalive(_KEEPALIVE)
        return connection


def _is_final(error: HostError) -> bool:
    return error.at_login or error.reason not in (
        Reason.DNS,
        Reason.NO_BANNER,
        Reason.NO_ROUTE,
        Reason.REFUSED,
        Reason.RESET,
        Reason.TIMEOUT,
    )


def _named(jump: Host, error: HostError) -> HostError:
    detail = error.detail if error.detail.startswith("jump host ") else f"jump host {jump.name}: {error.detail}"
    named = HostError(error.reason, detail)
    named.at_login = error.at_login
    return named


def _copy(error: HostError) -> HostError:
    """Return an error of its own for each host: one that is raised twice would collect tracebacks."""
    again = HostError(error.reason, error.detail)
    again.at_login = error.at_login
    return again


def _refused(jump: Host, address: str, port: int, error: paramiko.ChannelException) -> HostError:
    if error.code == _PROHIBITED:
        why = f"jump host {jump.name} does not forward to {address} port {port} (see AllowTcpForwarding there)"
        return HostError(Reason.NO_ROUTE, f"{why}: {quoted(error.text)}")
    said = error.text.lower()
    reason = next((reason for words, reason in _WORDS if words in said), Reason.NO_ROUTE)
    return HostError(reason, f"jump host {jump.name} cannot reach {address} port {port}: {quoted(error.text)}")
