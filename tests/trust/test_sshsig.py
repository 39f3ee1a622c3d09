"""Signatures as ssh-keygen makes and takes them, and what is refused."""

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from auditor.trust.keys import SK_ED25519, PublicKey, key_of_line
from auditor.trust.signing import SigningKey, make_private
from auditor.trust.sshsig import Namespace, objection, read_signature, signed_text
from auditor.trust.wire import string
from tests.trust.openssh import needs_ssh_keygen, new_key, sign, takes

_ADA, _ = make_private(None)
_GRACE, _ = make_private(None)
_TEXT = b'{"id": "EX-1"}\n'
_SIGNED = _ADA.sign(_TEXT, Namespace.EXCEPTION)


def refused(text: str, message: bytes = _TEXT, key: SigningKey = _ADA) -> str | None:
    return objection(text, message, key.public, Namespace.EXCEPTION)


def blob_of(text: str) -> bytes:
    return base64.b64decode("".join(text.strip().split("\n")[1:-1]))


def armour(blob: bytes) -> str:
    return f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(blob).decode()}\n-----END SSH SIGNATURE-----\n"


def made_of(
    *,
    magic: bytes = b"SSHSIG",
    version: int = 1,
    key: bytes = _ADA.public.blob,
    namespace: bytes = b"auditor-exception",
    reserved: bytes = b"",
    hash_name: bytes = b"sha512",
    inner: bytes | None = None,
    rest: bytes = b"",
) -> str:
    """Write a signature field by field; left alone, it is Ada's and holds."""
    fields = [namespace, reserved, hash_name]
    if inner is None:
        hashed = hashlib.new(hash_name.decode() if hash_name.decode() in ("sha256", "sha512") else "sha512", _TEXT)
        signed = b"SSHSIG" + b"".join(map(string, [*fields, hashed.digest()]))
        inner = string(b"ssh-ed25519") + string(_ADA.private.sign(signed))
    blob = magic + version.to_bytes(4, "big") + b"".join(map(string, [key, *fields, inner]))
    return armour(blob + rest)


def test_a_signature_holds_over_its_text_and_over_no_other() -> None:
    assert refused(_SIGNED) is None
    assert refused(made_of()) is None
    assert refused(_SIGNED, _TEXT + b" ") == "is not over this text"
    assert refused(_SIGNED, b"") == "is not over this text"


def test_a_signature_of_somebody_else_names_the_key_it_was_made_with() -> None:
    assert refused(_SIGNED, key=_GRACE) == f"was made with another key ({_ADA.public.fingerprint})"


def test_a_signature_that_claims_the_key_of_somebody_else_does_not_hold() -> None:
    forged = blob_of(_SIGNED).replace(_ADA.public.point, _GRACE.public.point)
    assert refused(armour(forged), key=_GRACE) == "is not over this text"


