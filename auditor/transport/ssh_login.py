"""Who we are to an SSH server: key files, the agent, a password, each offered at most once."""

import io
import os
import socket
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import paramiko
from paramiko.agent import AgentKey, AgentSSH
from paramiko.auth_handler import AuthHandler
from paramiko.message import Message
from paramiko.pkey import PublicBlob

from auditor.errors import HostError, Reason
from auditor.model.host import Credentials, Host
from auditor.model.record import Record
from auditor.transport.credential_gate import LONGEST_TURN, CredentialGate
from auditor.transport.deadline import Deadline
from auditor.transport.quote import quoted
from auditor.transport.ssh_certificate import SUFFIX, Certificate, parse_certificate, read_certificate
from auditor.transport.ssh_connection import SshConnection

_IDENTITIES = ("id_ed25519", "id_ecdsa", "id_rsa")
# sshd ends the connection at the sixth failure (MaxAuthTries); the last one is kept for a password.
_KEY_OFFERS = 5
_AGENT = 5.0
# As ssh: a private key of ours that others may read is a key no more (ssh(1), FILES).
_OTHERS = 0o077
# A connection that breaks while we offer something is told by what came of the offer.
_BROKEN = suppress(EOFError, OSError)
_PUBLICKEY, _PASSWORD, _INTERACTIVE = "publickey", "password", "keyboard-interactive"


class Keyring:
    """The operator's keys: files read once, the agent asked for each host."""

    def __init__(self, *, home: Path, agent_socket: str) -> None:
        """Take the folder that holds ``.ssh``, and the agent's socket or an empty string."""
        self._folder = home / ".ssh"
        self._agent_socket = agent_socket
        self._keys: dict[tuple[Path, str | None], paramiko.PKey | str] = {}
        self._lock = threading.Lock()

    def file(self, path: Path, passphrase: str | None) -> paramiko.PKey | str:
        """Return a private key, or the sentence that says why the file gives none."""
        with self._lock:
            found = self._keys.get((path, passphrase))
            if found is None:
                found = _read_key(path, passphrase)
                self._keys[path, passphrase] = found
            return found

    def certified(self, path: Path, passphrase: str | None, certificate: Path) -> paramiko.PKey | str:
        """Return a private key that goes by its certificate, or the sentence that says why there is none."""
        found = read_certificate(certificate)
        if isinstance(found, str):
            return f"certificate {certificate} {found}"
        objection = found.objection(datetime.now(UTC))
        if objection is not None:
            return f"certificate {certificate} ({found.name!r}) {objection}"
        # A key object of its own: the bare key is offered too.
        key = _read_key(path, passphrase)
        if isinstance(key, str):
            return key
        if key.asbytes() != found.key_blob:
            return f"certificate {certificate} is not one of key {path}"
        key.public_blob = PublicBlob(found.kind, found.blob)
        return key

    def usual_files(self) -> list[Path]:
        """Return the operator's usual key files that exist."""
        return [self._folder / name for name in _IDENTITIES if (self._folder / name).is_file()]

    @contextmanager
    def agent(self, deadline: Deadline) -> Iterator[Sequence[paramiko.PKey | str]]:
        """Yield the agent's keys, usable while the block runs, or the sentence that says why it gives none."""
        if not self._agent_socket:
            yield ()
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(max(0.001, deadline.sooner(_AGENT).remaining))
            agent = AgentSSH()
            try:
                connection.connect(self._agent_socket)
                agent._connect(connection)  # type: ignore[attr-defined] # noqa: SLF001 — Agent() takes no time limit
            except (OSError, paramiko.SSHException) as error:
                yield (f"the agent at {self._agent_socket} gives no keys: {error}",)
                return
            # A signature may wait for a person's touch or consent.
            connection.settimeout(max(0.001, deadline.remaining))
            yield [_agent_key(key) for key in agent.get_keys()]


class Entry(Record, kw_only=True):
    """How a host let us in."""

    deadline: Deadline
    """The deadline, later by as much as a password had to wait for its turn."""
    by: str
    """What was taken, after what was refused; no secret is in it."""


