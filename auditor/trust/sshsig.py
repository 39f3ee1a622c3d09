"""Detached signatures in the SSHSIG format (OpenSSH's PROTOCOL.sshsig), read strictly and verified.

``ssh-keygen -Y sign -n NAMESPACE`` makes the same ones, and ``ssh-keygen -Y verify`` takes ours. Verifying is a pure
function of text, message, key and namespace. A signature says nothing of when it was made.
"""

import base64
import binascii
import hashlib
from enum import StrEnum

from auditor.model.record import Record
from auditor.trust.keys import SK_ED25519, PublicKey, key_of_blob
from auditor.trust.wire import Wire, string

_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASHES = ("sha256", "sha512")
_HASH = "sha512"
"""What ``ssh-keygen`` takes unless told otherwise."""
_WIDTH = 70
_TEXT_LIMIT = 4096
"""Characters of armour: one of ours has some 300, one of a security key some 400."""
_SIGNATURE = 64
_TOUCHED = 0x01


class Namespace(StrEnum):
    """What a signature is about: one that was given for one purpose cannot serve another."""

    EXCEPTION = "auditor-exception"
    PLAN = "auditor-plan"
    SIGNOFF = "auditor-signoff"
    BUNDLE = "auditor-bundle"
    TASK = "auditor-task"
    RESULT = "auditor-result"


class Signature(Record, kw_only=True):
    """A signature as it stands: nothing of it is verified yet."""

    key: PublicKey
    """The key that it says it was made with."""
    namespace: str
    """What it says it is about."""
    hash_name: str
    """How the message was hashed."""
    value: bytes
    """The 64 bytes that prove it."""
    flags: int = 0
    """What a security key says of how it was used."""
    counter: int = 0
    """How often it was used."""


def read_signature(text: str) -> Signature:
    """Read an armoured signature; ValueError says why it is none, as the end of a sentence."""
    wire = Wire(_unarmoured(text))
    if wire.take(len(_MAGIC)) != _MAGIC:
        raise ValueError("is no SSH signature")
    version = wire.number()
    if version != _VERSION:
        raise ValueError(f"is of version {version} of the format, and {_VERSION} is known")
    key = _key(wire.string())
    namespace = wire.text()
    if wire.string():
        raise ValueError("holds something in the field that is reserved")
    hash_name = wire.text()
    if hash_name not in _HASHES:
        raise ValueError(f"hashes by {hash_name[:40]}, which is none of {', '.join(_HASHES)}")
    inner = Wire(wire.string())
    wire.end()
    kind, value = inner.text(), inner.string()
    is_sk = key.kind == SK_ED25519
    flags, counter = (inner.take(1)[0], inner.number()) if is_sk else (0, 0)
    inner.end()
    if kind != key.kind or len(value) != _SIGNATURE:
        raise ValueError("is of another kind than its key")
    return Signature(key=key, namespace=namespace, hash_name=hash_name, value=value, flags=flags, counter=counter)


def objection(text: str, message: bytes, key: PublicKey, namespace: Namespace) -> str | None:
    """Say why a signature does not show that a key signed a message, as the end of a sentence; None when it does."""
    try:
        signature = read_signature(text)
    except ValueError as error:
        return str(error)
    if signature.key != key:
        return f"was made with another key ({signature.key.fingerprint})"
    return unproven(signature, message, namespace)


def unproven(signature: Signature, message: bytes, namespace: Namespace) -> str | None:
    """Say why a signature is not one of its own key over a message; None when it is. Whose key it is, is not asked."""
    if signature.namespace != namespace:
        return f"was given for {signature.namespace[:40]!r}, not for {namespace.value!r}"
    signed = signed_text(message, signature.namespace, signature.hash_name)
    if signature.key.kind == SK_ED25519:
        if not signature.flags & _TOUCHED:
            return "was made by a security key that nobody touched"
        application = hashlib.sha256(signature.key.application.encode()).digest()
        used = bytes([signature.flags]) + signature.counter.to_bytes(4, "big")
        signed = application + used + hashlib.sha256(signed).digest()
    return None if _holds(signature.key.point, signature.value, signed) else "is not over this text"


def signed_text(message: bytes, namespace: str, hash_name: str = _HASH) -> bytes:
    """Return what is signed in place of a message."""
    hashed = hashlib.new(hash_name, message).digest()
    return _MAGIC + string(namespace.encode()) + string(b"") + string(hash_name.encode()) + string(hashed)


def armoured(key: PublicKey, namespace: Namespace, value: bytes) -> str:
    """Write a signature of a plain key as ``ssh-keygen`` does, with a line end after it."""
    blob = (
        _MAGIC
        + _VERSION.to_bytes(4, "big")
        + string(key.blob)
        + string(namespace.encode())
        + string(b"")
        + string(_HASH.encode())
        + string(string(key.kind.encode()) + string(value))
    )
    return _folded(base64.b64encode(blob).decode())


def unusual(text: str) -> str | None:
    """Say that armour is not written as ``ssh-keygen`` writes it, as the end of a sentence; None when it is.

    A signature proves its bytes, however they are folded; of a file that nobody may touch the folding counts, too.
    """
    written = _folded(base64.b64encode(_unarmoured(text)).decode())
    return None if text == written else "is not written as it is made: its lines were touched"


def _folded(coded: str) -> str:
    lines = [coded[at : at + _WIDTH] for at in range(0, len(coded), _WIDTH)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def _unarmoured(text: str) -> bytes:
    """Return what stands between the two lines; one way of writing it is taken, line lengths and ends aside."""
    if len(text) > _TEXT_LIMIT:
        raise ValueError(f"has {len(text)} characters, and no signature of an Ed25519 key has {_TEXT_LIMIT}")
    lines = [line.removesuffix("\r") for line in text.strip().split("\n")]
    if lines[0] != _BEGIN or lines[-1] != _END:
        raise ValueError(f"does not stand between `{_BEGIN}` and `{_END}`")
    coded = "".join(lines[1:-1])
    try:
        blob = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is damaged: it is not base64") from error
    if base64.b64encode(blob).decode() != coded:
        raise ValueError("is damaged: its base64 does not end where it should")
    return blob


def _key(blob: bytes) -> PublicKey:
    try:
        return key_of_blob(blob)
    except ValueError as error:
        raise ValueError(f"was made with a key that {error}") from error


def _holds(point: bytes, value: bytes, signed: bytes) -> bool:
    # Imported here: it takes longer to load than everything else that reads exceptions, and most files need none.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(point).verify(value, signed)
    except InvalidSignature:
        return False
    return True
