"""The real ``ssh-keygen``: what it makes and what it takes is what ours has to be."""

import shutil
import subprocess
from pathlib import Path

import pytest

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH's ssh-keygen")


def keygen(*arguments: str | Path, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen; the test fails where it fails."""
    done = ask_keygen(*arguments, text=text)
    assert done.returncode == 0, done.stderr.decode()
    return done


def ask_keygen(*arguments: str | Path, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen and return how it ended."""
    return subprocess.run(
        ["ssh-keygen", *map(str, arguments)], input=text, capture_output=True, check=False, timeout=60
    )


def new_key(folder: Path, name: str = "id", kind: str = "ed25519", passphrase: str = "", bits: str = "") -> Path:
    """Make a key pair with ssh-keygen."""
    file = folder / name
    keygen("-q", "-t", kind, "-N", passphrase, "-C", name, "-f", file, *(("-b", bits) if bits else ()))
    return file


def sign(key: Path, message: bytes, namespace: str, *options: str) -> str:
    """Sign with ssh-keygen."""
    return keygen("-Y", "sign", "-f", key, "-n", namespace, *options, text=message).stdout.decode()


def takes(folder: Path, public: str, message: bytes, signature: str, namespace: str) -> bool:
    """Tell whether ssh-keygen takes a signature for one of a key."""
    allowed, file = folder / "allowed_signers", folder / "message.sig"
    allowed.write_text(f"someone {public}\n")
    file.write_text(signature)
    done = ask_keygen("-Y", "verify", "-f", allowed, "-I", "someone", "-n", namespace, "-s", file, text=message)
    return done.returncode == 0
