"""The way to a host's SSH server: its name resolved, a TCP connection, and proof that SSH answers."""

import errno
import os
import socket
import threading
import time
from datetime import datetime

from auditor.errors import HostError, Reason, UsageError
from auditor.model.record import Record
from auditor.transport.deadline import Deadline
from auditor.transport.quote import quoted
from auditor.transport.stream import Stream

DEFAULT_PORT = 22
"""Where SSH answers if nothing else is said."""

_NO_ROUTE = frozenset(
    {
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EPERM,
        errno.EACCES,
    }
)
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_TELLING = (Reason.NO_BANNER, Reason.REFUSED, Reason.RESET, Reason.TIMEOUT, Reason.NO_ROUTE)
"""Which reason stands for a host with several addresses that all failed: the first one of these."""

# RFC 4253, section 4.2: other lines may come before the version, which has at most 255 characters.
_PREFACE = 8192
_VERSION = 255
_MARK = b"SSH-"

_Endpoint = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class Begun(Record, kw_only=True):
    """A call that has begun before whoever goes on with it was there."""

    stream: socket.socket
    """A TCP connection to the host, nothing read from it yet."""
    started: datetime
    """When it began, in UTC."""
    deadline: Deadline
    """By when it is to have ended."""


def bare(address: str) -> str:
    """Return an address of IPv6 without the brackets that it has where a port may follow."""
    return address[1:-1] if address.startswith("[") and address.endswith("]") else address


def open_connection(address: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that answers.

    Raises HostError with ``dns``, ``refused``, ``timeout``, ``no_route``, ``no_banner`` or ``reset``; of several
    addresses each gets its share of the time, and the detail names what became of each.
    """
    endpoints = _resolve(bare(address), port, deadline)
    failures: list[tuple[Reason, str]] = []
    for index, (family, where) in enumerate(endpoints):
        # A time-out of zero would mean "do not wait", which is not the same as "too late".
        share = max(0.001, deadline.remaining / (len(endpoints) - index))
        try:
            return _connect(family, where, share)
        except OSError as error:
            failures.append((_reason(error), f"{where[0]!s} port {port}: {_words(error, share)}"))
    reason = min((reason for reason, _ in failures), key=_TELLING.index)
    raise HostError(reason, "; ".join(detail for _, detail in failures))


def await_banner(connection: Stream, deadline: Deadline) -> str:
    """Wait until an SSH version line stands at the head of the stream, leave it there, and return it quoted.

    Raises HostError with ``no_banner`` when nothing comes, ``not_ssh`` when something else does.
    """
    passed_over = 0
    inside_line = False
    first = b""
    while True:
        data = _peek(connection, deadline)
        first = first or (data or b"")[:_VERSION]
        if not data:
            raise _no_ssh(first, closed=data is not None)
        if not inside_line and _MARK.startswith(data[: len(_MARK)]):
            if b"\n" in data[: _VERSION + 1] and data.startswith(_MARK):
                return quoted(data[: data.index(b"\n")].rstrip(b"\r"))
            if len(data) > _VERSION:
                raise _no_ssh(first, closed=False)
            # An incomplete version line: peeking again returns at once, so the wait is ours.
            time.sleep(min(0.01, deadline.remaining))
            continue
        end = data.find(b"\n") + 1
        inside_line = end == 0
        passed_over += len(connection.recv(end or len(data)))
        if passed_over >= _PREFACE:
            raise _no_ssh(first, closed=False)


def _resolve(address: str, port: int, deadline: Deadline) -> list[_Endpoint]:
    """Resolve a name within the deadline; a number needs no resolver and no thread."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return _ask_resolver(address, port, deadline)
    return [(family, where) for family, _, _, _, where in found]


def _ask_resolver(address: str, port: int, deadline: Deadline) -> list[_Endpoint]:
    """Ask the system's resolver, which takes no time limit, from a thread that can be left to finish by itself."""
    answers: list[list[_Endpoint] | str] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            answers.append(str(error))
        else:
            answers.append([(family, where) for family, _, _, _, where in found])

    asking = threading.Thread(target=ask, name=f"resolve {address}", daemon=True)
    asking.start()
    asking.join(deadline.remaining)
    answer = answers[0] if answers else "the resolver does not answer in time"
    if isinstance(answer, str):
        raise HostError(Reason.DNS, f"cannot resolve {address!r}: {answer}; correct the address or give a number")
    return answer


def _connect(family: socket.AddressFamily, where: object, seconds: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(where)  # type: ignore[arg-type]
        # Requests are small and answers are waited for: Nagle's algorithm would add a delay to each.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def _reason(error: OSError) -> Reason:
    if error.errno in _OURS:
        message = f"this machine cannot open another connection ({error}); use fewer --workers or raise `ulimit -n`"
        raise UsageError(message) from error
    if isinstance(error, ConnectionRefusedError):
        return Reason.REFUSED
    if isinstance(error, ConnectionError):
        # Accepted and dropped at once: whether connecting or the first read shows it is a matter of chance.
        return Reason.NO_BANNER
    if isinstance(error, TimeoutError):
        return Reason.TIMEOUT
    if error.errno in _NO_ROUTE:
        return Reason.NO_ROUTE
    return Reason.RESET


def _words(error: OSError, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:.1f} s"
    return os.strerror(error.errno) if error.errno else str(error)


def _peek(connection: Stream, deadline: Deadline) -> bytes | None:
    """Look at what has come without taking it: empty at the end of the stream, None when time is up."""
    remaining = deadline.remaining
    if remaining <= 0:
        return None
    connection.settimeout(remaining)
    try:
        return connection.recv(_PREFACE, socket.MSG_PEEK)
    except TimeoutError:
        return None
    except OSError:
        return b""


def _no_ssh(first: bytes, *, closed: bool) -> HostError:
    if first:
        return HostError(Reason.NOT_SSH, f"what answers is not an SSH server: it begins with {quoted(first)}")
    how = "closed the connection" if closed else "stayed silent until the time was up"
    return HostError(Reason.NO_BANNER, f"the connection was accepted, but the server {how} without a version line")