def log_in(
    connection: SshConnection, host: Host, user: str, keyring: Keyring, gate: CredentialGate, deadline: Deadline
) -> Entry:
    """Log in as a user, offering each credential once, certificates before bare keys; a refusal is final.

    Raises HostError: ``auth`` with everything that was tried, ``credential_stopped``, ``timeout``, or ``reset``.
    """
    login = _Login(connection, user, deadline)
    if _with_keys(login, host, keyring, deadline):
        return Entry(deadline=deadline, by=login.taken)
    password = host.credentials.password
    if password is not None and login.takes_passwords:
        connection.allow_until(Deadline.after(deadline.remaining + LONGEST_TURN))
        with gate.attempt(user, password) as attempt:
            deadline = login.go_on_until(Deadline(at=deadline.at + attempt.waited))
            attempt.outcome = login.with_password(password)
        if attempt.outcome:
            return Entry(deadline=deadline, by=login.taken)
    raise login.refused()


def _with_keys(login: "_Login", host: Host, keyring: Keyring, deadline: Deadline) -> bool:
    credentials = host.credentials
    path, passphrase = credentials.private_key, credentials.passphrase
    # A certificate whose private key is still to be found, in the agent or among the usual files.
    loose = credentials.certificate
    if path is not None:
        key = keyring.file(path, passphrase)
        if isinstance(key, str) and (host.ssh.identities_only or key != _encrypted(path)):
            raise HostError(Reason.AUTH, key)
        file = loose or _beside(path)
        if isinstance(key, str):
            loose = file
        else:
            loose = None
            if file is not None and login.with_certificate(keyring, path, passphrase, file):
                return True
        if login.with_key(key, f"key {path}"):
            return True
    if host.ssh.identities_only:
        return False
    with keyring.agent(deadline) as keys:
        named = f"certificate {loose}"
        certified, loose = _of_agent(loose, keys)
        if certified is not None and login.with_key(certified, named):
            return True
        # Certificates first: a bare key beside one is mostly let in nowhere.
        if any(login.with_key(key, "agent key") for key in sorted(keys, key=_is_bare)):
            return True
    return _with_usual_files(login, keyring, credentials, loose)


def _with_usual_files(login: "_Login", keyring: Keyring, credentials: Credentials, loose: Path | None) -> bool:
    for path in keyring.usual_files() if credentials.private_key is None else ():
        key = keyring.file(path, credentials.passphrase)
        file = _beside(path)
        if loose is not None and not isinstance(key, str) and _is_of(loose, key.asbytes()):
            file, loose = loose, None
        if file is not None and login.with_certificate(keyring, path, credentials.passphrase, file):
            return True
        if login.with_key(key, f"key {path}"):
            return True
    if loose is not None:
        found = read_certificate(loose)
        login.note(f"certificate {loose} {found if isinstance(found, str) else 'is of no key that is at hand'}")
    return False


def _beside(path: Path) -> Path | None:
    """Return the certificate that lies beside a private key, if one does."""
    file = path.with_name(f"{path.name}-cert.pub")
    return file if file.expanduser().is_file() else None


def _is_of(file: Path, key_blob: bytes) -> bool:
    found = read_certificate(file)
    return isinstance(found, Certificate) and found.key_blob == key_blob


def _of_agent(file: Path | None, keys: Sequence[paramiko.PKey | str]) -> tuple[paramiko.PKey | str | None, Path | None]:
    """Return the agent's key that a certificate file is of, to go by it, and the file where there is no such key."""
    found = None if file is None else read_certificate(file)
    if not isinstance(found, Certificate):
        return None, file
    key = next((key for key in keys if isinstance(key, AgentKey) and key.blob == found.key_blob), None)
    if key is None:
        return None, file
    objection = found.objection(datetime.now(UTC))
    if objection is not None:
        return f"certificate {file} ({found.name!r}) {objection}", None
    certified = AgentKey(key.agent, key.blob)
    certified.public_blob = PublicBlob(found.kind, found.blob)  # type: ignore[assignment] # its class says None
    return certified, None


def _is_bare(key: paramiko.PKey | str) -> bool:
    return isinstance(key, str) or not key.get_name().endswith(SUFFIX)


