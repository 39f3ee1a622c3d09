"""One message posted to one webhook: TLS verified, bounded in time, no redirect followed, no secret shown."""

import contextlib
import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from auditor import __version__
from auditor.model.record import Record
from auditor.notify.messages import Message
from auditor.notify.webhook import Webhook

_AGAIN = (408, 425, 429)
"""Answers below 500 that another try may change."""


class Answer(Record, kw_only=True):
    """What became of one try."""

    problem: str | None = None
    """Why it was not taken, as the end of a sentence; None when it was."""
    may_pass: bool = False
    """Whether another try may go better."""


def post(webhook: Webhook, message: Message) -> Answer:
    """Post a message once; every fault of the network or the other side is an answer, none is raised."""
    try:
        with _connected(webhook) as connection:
            connection.request("POST", webhook.target, body=message.body, headers=headers(webhook, message))
            status = connection.getresponse().status
    except ssl.SSLCertVerificationError as error:
        return Answer(problem=f"its certificate is not trusted: {error.verify_message}")
    except (OSError, HTTPException) as error:
        return Answer(problem=_unreached(error, webhook), may_pass=True)
    return _answer(status)


def _answer(status: int) -> Answer:
    """Say what a status means for the message."""
    if 200 <= status < 300:  # noqa: PLR2004 — HTTP's own classes
        return Answer()
    if 300 <= status < 400:  # noqa: PLR2004
        return Answer(problem=f"answers {status}, and redirects are not followed")
    return Answer(problem=f"answers {status}", may_pass=status >= 500 or status in _AGAIN)  # noqa: PLR2004


def headers(webhook: Webhook, message: Message) -> dict[str, str]:
    """Return what stands above the body."""
    made = {
        "Content-Type": "application/json",
        "User-Agent": f"auditor/{__version__}",
        "X-Auditor-Event": message.event.value,
        "X-Auditor-Delivery": message.id,
        "Connection": "close",
    }
    if webhook.key is not None:
        made["X-Auditor-Signature"] = f"sha256={hmac.new(webhook.key, message.body, hashlib.sha256).hexdigest()}"
    if webhook.header is not None:
        made[webhook.header[0]] = webhook.header[1]
    return made


@cache
def _context(ca: Path | None) -> ssl.SSLContext:
    """Return how a server is verified: the system's certificates take long to read, and are read once."""
    return ssl.create_default_context(cafile=None if ca is None else str(ca))


def _unreached(error: OSError | HTTPException, webhook: Webhook) -> str:
    """Say why there was no answer, in words of the system's and of ours, never of the other side's."""
    if isinstance(error, TimeoutError):
        return f"did not answer within {webhook.timeout:g} s"
    if isinstance(error, ssl.SSLError):
        return f"cannot be reached: TLS fails ({error.reason})"
    said = error.strerror if isinstance(error, OSError) else None
    return f"cannot be reached: {said or type(error).__name__}"


@contextmanager
def _connected(webhook: Webhook) -> Iterator[HTTPConnection]:
    """Connect, and end the connection when its time is over, however slowly the other side goes on."""
    raw = socket.create_connection((webhook.host, webhook.port), timeout=webhook.timeout)
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        with contextlib.suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(webhook.timeout, end)
    timer.daemon = True
    timer.start()
    connection = HTTPConnection(webhook.host, webhook.port, timeout=webhook.timeout)
    try:
        # A plain copy of the socket stays with us: TLS takes the other over, and closes it when it fails.
        plain = raw.dup()
        plain.settimeout(webhook.timeout)
        connection.sock = (
            _context(webhook.ca).wrap_socket(plain, server_hostname=webhook.host) if webhook.is_tls else plain
        )
        yield connection
    except (OSError, HTTPException) as error:
        if is_over.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        connection.close()
        raw.close()
