"""OpenSSH certificates: what one says, whether it is worth offering to a host, and whether a host is what it says.

Format: OpenSSH's PROTOCOL.certkeys. Of a user's certificate the authority's signature is the server's business; a
certificate that is not of our key or not of this hour is not, and its refusal would cost one of the few offers that a
server lets us make. Of a host's certificate everything is our business, as in OpenSSH's ``sshkey_cert_check_host``.
"""

import base64
import binascii
from datetime import UTC, datetime
from pathlib import Path

import paramiko
from paramiko.message import Message

from auditor.model.record import Record, Unshown

SUFFIX = "-cert-v01@openssh.com"
_USER, _HOST = 1, 2
_FOREVER = 2**64 - 1
# How many fields of its own a public key has, by type, and what verifies with it.
_KEY_FIELDS = {
    "ssh-ed25519": 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "ssh-rsa": 2,
}
_KEYS: dict[str, type[paramiko.Ed25519Key | paramiko.ECDSAKey | paramiko.RSAKey]] = {
    "ssh-ed25519": paramiko.Ed25519Key,
    "ecdsa-sha2-nistp256": paramiko.ECDSAKey,
    "ecdsa-sha2-nistp384": paramiko.ECDSAKey,
    "ecdsa-sha2-nistp521": paramiko.ECDSAKey,
    "ssh-rsa": paramiko.RSAKey,
}
CERTIFIED = tuple(f"{kind}{SUFFIX}" for kind in _KEY_FIELDS)
"""Types of certificates that can be read."""


_LONGEST_NUMBER = 16_384 // 8 + 1
"""Bytes of the longest number that OpenSSH takes (SSHBUF_MAX_BIGNUM), with the zero that may stand before it."""
_inflate_long = paramiko.util.inflate_long


def _bounded_number(s: bytes | bytearray, always_positive: bool = False) -> int:  # noqa: FBT001, FBT002 — paramiko's
    """Read a number in SSH's wire form; SSHException for one that no key or key exchange has.

    Paramiko takes any length that is claimed, up to a mebibyte, makes up what is missing, and needs minutes for that:
    a hostile host would take them from the others, before anybody asks whether it is trusted.
    """
    if len(s) > _LONGEST_NUMBER:
        message = f"a number of {len(s)} bytes"
        raise paramiko.SSHException(message)
    return _inflate_long(s, always_positive)


paramiko.util.inflate_long = _bounded_number


class Certificate(Record, kw_only=True):
    """A certificate as it stands: nothing of it is verified before ``host_objection`` has none."""

    kind: str
    """Certificate type, such as ``ssh-ed25519-cert-v01@openssh.com``."""
    blob: bytes
    """The certificate in SSH's wire form."""
    key_blob: bytes
    """The public key that it certifies, in SSH's wire form."""
    role: int
    """Whose it is: 1 a user's, 2 a host's."""
    name: str
    """Key id: how the authority calls its owner."""
    principals: tuple[str, ...] = ()
    """Users, or names of hosts, for whom it holds; none means for all."""
    begins: int
    """First second in which it holds, of the Unix epoch."""
    ends: int
    """First second in which it does not hold any more."""
    critical: tuple[str, ...] = ()
    """Names of its options that who does not know them must not pass over."""
    authority: Unshown[bytes] = b""
    """The authority's public key, in SSH's wire form."""
    signature: Unshown[bytes] = b""
    """The authority's signature, in SSH's wire form."""

    def objection(self, now: datetime) -> str | None:
        """Say why a user's certificate is not worth offering now; None when it is."""
        if self.role != _USER:
            return "is a host's certificate, not a user's"
        return self._out_of_time(now)

    def host_objection(self, names: tuple[str, ...], now: datetime) -> str | None:
        """Say why it does not prove that a host has one of these names (in lower case); None when it does.

        Whether its authority is trusted is another question, and comes first.
        """
        if self.role != _HOST:
            return "is a user's certificate, not a host's"
        if self.critical:
            return f"has critical options, and none is known for hosts: {', '.join(self.critical)}"
        if self.principals and not {principal.lower() for principal in self.principals} & set(names):
            return f"is for {', '.join(self.principals)}, not for {' or '.join(names)}"
        return self._out_of_time(now) or self._forged()

    def _out_of_time(self, now: datetime) -> str | None:
        second = int(now.timestamp())
        if second < self.begins:
            return f"holds only from {_day(self.begins)}: look at this machine's clock"
        if second >= self.ends:
            return f"ended at {_day(self.ends)}: have it issued again"
        return None

    def _forged(self) -> str | None:
        """Say why the authority's signature does not hold."""
        try:
            kind = _Wire(self.authority).text()
        except ValueError:
            kind = ""
        if kind not in _KEYS:
            return f"is signed by a key of type {kind!r}, which cannot be verified here"
        # Signed is all that stands before the signature, the last field.
        signed = self.blob[: len(self.blob) - len(self.signature) - 4]
        try:
            # SHA-1 signatures of RSA authorities do not hold, as in OpenSSH (CASignatureAlgorithms).
            holds = _KEYS[kind](data=self.authority).verify_ssh_sig(signed, Message(self.signature))
        except (paramiko.SSHException, ValueError, TypeError, IndexError, ArithmeticError):
            holds = False
        return None if holds else "does not bear the signature of its authority"


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
    wire = _Wire(blob)
    kind = wire.text()
    plain = kind.removesuffix(SUFFIX)
    if plain == kind or plain not in _KEY_FIELDS:
        raise ValueError("is not a certificate of a type that is known")
    wire.string()  # a nonce
    fields = [wire.string() for _ in range(_KEY_FIELDS[plain])]
    wire.number(8)  # the serial number
    role = wire.number(4)
    name = wire.text()
    principals = tuple(_texts(wire.string()))
    begins, ends = wire.number(8), wire.number(8)
    # Options are pairs of a name and a value.
    critical = tuple(_texts(wire.string())[::2])
    wire.string()  # extensions, which may be passed over
    wire.string()  # reserved
    authority, signature = wire.string(), wire.string()
    if not wire.is_at_end:
        raise ValueError("the certificate has more than it should")
    return Certificate(
        kind=kind,
        blob=blob,
        key_blob=b"".join(len(part).to_bytes(4, "big") + part for part in (plain.encode(), *fields)),
        role=role,
        name=name,
        principals=principals,
        begins=begins,
        ends=ends,
        critical=critical,
        authority=authority,
        signature=signature,
    )


class _Wire:
    """Fields of SSH's wire form (RFC 4251, section 5), taken one after the other; ValueError at a premature end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._data)

    def number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def string(self) -> bytes:
        return self._take(self.number(4))

    def text(self) -> str:
        return self.string().decode("utf-8", "replace")

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise ValueError("the certificate is cut off")
        self._at += size
        return taken


def _texts(data: bytes) -> list[str]:
    wire, found = _Wire(data), []
    while not wire.is_at_end:
        found.append(wire.text())
    return found


def _day(second: int) -> str:
    if second >= _FOREVER:
        return "never"
    try:
        return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "a time that no calendar has"
