"""Host keys for the first time: what a host shows, and how it gets into a known_hosts file."""

import base64
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from auditor.errors import HostError, OutputError, Reason
from auditor.model.host import Host
from auditor.transport.deadline import Deadline
from auditor.transport.known_hosts import HostKey, KnownHosts, marked_name, parse_known_hosts
from auditor.transport.ssh import SshTransport

# One connection shows one key: the host picks it from the types it is asked for.
_KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("ssh-rsa",),
)
_SALT = 20


def scan(host: Host, timeout: float, *, transport: SshTransport | None = None) -> tuple[HostKey, ...]:
    """Fetch the key of each type that a host has, within so many seconds in all; nothing is trusted by it.

    Raises HostError when the host cannot be reached, shows no key at all, or one that is revoked.
    """
    transport = transport or SshTransport()
    deadline = Deadline.after(timeout)
    keys: list[HostKey] = []
    last: HostError | None = None
    for kinds in _KINDS:
        try:
            keys.append(transport.host_key(host, kinds, deadline.remaining))
        except HostError as error:
            # No key of this type shows itself as a failed agreement; everything else is about the host.
            if error.reason is not Reason.HANDSHAKE:
                raise
            last = error
    if not keys and last is not None:
        raise last
    for key in keys:
        transport.refuse_revoked(host, key)
    return tuple(keys)


def append_known_hosts(
    path: Path, address: str, port: int, keys: Iterable[HostKey], *, hashed: bool = False
) -> tuple[HostKey, ...]:
    """Add the keys of a host that the file does not have yet, whole or not at all, and return the added ones.

    Raises HostError ``host_key_changed`` when the file has another key of the same type for the host,
    ``host_key_revoked`` when it revokes one of them, and OutputError when it cannot be written.
    """
    keys = tuple(keys)
    target = Path(os.path.realpath(path.expanduser()))
    try:
        text = target.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror}") from error
    name = marked_name(address, port)
    known = KnownHosts(parse_known_hosts(text, path)[0])
    present = known.entries(name)
    new = tuple(key for key in keys if all(entry.key.blob != key.blob for entry in present))
    for key in new:
        if any(entry.key.algorithm == key.algorithm for entry in present):
            known.check((address,), port, key)
    for key in keys:
        known.refuse_revoked((address,), port, key)
    if new:
        gap = "" if not text or text.endswith("\n") else "\n"
        lines = "".join(f"{_hashed(name) if hashed else name} {key.algorithm} {key.base64}\n" for key in new)
        _replace(target, text + gap + lines)
    return new


def _hashed(name: str) -> str:
    """Hash a name as ``ssh-keygen -H`` does: HMAC-SHA-1 under a random salt."""
    salt = secrets.token_bytes(_SALT)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return "|1|" + base64.b64encode(salt).decode() + "|" + base64.b64encode(digest).decode()


def _replace(target: Path, text: str) -> None:
    """Put a new file in the place of the old one; a reader sees either, never half of one."""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), mode)
        Path(name).replace(target)
    except OSError as error:
        with suppress(OSError):
            Path(name).unlink()
        raise OutputError(f"{target} cannot be written: {error.strerror}") from error
