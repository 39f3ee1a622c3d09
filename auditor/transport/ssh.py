"""Hosts over SSH: paramiko's protocol engine on a connection of our own.

``paramiko.Transport`` is driven directly: it costs half the CPU of ``SSHClient``, whose policies for
unknown keys and whose search for credentials are not wanted here either.
"""

import os
import pwd
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from socket import socket

from auditor.errors import HostError, Reason
from auditor.model.host import BecomeMethod, Host
from auditor.model.probe import CANNOT_UNPACK, SUDO_ASKS, ProbeCall, RawOutput
from auditor.model.record import Record, replace
from auditor.model.rung import Climbed, Rung, nobody_watches
from auditor.transport.capture import Capture
from auditor.transport.connect import DEFAULT_PORT, Begun, await_banner, bare, open_connection
from auditor.transport.credential_gate import LONGEST_TURN, Attempt, CredentialGate
from auditor.transport.deadline import Deadline
from auditor.transport.known_hosts import HostKey, KnownHosts, read_known_hosts
from auditor.transport.own_ends import ends_of
from auditor.transport.ssh_connection import FLOOD, FOREVER, SshConnection
from auditor.transport.ssh_jump import Jumps
from auditor.transport.ssh_login import Keyring, log_in
from auditor.transport.ssh_session import STRAGGLER, converse, open_session
from auditor.transport.stream import Stream

# sudo speaks the language that the launcher sets.
_WRONG = b"incorrect password attempt"
_NOT_ALLOWED = (b"is not in the sudoers file", b"may not run sudo on")
_SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


class Patience(Record, kw_only=True):
    """Seconds for each step before the log-in; the call's deadline cuts all of them."""

    connect: float = 10.0
    """For the TCP connection, all addresses together."""
    banner: float = 15.0
    """From there to the server's version line."""
    handshake: float = 15.0
    """From there to the agreed keys."""

    @property
    def whole(self) -> float:
        """Return the seconds for a jump host to let us in and to reach the host behind it."""
        return 2 * self.connect + self.banner + self.handshake


@dataclass(slots=True, kw_only=True)
class _Turn:
    """One call's use of its sudo password: by when, whether it is sent at all, and what came of it."""

    call: ProbeCall
    deadline: Deadline
    withheld: str | None = None
    attempt: Attempt | None = None
    granted_at: float | None = None
    held: ExitStack = field(default_factory=ExitStack)

    def hear(self, capture: Capture) -> bool:
        """Let others go on as soon as the probe runs with sudo's leave, which it says at its very beginning.

        Return whether to be called again before long even when no more comes: what sudo said went ahead of that, but
        on the other stream, and may still be on its way.
        """
        if self.attempt is None or not any(words in capture.beginning for words in self._granted):
            return False
        self.granted_at = self.granted_at or time.monotonic()
        if _WRONG not in capture.stderr and time.monotonic() - self.granted_at < STRAGGLER:
            return True
        self._settle(self.attempt, capture, taken=True)
        return False

    def end(self, capture: Capture) -> None:
        """Tell what came of the password, once all has been said."""
        if self.attempt is not None:
            # Who may not use sudo is told so when the password was right.
            granted = any(words in capture.stdout for words in self._granted)
            taken = granted or any(words in capture.stderr for words in _NOT_ALLOWED)
            self._settle(self.attempt, capture, taken=taken)

    @property
    def _granted(self) -> tuple[bytes, ...]:
        return tuple(f"{self.call.token} head become {method}\n".encode() for method in BecomeMethod)

    def _settle(self, attempt: Attempt, capture: Capture, *, taken: bool) -> None:
        # Leave that needs no password does not make a wrong one right: sudo looked at it before.
        wrong = _WRONG in capture.stderr
        attempt.outcome = False if wrong else taken or None
        # Who is let in without being asked for a password has not said whether it is right.
        attempt.is_spent = wrong or SUDO_ASKS.encode() in capture.stderr
        self.attempt = None
        self.held.close()


