"""Whose key signs: where it lies, and its passphrase, asked for on the terminal."""

import getpass
import sys
from pathlib import Path

from auditor.errors import UsageError
from auditor.trust.signing import SigningKey, read_private

OURS = Path("~/.ssh/auditor_ed25519")
"""Where ``auditor keys new`` puts a key unless told otherwise."""
_USUAL = Path("~/.ssh/id_ed25519")
_TRIES = 3


def signing_key(named: Path | None) -> SigningKey:
    """Return the key to sign with: the one named, else the one made for this, else the usual one of SSH."""
    file = (named or next((one for one in (OURS, _USUAL) if one.expanduser().is_file()), OURS)).expanduser()
    try:
        data = file.read_bytes()
    except OSError as error:
        advice = "" if named else ": name a key with --key, or make one with `auditor keys new NAME`"
        raise UsageError(f"{file}: cannot be read: {error.strerror}{advice}") from error
    try:
        key = read_private(data)
        for _ in range(_TRIES):
            if key is not None:
                return key
            try:
                key = read_private(data, _asked(f"passphrase of {file}: "))
            except ValueError as error:
                print(f"{file}: {error}", file=sys.stderr)
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error
    if key is None:
        raise UsageError(f"{file}: is not opened")
    return key


def new_passphrase() -> bytes | None:
    """Ask twice for the passphrase of a new key; None where none is wanted."""
    first = _asked("passphrase for the new key (empty for none): ")
    if first != _asked("the same again: "):
        raise UsageError("the two passphrases differ: no key was made")
    return first or None


def _asked(question: str) -> bytes:
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody is here to be asked for the passphrase: sign with `ssh-keygen -Y sign`, which asks your agent, and "
            "bring the signature with --signature"
        )
    return getpass.getpass(question).encode()
