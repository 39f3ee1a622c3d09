"""Private keys in OpenSSH's files: read, made, and signed with; those of agents and of hardware do not come here."""

from typing import TYPE_CHECKING

from auditor.model.record import Record, Unshown
from auditor.trust.keys import ED25519, PublicKey
from auditor.trust.sshsig import Namespace, armoured, signed_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class SigningKey(Record, kw_only=True):
    """A private key that is at hand."""

    public: PublicKey
    """Its public half."""
    private: Unshown["Ed25519PrivateKey"]
    """The key itself."""

    def sign(self, message: bytes, namespace: Namespace) -> str:
        """Return an armoured signature."""
        return armoured(self.public, namespace, self.private.sign(signed_text(message, namespace)))


def read_private(data: bytes, passphrase: bytes | None = None) -> SigningKey | None:
    """Read a private key file of OpenSSH; None where it is encrypted and no passphrase was given.

    ValueError says why it cannot sign, as the end of a sentence.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 — see sshsig
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key  # noqa: PLC0415

    if b"-----BEGIN OPENSSH PRIVATE KEY-----" not in data:
        raise ValueError("is no private key of OpenSSH: name the file without .pub, or sign with `ssh-keygen -Y sign`")
    try:
        private = load_ssh_private_key(data, passphrase)
    except TypeError as error:
        if passphrase is None:
            return None
        raise ValueError("is not encrypted, and a passphrase was given") from error
    except UnsupportedAlgorithm as error:
        raise ValueError(
            "cannot be used here: sign with `ssh-keygen -Y sign`, which knows agents and hardware"
        ) from error
    except ValueError as error:
        wrong = "the passphrase is wrong, or the file is damaged" if passphrase is not None else "the file is damaged"
        raise ValueError(f"cannot be read: {wrong}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("is no Ed25519 key, and only those count: `auditor keys new` makes one")  # noqa: TRY004
    return _signing(private)


def make_private(passphrase: bytes | None) -> tuple[SigningKey, bytes]:
    """Make a new Ed25519 key, and its file, encrypted where there is a passphrase."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 — see sshsig
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    private = Ed25519PrivateKey.generate()
    locked = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    return _signing(private), private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, locked)


def _signing(private: "Ed25519PrivateKey") -> SigningKey:
    point = private.public_key().public_bytes_raw()
    return SigningKey(public=PublicKey(kind=ED25519, point=point), private=private)