class SshTransport:
    """Put calls to hosts over SSH; one object a run, shared by its threads.

    Known-hosts files and private keys are read once for each file and kept.
    """

    def __init__(
        self,
        *,
        home: Path | None = None,
        agent_socket: str | None = None,
        patience: Patience | None = None,
        password_failures: int = 3,
        climbed: Climbed = nobody_watches,
    ) -> None:
        """Take the folder that holds ``.ssh`` and the agent's socket; None means the operator's own.

        ``password_failures`` is how often in a row an account's password may be refused; ``climbed`` is told of
        every rung on the way to a host.
        """
        self._climbed = climbed
        self._operator, own_home = _account()
        self._home = home or own_home
        self._keyring = Keyring(
            home=self._home,
            agent_socket=os.environ.get("SSH_AUTH_SOCK", "") if agent_socket is None else agent_socket,
        )
        self._patience = patience or Patience()
        self._gate = CredentialGate(password_failures)
        # A probe takes long: once it is known to be right, a sudo password is used everywhere at once.
        self._sudo_gate = CredentialGate(password_failures, only_first=True)
        self._jumps = Jumps(self._enter_jump)
        self._known: dict[tuple[Path, ...], KnownHosts] = {}
        self._lock = threading.Lock()

    def collect(self, host: Host, call: ProbeCall, begun: Begun | None = None) -> RawOutput:
        """Put the call to the host; see ``Transport``. A jump host's connection stays until ``close``.

        Where a call has ``begun``, its connection is taken, and closed whatever happens.
        """
        started = begun.started if begun else datetime.now(tz=UTC)
        deadline = begun.deadline if begun else Deadline.after(call.deadline)
        with self._connected(
            host, deadline, call.output_limit + FLOOD, way=begun.stream if begun else None, run=call.run
        ) as connection:
            key, deadline = self._let_in(connection, host, deadline)
            with self._sudo_turn(connection, host, call, deadline) as turn:
                answer, exit_status = self._put(host, connection, turn)
            own = ends_of([connection.stream])
        self._climbed(host.name, Rung.ANSWER, f"{len(answer.stdout)} bytes")
        return RawOutput(
            stdout=answer.stdout,
            stderr=answer.stderr,
            stderr_dropped=answer.stderr_dropped,
            exit_status=exit_status,
            started=started,
            finished=datetime.now(tz=UTC),
            host_key=key.fingerprint,
            user=host.credentials.user or self._operator,
            withheld=turn.withheld,
            own_connections=own,
        )

    def _put(self, host: Host, connection: SshConnection, turn: "_Turn") -> tuple[Capture, int | None]:
        """Put the call over an open connection: its script packed, and as it is where the host has no gzip."""
        packed = replace(turn.call, stdin=turn.call.packed or turn.call.stdin)
        for call in (packed, turn.call):
            session = open_session(connection, turn.deadline)
            self._climbed(host.name, Rung.SESSION, "a channel for a command is open")
            answer, exit_status = converse(connection, session, call, turn.deadline, turn.hear)
            if not answer.stdout.rstrip(b"\n").endswith(CANNOT_UNPACK):
                break
        turn.end(answer)
        return answer, exit_status

    def close(self) -> None:
        """End the connections to jump hosts."""
        self._jumps.close()

    def host_key(self, host: Host, algorithms: Sequence[str], timeout: float) -> HostKey:
        """Fetch the key that a host shows for one of these key types, trusting nothing and logging in nowhere.

        Raises HostError, with ``handshake`` when the host has no such key.
        """
        with self._connected(host, Deadline.after(timeout), FLOOD, algorithms=algorithms, others=False) as connection:
            return connection.host_key_shown()

    def refuse_revoked(self, host: Host, key: HostKey) -> None:
        """Raise HostError ``host_key_revoked`` if a known-hosts file revokes this key of a host."""
        self._known_hosts(host).refuse_revoked(_names(host), host.port or DEFAULT_PORT, key)

    def _known_hosts(self, host: Host) -> KnownHosts:
        """Return the keys that are trusted for a host: those of the files it names, else of the usual ones.

        A key that the usual files revoke is revoked for whoever names other files, too.
        """
        named, usual = host.ssh.known_hosts, (self._home / ".ssh" / "known_hosts", _SYSTEM_KNOWN_HOSTS)
        with self._lock:
            known = self._known.get(named)
            if known is None:
                known = read_known_hosts(named or usual, expected=bool(named), revoking=usual if named else ())
                self._known[named] = known
            return known

    def _algorithms(self, host: Host) -> Sequence[str]:
        return self._known_hosts(host).algorithms(_names(host), host.port or DEFAULT_PORT)

    def _let_in(self, connection: SshConnection, host: Host, deadline: Deadline) -> tuple[HostKey, Deadline]:
        """Check who the host is and log in; return its key, and the deadline without the time that was not its own."""
        key = connection.host_key_shown()
        self._known_hosts(host).check(_names(host), host.port or DEFAULT_PORT, key)
        self._climbed(host.name, Rung.HOST_KEY, f"{key.algorithm} {key.fingerprint}")
        connection.allow_until(deadline)
        user = host.credentials.user or self._operator
        with _at_login():
            entry = log_in(connection, host, user, self._keyring, self._gate, deadline)
        self._climbed(host.name, Rung.LOGIN, f"{user}, by {entry.by}")
        return key, entry.deadline

    @contextmanager
    def _sudo_turn(
        self, connection: SshConnection, host: Host, call: ProbeCall, deadline: Deadline
    ) -> Iterator["_Turn"]:
        """Wait for one's turn to use a sudo password; where it is not to be used any more, go on without it."""
        turn = _Turn(call=call, deadline=deadline)
        with turn.held:
            if call.secret:
                user = host.credentials.user or self._operator
                secret = call.secret.decode("utf-8", "surrogateescape")
                connection.allow_until(Deadline.after(deadline.remaining + LONGEST_TURN))
                try:
                    attempt = turn.held.enter_context(self._sudo_gate.attempt(f"{user} (sudo)", secret))
                    turn.attempt = attempt
                    turn.deadline = Deadline(at=deadline.at + attempt.waited)
                except HostError as error:
                    if error.reason is not Reason.CREDENTIAL_STOPPED:
                        raise
                    turn.call = replace(call, secret=b"")
                    turn.withheld = f"sudo was not asked: {error.detail}"
                connection.allow_until(turn.deadline)
            yield turn

    def _enter_jump(self, jump: Host, way: Stream | None, deadline: Deadline) -> SshConnection:
        """Log in to a jump host and leave the connection open; see ``Jumps``."""
        connection = self._agreed(jump, way, deadline, self._algorithms(jump), FOREVER)
        try:
            self._let_in(connection, jump, deadline)
        except BaseException:
            connection.end()
            raise
        return connection

    @contextmanager
    def _connected(
        self,
        host: Host,
        deadline: Deadline,
        allowance: int,
        *,
        way: Stream | None = None,
        algorithms: Sequence[str] | None = None,
        others: bool = True,
        run: str = "",
    ) -> Iterator[SshConnection]:
        """Connect and agree on keys; whatever happens inside, nothing of the connection is left afterwards.

        Without ``algorithms`` the host is to show a key of a type that is known of it.
        """
        with ExitStack() as kept:
            if way is not None:
                kept.callback(way.close)
            algorithms = self._algorithms(host) if algorithms is None else algorithms
            if host.ssh.jumps:
                patience = deadline.sooner(self._patience.whole)
                way = self._jumps.through(host.ssh.jumps, bare(host.address), host.port or DEFAULT_PORT, patience)
            connection = self._agreed(host, way, deadline, algorithms, allowance, others=others, run=run)
            kept.callback(connection.end)
            yield connection

    def _agreed(
        self,
        host: Host,
        way: Stream | None,
        deadline: Deadline,
        algorithms: Sequence[str],
        allowance: int,
        *,
        others: bool = True,
        run: str = "",
    ) -> SshConnection:
        """Agree on keys with a host, over a stream or a connection of its own; on failure nothing is left."""
        patience = self._patience
        port = host.port or DEFAULT_PORT
        stream: Stream = way or open_connection(host.address, port, deadline.sooner(patience.connect))
        try:
            self._climbed(host.name, Rung.CONNECT, _far_end(host, stream))
            banner = await_banner(stream, deadline.sooner(patience.banner))
            self._climbed(host.name, Rung.BANNER, banner)
            connection = SshConnection(stream, allowance, run)
            try:
                connection.agree(algorithms, deadline.sooner(patience.handshake), others=others)
            except BaseException:
                connection.end()
                raise
            self._climbed(host.name, Rung.ENCRYPTION, connection.agreed_on)
        except BaseException:
            stream.close()
            raise
        return connection


