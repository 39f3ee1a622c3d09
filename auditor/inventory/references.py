"""Secrets by reference: where a password stands, written in an inventory; looked up when its host's turn comes."""

import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path

from auditor.errors import HostError, Reason
from auditor.model.host import Credentials, Host
from auditor.model.probe import sudo_password_problem
from auditor.model.record import replace

FORMS = "env:NAME, file:/path or keyring:SERVICE/ACCOUNT"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LONGEST = 64 * 1024


def reference_problem(text: str) -> str | None:
    """Say what is wrong with a reference, if anything is; its text may be a password and is not repeated."""
    kind, mark, rest = text.partition(":")
    good = {
        "env": rest.isidentifier(),
        "file": bool(rest) and rest.isprintable(),
        "keyring": all(rest.partition("/")),
    }
    if mark and good.get(kind):
        return None
    return f"secrets do not belong into this file; use a key or an agent, or write where it stands: {FORMS}"


def from_folder(reference: str, folder: Path) -> str:
    """Return the reference with the path of a file made absolute."""
    kind, _, rest = reference.partition(":")
    if kind != "file":
        return reference
    try:
        return f"file:{folder / Path(rest).expanduser()}"
    except RuntimeError:
        # No such user: the file is named as it stands, and whoever opens it says that it is not there.
        return f"file:{folder / rest}"


class Secrets:
    """Secrets that hosts refer to, each looked up once and kept in memory only."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Take the environment that ``env:`` means."""
        self._environ = environ
        self._known: dict[str, str] = {}
        # One at a time: a keyring may have to ask its owner, and must not ask once for every thread.
        self._turn = threading.Lock()

    def filled(self, host: Host) -> Host:
        """Return the host and its jumps with their secrets; HostError (``variables``) names what is missing."""
        try:
            known = replace(host, credentials=self._credentials(host.credentials))
        except LookupError as error:
            raise HostError(Reason.VARIABLES, error.args[0]) from None
        if not host.ssh.jumps:
            return known
        try:
            jumps = tuple(replace(jump, credentials=self._credentials(jump.credentials)) for jump in host.ssh.jumps)
        except LookupError as error:
            raise HostError(Reason.VARIABLES, f"a jump host's {error.args[0]}") from None
        return replace(known, ssh=replace(host.ssh, jumps=jumps))

    def _credentials(self, login: Credentials) -> Credentials:
        if not login.references:
            return login
        found = {}
        for name, reference in login.references:
            try:
                found[name] = self._secret(name, reference)
            except LookupError as error:
                raise LookupError(f"{name}: {error.args[0]}") from None
        return replace(
            login,
            password=found.get("password", login.password),
            passphrase=found.get("passphrase", login.passphrase),
            become_password=found.get("become_password", login.become_password),
            references=(),
        )

    def _secret(self, name: str, reference: str) -> str:
        value = self._value(reference)
        problem = sudo_password_problem(value) if name == "become_password" else None
        if problem is not None:
            raise LookupError(f"what {reference} stands for {problem}")
        return value

    def _value(self, reference: str) -> str:
        with self._turn:
            if reference not in self._known:
                kind, _, rest = reference.partition(":")
                self._known[reference] = {"env": self._of_environment, "file": _of_file, "keyring": _of_keyring}[kind](
                    rest
                )
            return self._known[reference]

    def _of_environment(self, name: str) -> str:
        value = self._environ.get(name, "")
        if not value:
            raise LookupError(f"the environment variable {name} is not set")
        return value


def _of_file(name: str) -> str:
    """Read a file that only its owner can read; the line end at its end is no part of the secret."""
    try:
        with open(name, encoding="utf-8", opener=_without_waiting) as stream:
            state = os.fstat(stream.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise LookupError(f"{name} is no ordinary file")
            if state.st_uid not in (0, os.geteuid()):
                raise LookupError(f"{name} belongs to somebody else: chown it to the account that audits")
            if state.st_mode & _OTHERS:
                raise LookupError(f"{name} can be read or written by others: chmod 600 {name}")
            value = stream.read(_LONGEST)
    except OSError as error:
        raise LookupError(f"{name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise LookupError(f"{name} is not UTF-8 text") from None
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise LookupError(f"{name} is empty")
    return value


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _of_keyring(rest: str) -> str:
    """Ask the keyring of whoever runs the auditor (Secret Service, macOS Keychain, ...)."""
    try:
        import keyring  # noqa: PLC0415 — an extra that few need
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        raise LookupError("the keyring is asked through a package of its own: pip install 'auditor[keyring]'") from None
    service, _, account = rest.rpartition("/")
    try:
        value = keyring.get_password(service, account)
    except KeyringError as error:
        raise LookupError(f"the keyring does not answer for {rest}: {type(error).__name__}") from None
    if not value:
        raise LookupError(f"the keyring holds nothing for {rest}: `keyring set {service} {account}`")
    return str(value)