@pytest.mark.parametrize("namespace", [one for one in Namespace if one is not Namespace.EXCEPTION])
def test_a_signature_serves_the_purpose_it_was_given_for(namespace: Namespace) -> None:
    text = _ADA.sign(_TEXT, namespace)
    assert objection(text, _TEXT, _ADA.public, namespace) is None
    assert refused(text) == f"was given for '{namespace.value}', not for 'auditor-exception'"
    # And calling it another purpose afterwards breaks it.
    renamed = blob_of(text).replace(string(namespace.encode()), string(b"auditor-exception"))
    assert refused(armour(renamed)) == "is not over this text"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "does not stand between", id="nothing"),
        pytest.param("x" * 5000, "has 5000 characters, and no signature of an Ed25519 key has 4096", id="too-long"),
        pytest.param(_SIGNED.replace("END SSH", "END PGP"), "does not stand between", id="another-end"),
        pytest.param("Signed-by: Ada\n" + _SIGNED, "does not stand between", id="something-before"),
        pytest.param(_SIGNED + _SIGNED, "is damaged: it is not base64", id="two-of-them"),
        pytest.param(_SIGNED.replace("\nU", "\n U"), "is damaged: it is not base64", id="blanks-inside"),
        pytest.param(_SIGNED.replace("\nU", "\n\u00dc"), "is damaged: it is not base64", id="letters-of-no-base64"),
        pytest.param(armour(b""), "is cut off", id="empty"),
        pytest.param(armour(b"SSHSIG"), "is cut off", id="magic-only"),
        pytest.param(armour(blob_of(_SIGNED)[:-1]), "is cut off", id="the-last-byte-lacks"),
        pytest.param(armour(b"SSHSIG" + b"\0\0\0\1" + b"\xff" * 8), "is cut off", id="a-length-beyond-the-end"),
        pytest.param(made_of(rest=b"\0"), "goes on after its end", id="a-byte-too-many"),
        pytest.param(made_of(magic=b"SSHSIX"), "is no SSH signature", id="magic"),
        pytest.param(made_of(version=2), "is of version 2 of the format, and 1 is known", id="version"),
        pytest.param(made_of(reserved=b"x"), "holds something in the field that is reserved", id="reserved"),
        pytest.param(made_of(hash_name=b"sha1"), "hashes by sha1, which is none of sha256, sha512", id="hash"),
        pytest.param(made_of(hash_name=b"md5\0"), "holds a name that is no printable text", id="a-name-that-acts"),
        pytest.param(made_of(namespace=b"auditor-\x1b[2J"), "holds a name that is no printable text", id="terminal"),
        pytest.param(
            made_of(key=string(b"ssh-rsa") + string(b"\3") + string(b"\1" * 256)),
            "was made with a key that is of type ssh-rsa; only Ed25519 keys count",
            id="rsa",
        ),
        pytest.param(
            made_of(key=string(b"ssh-ed25519") + string(b"\7" * 31)),
            "was made with a key that has 31 bytes instead of 32",
            id="a-short-key",
        ),
        pytest.param(
            made_of(key=_ADA.public.blob + b"\0"), "was made with a key that goes on after its end", id="a-long-key"
        ),
        pytest.param(
            made_of(key=string(b"ssh-ed25519") + string(b"\1" + bytes(31))),
            "was made with a key that is one of the few weak keys",
            id="a-key-that-signs-everything",
        ),
        pytest.param(
            made_of(inner=string(b"ssh-ed25519") + string(b"\7" * 63)), "is of another kind than its key", id="short"
        ),
        pytest.param(
            made_of(inner=string(b"ssh-rsa") + string(b"\7" * 64)), "is of another kind than its key", id="kind"
        ),
        pytest.param(
            made_of(inner=string(b"ssh-ed25519") + string(b"\7" * 64) + b"\0" * 5), "goes on after its end", id="flags"
        ),
        pytest.param(made_of(inner=string(b"ssh-ed25519") + string(bytes(64))), "is not over this text", id="zeros"),
    ],
)
def test_what_is_no_signature_is_refused_in_words(text: str, expected: str) -> None:
    said = refused(text)
    assert said is not None
    assert said.startswith(expected)


def test_base64_that_could_be_written_otherwise_is_refused() -> None:
    coded = base64.b64encode(blob_of(_SIGNED)).decode()
    assert coded.endswith("=")
    end = coded.rstrip("=")
    # The bits behind the last byte count for nothing; they have to be zero, or one signature had many texts.
    other = end[:-1] + chr(ord(end[-1]) + 1) + "=" * (len(coded) - len(end))
    assert base64.b64decode(other) == base64.b64decode(coded)
    text = f"-----BEGIN SSH SIGNATURE-----\n{other}\n-----END SSH SIGNATURE-----\n"
    assert refused(text) == "is damaged: its base64 does not end where it should"


def test_line_ends_and_line_lengths_do_not_count() -> None:
    assert refused(_SIGNED.replace("\n", "\r\n")) is None
    assert refused(armour(blob_of(_SIGNED))) is None
    assert refused("\n" + _SIGNED + "\n\n") is None


@given(at=st.integers(0, len(blob_of(_SIGNED)) - 1), bit=st.integers(0, 7))
def test_no_bit_can_be_another(at: int, bit: int) -> None:
    blob = bytearray(blob_of(_SIGNED))
    blob[at] ^= 1 << bit
    assert refused(armour(bytes(blob))) is not None


