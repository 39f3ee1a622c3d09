"""OpenSSH user certificates: what one says, and whether it is worth offering.

Format: OpenSSH's PROTOCOL.certkeys. The signature of the authority is the server's business; a certificate that is
not of our key or not of this hour is not, and its refusal would cost one of the few offers that a server lets us make.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from paramiko.message import Message

SUFFIX = "-cert-v01@openssh.com"
_USER = 1
_FOREVER = 2**64 - 1
# How many fields of its own a public key has, by type.
_KEY_FIELDS = {
    "ssh-ed25519": 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "ssh-rsa": 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A user certificate, unverified."""

    kind: str
    """Certificate type, such as ``ssh-ed25519-cert-v01@openssh.com``."""
    blob: bytes
    """The certificate in SSH's wire form."""
    key_blob: bytes
    """The public key that it certifies, in SSH's wire form."""
    is_user: bool
    """Whether it is a user's, not a host's."""
    name: str
    """Key id: how the authority calls its owner."""
    begins: int
    """First second in which it holds, of the Unix epoch."""
    ends: int
    """First second in which it does not hold any more."""

    def objection(self, now: datetime) -> str | None:
        """Say why it is not worth offering now; None when it is."""
        if not self.is_user:
            return "is a host's certificate, not a user's"
        second = int(now.timestamp())
        if second < self.begins:
            return f"holds only from {_day(self.begins)}: look at this machine's clock"
        if second >= self.ends:
            return f"ended at {_day(self.ends)}: have it issued again"
        return None


def read_certificate(file: Path) -> Certificate | str:
    """Read a certificate file, or say why it gives none, as the end of a sentence that begins with its name."""
    try:
        words = file.expanduser().read_text(encoding="ascii", errors="replace").split()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    try:
        return parse_certificate(base64.b64decode(words[1], validate=True))
    except (IndexError, ValueError, binascii.Error):
        return "is not an OpenSSH certificate (make one with `ssh-keygen -s`)"


def parse_certificate(blob: bytes) -> Certificate:
    """Read a certificate in SSH's wire form; ValueError when it is none."""
    message = Message(blob)
    kind = message.get_string().decode("ascii", "replace")
    plain = kind.removesuffix(SUFFIX)
    if plain == kind or plain not in _KEY_FIELDS:
        raise ValueError("not a certificate of a type that is known")
    message.get_string()
    fields = [message.get_string() for _ in range(_KEY_FIELDS[plain])]
    message.get_int64()
    role = message.get_int()
    name = message.get_string().decode("utf-8", "replace")
    message.get_string()
    begins, ends = message.get_int64(), message.get_int64()
    if message.get_so_far() == blob:
        raise ValueError("the certificate is cut off")
    key = Message()
    key.add_string(plain)
    for field in fields:
        key.add_string(field)
    return Certificate(
        kind=kind, blob=blob, key_blob=key.asbytes(), is_user=role == _USER, name=name, begins=begins, ends=ends
    )


def _day(second: int) -> str:
    if second >= _FOREVER:
        return "never"
    try:
        return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "a time that no calendar has"