class _Login(AuthHandler):
    """One log-in: what was tried, and what the host still accepts."""

    def __init__(self, connection: SshConnection, user: str, deadline: Deadline) -> None:
        super().__init__(connection)
        self._connection = connection
        self._user = user
        self._deadline = deadline
        self._tried: list[str] = []
        self._offers = 0
        self._accepted: list[str] | None = None
        self._answered = False
        self._taken = ""
        self._has_asked = False
        self._offers_at_once = False
        connection.auth_handler = self

    @property
    def takes_passwords(self) -> bool:
        """Tell whether the host takes a password at all, as far as it has said."""
        return self._takes(_PASSWORD) or self._takes(_INTERACTIVE)

    @property
    def taken(self) -> str:
        """Say what the host took, what was tried before, and which methods it named then."""
        tried = f"; before it: {'; '.join(self._tried)}" if self._tried else ""
        accepts = f"; the host takes {quoted(', '.join(self._accepted))}" if self._accepted is not None else ""
        return self._taken + tried + accepts

    def go_on_until(self, deadline: Deadline) -> Deadline:
        """Move the deadline, for the time that was waited for others."""
        self._deadline = deadline
        self._connection.allow_until(deadline)
        return deadline

    def note(self, what: str) -> None:
        """Note what could not be tried."""
        self._tried.append(what)

    def with_certificate(self, keyring: Keyring, path: Path, passphrase: str | None, file: Path) -> bool:
        """Offer a key file by its certificate."""
        return self.with_key(keyring.certified(path, passphrase, file), f"certificate {file}")

    def with_key(self, key: paramiko.PKey | str, name: str) -> bool:
        """Offer a key, or note why it cannot be offered."""
        if isinstance(key, str):
            self._tried.append(key)
            return False
        if not self._takes(_PUBLICKEY):
            return False
        blob = getattr(key, "public_blob", None)
        shown = f"{name} ({key.get_name() if blob is None else blob.key_type} {key.fingerprint})"
        if self._offers >= _KEY_OFFERS:
            self._tried.append(f"{shown} not offered, {_KEY_OFFERS} keys being the most that a server lets one try")
            return False
        self._offers += 1
        done = threading.Event()
        with _BROKEN, self._connection.together():
            self.auth_publickey(self._user, key, done)
        return self._came_of(done, shown)

    def with_password(self, password: str) -> bool:
        """Offer the password once, as an answer to a prompt where the host takes it only so."""
        if self._takes(_PASSWORD):
            done = threading.Event()
            with _BROKEN:
                self.auth_password(self._user, password, done)
            if self._came_of(done, "password"):
                return True
            if self._takes(_PASSWORD):
                return False
        if not self._takes(_INTERACTIVE):
            return False

        def answer(_title: str, _instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
            if not prompts:
                return []
            if len(prompts) > 1 or prompts[0][1] or self._answered:
                # Neither a second question nor one whose answer may be seen can be asking for the password.
                message = f"the host asks {prompts[-1][0]!r}, which a password does not answer"
                raise paramiko.SSHException(message)
            self._answered = True
            return [password]

        done = threading.Event()
        with _BROKEN:
            self.auth_interactive(self._user, answer, done)
        return self._came_of(done, "password at the host's prompt")

    def refused(self) -> HostError:
        """Say everything that was tried."""
        tried = "; ".join(self._tried) or "nothing, for there is no key file, no agent and no password to offer"
        accepts = f"; the host takes {quoted(', '.join(self._accepted))}" if self._accepted is not None else ""
        return HostError(Reason.AUTH, f"user {self._user!r} is not let in; tried: {tried}{accepts}")

    def _takes(self, method: str) -> bool:
        """Tell whether a method is worth a try: before the first refusal, every one is."""
        return self._accepted is None or method in self._accepted

    def _came_of(self, done: threading.Event, what: str) -> bool:
        """Wait for the host's word on an offer, and note a refusal."""
        connection = self._connection
        # The thread that reads the connection sets the event when it ends; had it ended before, nobody would.
        if connection.is_active():
            done.wait(self._deadline.remaining + 1)
        connection.acknowledge_at_once(wanted=False)
        if self.is_authenticated():
            self._taken = what
            return True
        if not connection.is_active() or not done.is_set():
            error = connection.failure(Reason.AUTH, f"at the log-in of user {self._user!r}, when offered {what}")
            tried = f"; tried before: {'; '.join(self._tried)}" if self._tried else ""
            raise HostError(error.reason, error.detail + tried)
        went_on = isinstance(connection.get_exception(), paramiko.ssh_exception.PartialAuthentication)
        self._tried.append(f"{what} {'accepted, but not enough' if went_on else 'refused'}")
        return False

    def _request_auth(self) -> None:
        """Ask for leave to log in, once, and send the offer behind it without waiting for leave: a round trip less.

        That is allowed where keys are agreed on by a signed exchange (RFC 4253, section 10), as all are that we offer.
        Leave is waited for where the offer hangs on what the host says before, which signatures of RSA it knows (RFC
        8308, section 3.1); where the agent signs, since what goes wrong there is told by the thread that reads; and
        where the host would be kept waiting for word that leave has come.
        """
        key = self.private_key if self.auth_method == _PUBLICKEY else None
        waits = isinstance(key, AgentKey) or (not self._has_asked and key is not None and "rsa" in key.get_name())
        self._offers_at_once = not waits and self._connection.acknowledge_at_once(wanted=True)
        if not (self._offers_at_once and self._has_asked):
            self._has_asked = True
            super()._request_auth()  # type: ignore[misc] # paramiko's stubs leave it out
        if self._offers_at_once:
            leave = Message()
            leave.add_string("ssh-userauth")
            leave.rewind()
            super()._parse_service_accept(leave)  # type: ignore[misc] # as above

    def _parse_service_accept(self, m: Message) -> None:
        """Send the offer that waited for leave, if one did."""
        if not self._offers_at_once:
            super()._parse_service_accept(m)  # type: ignore[misc] # as above

    def _parse_userauth_info_request(self, m: Message) -> None:
        """Tell a wish for a new password (RFC 4252, section 8), which has the number of a prompt, from a prompt."""
        if self.auth_method == _PASSWORD:
            message = f"it wants a new password first: {m.get_text()}"
            raise paramiko.SSHException(message)
        super()._parse_userauth_info_request(m)  # type: ignore[misc] # paramiko's stubs leave it out

    def _parse_userauth_failure(self, m: Message) -> None:
        """Keep the methods that the host names (RFC 4252, section 5.1); paramiko tells them in some cases only."""
        self._accepted = m.get_list()
        m.rewind()
        super()._parse_userauth_failure(m)  # type: ignore[misc]


def _agent_key(key: AgentKey) -> AgentKey | str:
    """Let a certificate that the agent holds be offered as what it is, of whichever type its key is."""
    if not key.get_name().endswith(SUFFIX):
        return key
    try:
        found = parse_certificate(key.blob)
    except ValueError as error:
        return f"agent key ({key.get_name()}) {error}"
    objection = found.objection(datetime.now(UTC))
    if objection is not None:
        return f"agent certificate ({found.name!r}) {objection}"
    key.public_blob = PublicBlob(key.get_name(), key.blob)  # type: ignore[assignment] # its class says None
    return key


def _encrypted(path: Path) -> str:
    return f"key {path} is encrypted and no passphrase is given"


def _read_key(path: Path, passphrase: str | None) -> paramiko.PKey | str:
    """Read a private key file, or say why it gives none."""
    try:
        with path.expanduser().open(encoding="ascii", errors="replace") as file:
            text, state = file.read(), os.fstat(file.fileno())
        if "PRIVATE KEY" in text and state.st_uid == os.getuid() and state.st_mode & _OTHERS:
            return f"key {path} is open to others (mode {stat.S_IMODE(state.st_mode):04o}): chmod 600 it, as ssh asks"
        return _parse_key(text, passphrase)
    except OSError as error:
        return f"key {path} cannot be read: {error.strerror}"
    except paramiko.PasswordRequiredException:
        return _encrypted(path)
    except paramiko.AuthenticationException:
        return f"key {path} is not opened by the passphrase given"
    except paramiko.SSHException:
        return f"key {path} is not a private key in OpenSSH or PEM form (ssh-keygen -p rewrites PKCS#8)"


def _parse_key(text: str, passphrase: str | None) -> paramiko.PKey:
    """Read a key of whichever type it is.

    Raises PasswordRequiredException where it wants a passphrase, AuthenticationException where the one
    given is wrong, SSHException where it is no key.
    """
    wants = False
    for given in (None, passphrase) if passphrase is not None else (None,):
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            try:
                return kind.from_private_key(io.StringIO(text), given)
            except paramiko.PasswordRequiredException:
                wants = True
                break
            except (paramiko.SSHException, ValueError, IndexError):
                # Not of this type; the others are what a damaged file makes paramiko raise besides its own.
                continue
    if wants and passphrase is None:
        raise paramiko.PasswordRequiredException
    raise paramiko.AuthenticationException if wants else paramiko.SSHException
