"""One JSON document fetched over HTTP: bounded in time, size and redirects; no proxy, no cookie, no credential."""

import contextlib
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from auditor import __version__

REDIRECTS = 3
LONGEST = 256 * 1024
"""Bytes of an answer."""
_PORTS = {"http": 80, "https": 443}
_MOVED = (301, 302, 303, 307, 308)
_OK, _NOT_FOUND, _TOO_MANY, _UNAVAILABLE = 200, 404, 429, 503


class FetchError(Exception):
    """No document; the message is the end of a sentence, in words of ours."""

    def __init__(self, message: str, *, is_servers: bool = False, is_nothing: bool = False) -> None:
        """``is_servers``: the server will not answer others either; ``is_nothing``: it says that it has nothing."""
        super().__init__(message)
        self.is_servers = is_servers
        self.is_nothing = is_nothing


def fetch_json(url: str, seconds: float) -> dict[str, Any]:
    """Return the JSON object at an address; FetchError says why there is none. All of it takes ``seconds`` at most."""
    deadline = time.monotonic() + seconds
    first = _split(url)
    where = first
    for _ in range(REDIRECTS + 1):
        with _connected(where, deadline, may_be_local=where.hostname == first.hostname) as connection:
            target = where.path or "/"
            connection.request("GET", f"{target}?{where.query}" if where.query else target, headers=_HEADERS)
            answer = connection.getresponse()
            if answer.status not in _MOVED:
                return _document(answer)
            where = _moved(where, answer)
    raise FetchError(f"more than {REDIRECTS} redirects", is_servers=False)


_HEADERS = {
    "Accept": "application/rdap+json, application/json",
    "User-Agent": f"auditor/{__version__}",
    "Connection": "close",
}


def _split(url: str) -> SplitResult:
    try:
        where = urlsplit(url)
        is_whole = where.scheme in _PORTS and bool(where.hostname) and (where.port is None or where.port > 0)
    except ValueError:
        is_whole = False
    if not is_whole or where.username is not None or not url.isascii() or not url.isprintable() or " " in url:
        raise FetchError("its address is none of HTTP's")
    return where


def _moved(where: SplitResult, answer: HTTPResponse) -> SplitResult:
    further = _split(urljoin(where.geturl(), answer.getheader("Location") or ""))
    if where.scheme == "https" and further.scheme != "https":
        raise FetchError("a redirect from https to http is not followed")
    return further


def _document(answer: HTTPResponse) -> dict[str, Any]:
    if answer.status == _NOT_FOUND:
        raise FetchError("has nothing on it", is_nothing=True)
    if answer.status != _OK:
        raise FetchError(f"answers {answer.status}", is_servers=answer.status in (_TOO_MANY, _UNAVAILABLE))
    data = answer.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise FetchError(f"answers more than {LONGEST} bytes")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FetchError("does not answer JSON") from error
    if not isinstance(found, dict):
        raise FetchError("does not answer a JSON object")
    return found


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


@contextmanager
def _connected(where: SplitResult, deadline: float, *, may_be_local: bool) -> Iterator[HTTPConnection]:
    """Connect to where a name leads, and end the connection at the deadline, however slowly the other side goes on."""
    host, port = where.hostname or "", where.port or _PORTS[where.scheme]
    raw: socket.socket | None = None
    is_over = threading.Event()
    connection = HTTPConnection(host, port)
    timer: threading.Timer | None = None
    try:
        raw = socket.create_connection(_place(host, port, may_be_local=may_be_local), timeout=_left(deadline))
        timer = threading.Timer(_left(deadline), _end, (raw, is_over))
        timer.daemon = True
        timer.start()
        plain = raw.dup()
        connection.sock = _context().wrap_socket(plain, server_hostname=host) if where.scheme == "https" else plain
        yield connection
    except FetchError as error:
        # What was cut off at the deadline reads as a bad answer.
        if is_over.is_set():
            raise FetchError("did not answer in time", is_servers=True) from error
        raise
    except ssl.SSLCertVerificationError as error:
        raise FetchError(f"its certificate is not trusted: {error.verify_message}", is_servers=True) from error
    except (OSError, HTTPException) as error:
        if is_over.is_set() or isinstance(error, TimeoutError):
            raise FetchError("did not answer in time", is_servers=True) from error
        raise FetchError(f"cannot be reached ({type(error).__name__})", is_servers=True) from error
    finally:
        if timer is not None:
            timer.cancel()
        connection.close()
        if raw is not None:
            raw.close()


def _end(raw: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    with contextlib.suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _place(host: str, port: int, *, may_be_local: bool) -> tuple[str, int]:
    """Return the address that a name leads to; one of our own networks only where the operator named the server.

    It is the address that is connected to: a name that leads elsewhere a moment later leads nowhere.
    """
    address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    if not may_be_local and not ipaddress.ip_address(address.partition("%")[0]).is_global:
        raise FetchError("a redirect into a network that is not public is not followed")
    return address, port