def _far_end(host: Host, stream: Stream) -> str:
    """Say what a stream leads to: the address that answered, or the jump host that passes bytes on."""
    where = bare(host.address)
    if isinstance(stream, socket):
        # Who hangs up at once has no address any more.
        with suppress(OSError):
            where = str(stream.getpeername()[0])
    way = f", through jump host {host.ssh.jumps[-1].name}" if host.ssh.jumps else ""
    return f"{where} port {host.port or DEFAULT_PORT}{way}"


def _names(host: Host) -> tuple[str, ...]:
    """Return the names under which its key may be known, the one that is connected to first.

    An address of IPv6 has many spellings; known_hosts has the shortest, if not the inventory's.
    """
    address = bare(host.address)
    try:
        shortest = str(ip_address(address))
    except ValueError:
        shortest = address
    return tuple(dict.fromkeys((address, shortest, host.name)))


@contextmanager
def _at_login() -> Iterator[None]:
    """Mark what goes wrong inside as having cost a log-in: a reset or silence there can be a wrong password's."""
    try:
        yield
    except HostError as error:
        error.at_login = True
        raise


def _account() -> tuple[str, Path]:
    """Return the operator's login name and home; a container may run under a number that no account has."""
    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:
        return str(os.getuid()), Path(os.environ.get("HOME", "/"))
    return account.pw_name, Path(account.pw_dir)
