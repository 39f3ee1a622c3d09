"""Public and private keys as OpenSSH writes them."""

import base64
from pathlib import Path

import pytest

from auditor.trust.keys import PublicKey, key_of_blob, key_of_line
from auditor.trust.signing import make_private, read_private
from auditor.trust.sshsig import Namespace
from auditor.trust.wire import string
from tests.trust.openssh import ask_keygen, keygen, needs_ssh_keygen, new_key, sign

_KEY, _FILE = make_private(None)
_LINE = _KEY.public.line
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P


def line_of(point: bytes, kind: bytes = b"ssh-ed25519") -> str:
    return f"{kind.decode()} {base64.b64encode(string(kind) + string(point)).decode()}"


def test_a_line_of_a_public_key_is_read_with_and_without_its_comment() -> None:
    assert key_of_line(_LINE) == key_of_line(f"  {_LINE} Ada Lovelace, laptop\n") == _KEY.public
    assert key_of_blob(_KEY.public.blob) == _KEY.public


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("", "is no line such as", id="nothing"),
        pytest.param("ssh-ed25519", "is no line such as", id="no-key"),
        pytest.param(f"{_LINE}\n{_LINE}", "is no line such as", id="two-lines"),
        pytest.param(f"{_LINE} {'x' * 2000}", "is no line such as", id="long"),
        pytest.param(f"cert-authority {_LINE}", "is of type 'cert-authority'", id="options"),
        pytest.param("ssh-rsa AAAA", "is of type 'ssh-rsa'; only Ed25519 keys count", id="rsa"),
        pytest.param("ssh-ed25519 §", "is damaged: its second word is not base64", id="no-base64"),
        pytest.param(_LINE[:-8], "is cut off", id="cut-off"),
        pytest.param(_LINE.replace("ssh-ed25519", "sk-ssh-ed25519@openssh.com"), "says another type", id="two-types"),
        pytest.param(line_of(b"x" * 33), "has 33 bytes instead of 32", id="long-key"),
        pytest.param(
            line_of(b"x" * 32, b"ssh-dss").replace("ssh-dss", "ssh-ed25519", 1), "is of type ssh-dss", id="dss-inside"
        ),
    ],
)
def test_what_is_no_key_is_refused_in_words(line: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{expected}"):
        key_of_line(line)


def _doubled(height: int) -> int | None:
    """Return the height of the double of the point of a height (RFC 8032, section 5.1.4); None where none has it."""
    squared = (height * height - 1) * pow(_D * height * height + 1, -1, _P) % _P  # the square of its other half
    if squared and pow(squared, (_P - 1) // 2, _P) != 1:
        return None
    return (height * height + squared) * pow(1 - _D * squared * height * height, -1, _P) % _P


def test_keys_that_prove_nothing_are_all_refused() -> None:
    heights = [
        0,
        1,
        _P - 1,
        *(
            int.from_bytes(bytes.fromhex(text), "little")
            for text in (
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            )
        ),
    ]
    for height in heights:
        # Doubled three times, each is the neutral point: its order divides 8, which is what is wrong with it.
        double = height
        for _ in range(3):
            double = _doubled(double)  # type: ignore[assignment]
        assert double == 1
        for signed in (height, height | 1 << 255):
            with pytest.raises(ValueError, match="weak keys"):
                key_of_line(line_of(signed.to_bytes(32, "little")))
    # The same heights written with the prime added, which some verifiers take for them.
    for height in (_P, _P + 1):
        with pytest.raises(ValueError, match="weak keys"):
            key_of_line(line_of(height.to_bytes(32, "little")))


@needs_ssh_keygen
def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    new_key(tmp_path)
    key = key_of_line((tmp_path / "id.pub").read_text())
    assert key.fingerprint in keygen("-l", "-f", tmp_path / "id.pub").stdout.decode().split()
    held = PublicKey(kind="sk-ssh-ed25519@openssh.com", point=key.point, application="ssh:")
    (tmp_path / "held.pub").write_text(held.line + "\n")
    assert held.fingerprint in keygen("-l", "-f", tmp_path / "held.pub").stdout.decode().split()
    assert key_of_line(held.line) == held


@needs_ssh_keygen
@pytest.mark.parametrize("passphrase", ["", "pass phrase"])
def test_a_private_key_of_ssh_keygen_signs_as_ssh_keygen_does(tmp_path: Path, passphrase: str) -> None:
    file = new_key(tmp_path, passphrase=passphrase)
    locked = read_private(file.read_bytes())
    key = read_private(file.read_bytes(), passphrase.encode()) if passphrase else locked
    assert (locked is None) is bool(passphrase)
    assert key is not None
    if not passphrase:
        assert key.sign(b"text\n", Namespace.EXCEPTION) == sign(file, b"text\n", "auditor-exception")
    else:
        with pytest.raises(ValueError, match="the passphrase is wrong"):
            read_private(file.read_bytes(), b"another")


@needs_ssh_keygen
@pytest.mark.parametrize("passphrase", [None, b"pass phrase"])
def test_ssh_keygen_takes_a_key_that_we_make(tmp_path: Path, passphrase: bytes | None) -> None:
    made, data = make_private(passphrase)
    file = tmp_path / "made"
    file.write_bytes(data)
    file.chmod(0o600)
    told = ask_keygen("-y", "-P", (passphrase or b"").decode(), "-f", file)
    assert told.stdout.decode().split()[:2] == made.public.line.split()
    if passphrase:
        assert ask_keygen("-y", "-P", "another", "-f", file).returncode != 0


@needs_ssh_keygen
def test_private_keys_that_cannot_sign_are_refused_in_words(tmp_path: Path) -> None:
    rsa = new_key(tmp_path, "rsa", kind="rsa", bits="2048")
    with pytest.raises(ValueError, match="is no Ed25519 key"):
        read_private(rsa.read_bytes())
    with pytest.raises(ValueError, match="is no private key of OpenSSH"):
        read_private((tmp_path / "rsa.pub").read_bytes())
    with pytest.raises(ValueError, match="was given"):
        read_private(_FILE, b"x")
    with pytest.raises(ValueError, match="the file is damaged"):
        read_private(_FILE[:120] + b"\n" + _FILE[-40:])


def test_a_private_key_is_never_printed() -> None:
    assert "private" not in repr(_KEY)
