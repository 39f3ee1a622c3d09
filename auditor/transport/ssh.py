"""Hosts over SSH: paramiko's protocol engine on a connection of our own.

``paramiko.Transport`` is driven directly: it costs half the CPU of ``SSHClient``, whose policies for
unknown keys and whose search for credentials are not wanted here either.
"""

import os
import pwd
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.probe import ProbeCall, RawOutput
from auditor.transport.connect import await_banner, open_connection
from auditor.transport.deadline import Deadline
from auditor.transport.known_hosts import DEFAULT_PORT, HostKey, KnownHosts, read_known_hosts
from auditor.transport.ssh_connection import FLOOD, SshConnection
from auditor.transport.ssh_login import Keyring, log_in
from auditor.transport.ssh_session import converse, open_session

_SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds for each step before the log-in; the call's deadline cuts all of them."""

    connect: float = 10.0
    """For the TCP connection, all addresses together."""
    banner: float = 15.0
    """From there to the server's version line."""
    handshake: float = 15.0
    """From there to the agreed keys."""


class SshTransport:
    """Put calls to hosts over SSH; one object a run, shared by its threads.

    Known-hosts files and private keys are read once for each file and kept.
    """

    def __init__(
        self, *, home: Path | None = None, agent_socket: str | None = None, patience: Patience | None = None
    ) -> None:
        """Take the folder that holds ``.ssh`` and the agent's socket; None means the operator's own."""
        self._operator, own_home = _account()
        self._home = home or own_home
        self._keyring = Keyring(
            home=self._home,
            agent_socket=os.environ.get("SSH_AUTH_SOCK", "") if agent_socket is None else agent_socket,
        )
        self._patience = patience or Patience()
        self._known: dict[tuple[Path, ...], KnownHosts] = {}
        self._lock = threading.Lock()

    def collect(self, host: Host, call: ProbeCall) -> RawOutput:
        """Put the call to the host; see ``Transport``."""
        started = datetime.now(tz=UTC)
        deadline = Deadline.after(call.deadline)
        names = tuple(dict.fromkeys((host.address, host.name)))
        known = self._known_hosts(host)
        algorithms = known.algorithms(names, host.port or DEFAULT_PORT)
        user = host.credentials.user or self._operator
        with self._connected(host, deadline, algorithms, call.output_limit + FLOOD) as connection:
            key = connection.host_key_shown()
            known.check(names, host.port or DEFAULT_PORT, key)
            connection.allow_until(deadline)
            with _at_login():
                log_in(connection, host, user, self._keyring, deadline)
            session = open_session(connection, deadline)
            answer, exit_status = converse(connection, session, call, deadline)
        return RawOutput(
            stdout=answer.stdout,
            stderr=answer.stderr,
            stderr_dropped=answer.stderr_dropped,
            exit_status=exit_status,
            started=started,
            finished=datetime.now(tz=UTC),
            host_key=key.fingerprint,
            user=user,
        )

    def host_key(self, host: Host, algorithms: Sequence[str], timeout: float) -> HostKey:
        """Fetch the key that a host shows for one of these key types, trusting nothing and logging in nowhere.

        Raises HostError, with ``handshake`` when the host has no such key.
        """
        with self._connected(host, Deadline.after(timeout), algorithms, FLOOD, others=False) as connection:
            return connection.host_key_shown()

    def _known_hosts(self, host: Host) -> KnownHosts:
        files = host.ssh.known_hosts or (self._home / ".ssh" / "known_hosts", _SYSTEM_KNOWN_HOSTS)
        with self._lock:
            known = self._known.get(files)
            if known is None:
                known = read_known_hosts(files, expected=bool(host.ssh.known_hosts))
                self._known[files] = known
            return known

    @contextmanager
    def _connected(
        self, host: Host, deadline: Deadline, algorithms: Sequence[str], allowance: int, *, others: bool = True
    ) -> Iterator[SshConnection]:
        """Connect and agree on keys; whatever happens inside, nothing of the connection is left afterwards."""
        if host.ssh.proxy_jump:
            raise HostError(
                Reason.UNSUPPORTED,
                f"reaching a host through a jump host ({host.ssh.proxy_jump}) is not supported yet: run the audit "
                "from a machine that reaches it directly",
            )
        patience = self._patience
        connection = open_connection(host.address, host.port or DEFAULT_PORT, deadline.sooner(patience.connect))
        try:
            await_banner(connection, deadline.sooner(patience.banner))
            engine = SshConnection(connection, allowance)
            try:
                engine.agree(algorithms, deadline.sooner(patience.handshake), others=others)
                yield engine
            finally:
                engine.end()
        finally:
            connection.close()


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
