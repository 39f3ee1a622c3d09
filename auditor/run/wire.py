"""Messages between a reader and its parent.

JSON, sizes and bytes: a reader that a host has taken over cannot make its parent run anything.
"""

import json
import struct
from typing import Any

from auditor.errors import HostError, Reason, UsageError

_SIZE = struct.Struct("!I")


def joined(head: dict[str, Any], *parts: bytes) -> bytes:
    """Write a head and the bytes that it tells the lengths of as one message."""
    text = json.dumps(head).encode()
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
