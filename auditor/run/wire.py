"""Messages between a reader and its parent.

JSON, sizes and bytes: a reader that a host has taken over cannot make its parent run anything.
"""

import json
import socket
import struct
import time
from typing import Any

from auditor.errors import HostError, Reason, UsageError
from auditor.report.rows import quickly

_SIZE = struct.Struct("!I")
# A record is far smaller; one that is not comes from a reader that a host has taken over.
_MESSAGE_LIMIT = 256 * 1024 * 1024


def joined(head: dict[str, Any], *parts: bytes) -> bytes:
    """Write a head and the bytes that it tells the lengths of as one message."""
    text = (quickly(head) or json.dumps(head)).encode()
    return b"".join([_SIZE.pack(len(text)), text, *parts])


def parted(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Read the head of a message back, and what follows it; HostError for a failure, UsageError for a refusal."""
    (size,) = _SIZE.unpack_from(message)
    end = _SIZE.size + size
    head: dict[str, Any] = json.loads(message[_SIZE.size : end])
    if "failure" in head:
        raise HostError(Reason(head["failure"]), head["detail"])
    if "refusal" in head:
        raise UsageError(head["refusal"])
    return head, message[end:]


def failure(reason: Reason, detail: str) -> bytes:
    """Write a failure as one message."""
    return joined({"failure": reason, "detail": detail})


def refusal(detail: str) -> bytes:
    """Write as one message why evidence is not judged: it is not what its seal says."""
    return joined({"refusal": detail})


def send(channel: socket.socket, message: bytes) -> None:
    """Send one message with its size before it."""
    channel.sendall(_SIZE.pack(len(message)) + message)


def receive(channel: socket.socket, deadline: float | None = None) -> bytes | None:
    """Receive one message; None when the other end is gone. Raises TimeoutError after the monotonic deadline."""
    size = _exactly(channel, _SIZE.size, deadline)
    if size is None:
        return None
    (length,) = _SIZE.unpack(size)
    return None if length > _MESSAGE_LIMIT else _exactly(channel, length, deadline)


def _exactly(channel: socket.socket, length: int, deadline: float | None) -> bytes | None:
    parts = bytearray()
    while len(parts) < length:
        if deadline is not None:
            channel.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            part = channel.recv(min(length - len(parts), 1 << 20))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
