"""OpenSSH public keys: what a line says, what its fingerprint is, and which keys count for anything.

Only Ed25519 counts (RFC 8709), plain or held by a security key (OpenSSH's PROTOCOL.u2f): one kind of key, one
strength, and signatures that are the same every time.
"""

import base64
import binascii
import hashlib

from auditor.model.record import Record
from auditor.trust.wire import Wire, string

ED25519 = "ssh-ed25519"
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
_POINT = 32
_LINE_LIMIT = 1024
_PRIME = 2**255 - 19
# Heights of the points whose order divides 8 (RFC 7748 gives the curve): whoever publishes such a key can say of any
# text that it was signed, and that it was not. The two long ones are the roots for the points of order 8.
_ORDER_EIGHT = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL = frozenset({0, 1, _PRIME - 1, _ORDER_EIGHT, _PRIME - _ORDER_EIGHT})


class PublicKey(Record, kw_only=True):
    """A public key that may sign."""

    kind: str
    """Its type, as OpenSSH names it."""
    point: bytes
    """Its 32 bytes."""
    application: str = ""
    """What a security key holds it for, such as ``ssh:``; empty for a plain key."""

    @property
    def blob(self) -> bytes:
        """Return the key in SSH's wire form."""
        data = string(self.kind.encode()) + string(self.point)
        return data + string(self.application.encode()) if self.kind == SK_ED25519 else data

    @property
    def fingerprint(self) -> str:
        """Return its fingerprint as ``ssh-keygen -l`` shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def line(self) -> str:
        """Return it as a line of a ``.pub`` file, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


def key_of_blob(blob: bytes) -> PublicKey:
    """Read a key in SSH's wire form; ValueError says why it is none, as the end of a sentence."""
    wire = Wire(blob)
    kind = wire.text()
    if kind not in (ED25519, SK_ED25519):
        raise ValueError(f"is of type {kind[:40]}; only Ed25519 keys count ({ED25519}, {SK_ED25519})")
    point = wire.string()
    application = wire.text() if kind == SK_ED25519 else ""
    wire.end()
    if len(point) != _POINT:
        raise ValueError(f"has {len(point)} bytes instead of {_POINT}")
    height = int.from_bytes(point, "little") & (2**255 - 1)
    if height >= _PRIME or height in _SMALL:
        raise ValueError("is one of the few weak keys whose signatures prove nothing")
    return PublicKey(kind=kind, point=point, application=application)


def key_of_line(line: str) -> PublicKey:
    """Read a line of a ``.pub`` file; ValueError says why it is none, as the end of a sentence."""
    words = line.split()
    if len(line) > _LINE_LIMIT or len(line.splitlines()) > 1 or len(words) < 2:  # noqa: PLR2004 — type and key
        raise ValueError(f"is no line such as `{ED25519} AAAA… name`")
    if words[0] not in (ED25519, SK_ED25519):
        raise ValueError(f"is of type {words[0][:40]!r}; only Ed25519 keys count: `ssh-keygen -t ed25519` makes one")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is damaged: its second word is not base64") from error
    key = key_of_blob(blob)
    if key.kind != words[0] or key.line != f"{words[0]} {words[1]}":
        raise ValueError("says another type before its key than inside of it, or is written in an unusual form")
    return key