@given(st.text(max_size=600) | st.binary(max_size=300).map(armour))
def test_no_text_makes_the_reader_fall_over(text: str) -> None:
    assert refused(text) is not None


def _security_key(flags: int, *, application: str = "ssh:") -> tuple[PublicKey, str]:
    """Sign as a security key does (PROTOCOL.u2f), with a key that is at hand."""
    private = Ed25519PrivateKey.generate()
    key = PublicKey(kind=SK_ED25519, point=private.public_key().public_bytes_raw(), application=application)
    used = bytes([flags]) + (7).to_bytes(4, "big")
    signed = signed_text(_TEXT, Namespace.EXCEPTION)
    value = private.sign(hashlib.sha256(application.encode()).digest() + used + hashlib.sha256(signed).digest())
    inner = string(SK_ED25519.encode()) + string(value) + used
    fields = [key.blob, b"auditor-exception", b"", b"sha512", inner]
    return key, armour(b"SSHSIG" + (1).to_bytes(4, "big") + b"".join(map(string, fields)))


def test_a_security_key_signs_when_it_is_touched() -> None:
    key, text = _security_key(flags=1)
    assert objection(text, _TEXT, key, Namespace.EXCEPTION) is None
    assert objection(text, _TEXT + b"x", key, Namespace.EXCEPTION) == "is not over this text"
    # What is between the touch and the text is signed too.
    changed = blob_of(text)[:-5] + b"\5" + blob_of(text)[-4:]
    assert objection(armour(changed), _TEXT, key, Namespace.EXCEPTION) == "is not over this text"
    key, text = _security_key(flags=0)
    assert objection(text, _TEXT, key, Namespace.EXCEPTION) == "was made by a security key that nobody touched"


@needs_ssh_keygen
def test_ssh_keygen_takes_what_a_security_key_signed_as_we_do(tmp_path: Path) -> None:
    key, text = _security_key(flags=1)
    assert takes(tmp_path, key.line, _TEXT, text, "auditor-exception")
    assert not takes(tmp_path, key.line, _TEXT + b"x", text, "auditor-exception")


@needs_ssh_keygen
@pytest.mark.parametrize("message", [pytest.param(b"", id="nothing"), _TEXT, bytes(range(256)) * 4000])
def test_what_ssh_keygen_signs_holds(tmp_path: Path, message: bytes) -> None:
    file = new_key(tmp_path)
    key = key_of_line((tmp_path / "id.pub").read_text())
    for options in ((), ("-O", "hashalg=sha256")):
        text = sign(file, message, "auditor-plan", *options)
        assert objection(text, message, key, Namespace.PLAN) is None
        assert objection(text, message + b"\n", key, Namespace.PLAN) == "is not over this text"
        assert objection(text, message, _ADA.public, Namespace.PLAN) is not None
    assert read_signature(text).hash_name == "sha256"


@needs_ssh_keygen
def test_ssh_keygen_takes_what_we_sign(tmp_path: Path) -> None:
    assert takes(tmp_path, _ADA.public.line, _TEXT, _SIGNED, "auditor-exception")
    assert not takes(tmp_path, _ADA.public.line, _TEXT + b"x", _SIGNED, "auditor-exception")
    assert not takes(tmp_path, _GRACE.public.line, _TEXT, _SIGNED, "auditor-exception")
    assert not takes(tmp_path, _ADA.public.line, _TEXT, _SIGNED, "auditor-plan")


@needs_ssh_keygen
@pytest.mark.parametrize(("kind", "bits"), [("rsa", "2048"), ("ecdsa", "256")])
def test_signatures_of_other_kinds_of_keys_are_refused(tmp_path: Path, kind: str, bits: str) -> None:
    text = sign(new_key(tmp_path, kind=kind, bits=bits), _TEXT, "auditor-exception")
    said = refused(text)
    assert said is not None
    assert "only Ed25519 keys count" in said
