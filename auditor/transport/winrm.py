"""Windows hosts over WinRM: pywinrm's ``Protocol``, one for each host and thread, in bounds of our own.

``Session.run_ps`` leaves its shell on the host whenever anything goes wrong, and its receive loop never ends on a host
that hangs. A user has 30 shells, so each one is closed here on every way out, over a new connection where the old one
is lost. Nothing is written on the host: the command reads what to do on its standard input.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from winrm.exceptions import WinRMOperationTimeoutError
from winrm.protocol import Protocol

from auditor import __version__
from auditor.errors import HostError, Reason
from auditor.model.host import Host, WinRmLogin, WinRmSettings
from auditor.model.mark import user_agent
from auditor.model.probe import UNCHECKED, ProbeCall, RawOutput
from auditor.model.rung import Climbed, Rung, nobody_watches
from auditor.transport.capture import Capture
from auditor.transport.connect import bare
from auditor.transport.credential_gate import Attempt, CredentialGate
from auditor.transport.deadline import Deadline
from auditor.transport.own_ends import ends_of
from auditor.transport.winrm_faults import LIBRARY, host_error
from auditor.transport.winrm_http import BoundedAdapter, BoundNtlmAuth, Bounds, system_authorities

HTTPS_PORT, HTTP_PORT = 5986, 5985

# Seconds a host may hold one question back, and we wait for more: well below MaxTimeoutms, 60,000.
_OPERATION = 20
_SEND_PIECE = 65_536
_COMMAND_LINE = 8_000
"""Characters that cmd.exe takes of a command line, 8,191, and some to spare."""
_EMPTY = 25
"""Answers in a row that hold neither output nor a state: no WinRM service says so little."""
_PARTING = 10.0
"""Seconds beyond the deadline that closing a shell may take."""
_IDLE = "PT15M"
"""After which the host itself closes a shell that we could not close."""
_NO_STATUS = -1
_OVERHEAD = 3
"""Bytes on the line for each byte of output: base64, XML, sealing."""
_SOAP = 2_000_000
_BY_PASSWORD = (WinRmLogin.NTLM, WinRmLogin.BASIC)


class WinRmTransport:
    """Put calls to Windows hosts over WinRM; one object a run, shared by its threads."""

    def __init__(self, *, connect: float = 10.0, password_failures: int = 3, climbed: Climbed = nobody_watches) -> None:
        """Take the seconds for a connection, and how often in a row an account's password may be refused."""
        self._connect = connect
        self._gate = CredentialGate(password_failures)
        self._climbed = climbed

    def close(self) -> None:
        """Keep nothing between hosts."""

    def collect(self, host: Host, call: ProbeCall) -> RawOutput:
        """Put the call to the host; see ``Transport``."""
        _refuse(host, call)
        started = datetime.now(tz=UTC)
        with ExitStack() as turn:
            attempt = self._turn(host, turn)
            # The wait for one's turn with a password is not the host's.
            bounds = Bounds(Deadline.after(call.deadline), self._connect, call.output_limit * _OVERHEAD + _SOAP)
            try:
                with _speaking(host, bounds, call.run) as protocol:
                    shell = self._enter(host, protocol, bounds)
                    attempt.outcome = True
                    turn.close()
                    capture, exit_status = self._ask(host, protocol, bounds, shell, call)
                    own = ends_of(bounds.sockets)
            except HostError as error:
                if attempt.outcome is None:
                    attempt.is_spent = error.at_login = bounds.was_asked_in
                    attempt.outcome = False if error.reason is Reason.AUTH else _has_let_in(error) or None
                raise
        self._climbed(host.name, Rung.ANSWER, f"{capture.size} bytes")
        return RawOutput(
            stdout=capture.stdout,
            stderr=capture.stderr,
            stderr_dropped=capture.stderr_dropped,
            exit_status=exit_status,
            started=started,
            finished=datetime.now(tz=UTC),
            host_key=_shown(host, bounds),
            user=host.credentials.user,
            own_connections=own,
        )

    def _turn(self, host: Host, turn: ExitStack) -> Attempt:
        """Wait for one's turn to use a password; tickets and certificates are counted by nobody."""
        secret = host.credentials.password
        if secret is None or host.winrm.login not in _BY_PASSWORD:
            return Attempt()
        return turn.enter_context(self._gate.attempt(host.credentials.user or "", secret))

    def _enter(self, host: Host, protocol: Protocol, bounds: Bounds) -> "_Shell":
        with _told(bounds, "before a shell was open"):
            shell = protocol.open_shell(codepage=65001, noprofile=True, idle_timeout=_IDLE)
        self._climbed(host.name, Rung.LOGIN, f"{host.credentials.user or 'a ticket'}, by {host.winrm.login}")
        self._climbed(host.name, Rung.SESSION, "a shell is open")
        return _Shell(id=shell)

    def _ask(
        self, host: Host, protocol: Protocol, bounds: Bounds, shell: "_Shell", call: ProbeCall
    ) -> tuple[Capture, int | None]:
        """Run the call in the shell, and close it on every way out."""
        capture = Capture(call)
        try:
            return capture, _Talk(protocol, shell, bounds, capture).hold(call)
        finally:
            self._leave(host, protocol, bounds, shell, call.run)

    def _leave(self, host: Host, protocol: Protocol, bounds: Bounds, shell: "_Shell", run: str) -> None:
        """Close a shell whatever happened in it, over a connection that still serves, else over a new one."""
        if not shell.is_lost and not bounds.deadline.passed and _close(protocol, shell):
            return
        # A sealed connection cannot be taken up again (pywinrm seals with the old keys): a whole new log-in.
        parting = Bounds(Deadline.after(_PARTING), self._connect, _SOAP)
        with suppress(HostError), _speaking(host, parting, run) as another:
            _close(another, shell)


@dataclass(slots=True, kw_only=True)
class _Shell:
    """A shell that is open on a host, and the command in it."""

    id: str
    command: str | None = None
    is_lost: bool = False
    """Whether the connection it was opened over is of no more use."""


@dataclass(slots=True)
class _Talk:
    """One command in a shell: fed, listened to, ended."""

    protocol: Protocol
    shell: _Shell
    bounds: Bounds
    capture: Capture

    def hold(self, call: ProbeCall) -> int | None:
        """Run the command, give it its input, take all it says, and return its exit status."""
        try:
            self._begin(call)
            return self._listen()
        except HostError as error:
            self.shell.is_lost = True
            if self.bounds.deadline.passed and error.reason in (Reason.RESET, Reason.TIMEOUT):
                raise self.capture.out_of_time() from error
            raise

    def _begin(self, call: ProbeCall) -> None:
        self._within_time()
        with _told(self.bounds, "before the command ran"):
            self.shell.command = self.protocol.run_command(self.shell.id, call.launcher, console_mode_stdin=False)
        data = call.input
        pieces = [data[at : at + _SEND_PIECE] for at in range(0, len(data), _SEND_PIECE)] or [b""]
        for number, piece in enumerate(pieces, 1):
            self._within_time()
            with _told(self.bounds, "while the command was given its input"):
                self.protocol.send_command_input(self.shell.id, self.shell.command, piece, end=number == len(pieces))

    def _listen(self) -> int | None:
        command, empty = self.shell.command or "", 0
        while True:
            self._within_time()
            try:
                with _told(self.bounds, f"after {self.capture.size} bytes of the answer"):
                    out, err, status, is_done = self.protocol.get_command_output_raw(self.shell.id, command)
            except WinRMOperationTimeoutError:
                continue  # nothing to say yet
            self.capture.take_stdout(out)
            self.capture.take_stderr(err)
            if is_done:
                return None if status == _NO_STATUS else status
            empty = 0 if out or err else empty + 1
            if empty > _EMPTY:
                raise HostError(Reason.NOT_WINRM, "what answers takes every question and says nothing to any")

    def _within_time(self) -> None:
        """Let no question outlast the deadline."""
        if self.bounds.deadline.passed:
            raise self.capture.out_of_time()
        self.protocol.operation_timeout_sec = max(1, min(_OPERATION, int(self.bounds.deadline.remaining)))


def _shown(host: Host, bounds: Bounds) -> str | None:
    """Return the fingerprint of the certificate that a host showed, and whether that proves who it is."""
    certificate = bounds.certificate
    is_checked = host.winrm.is_validated or host.winrm.fingerprint is not None
    return certificate if certificate is None or is_checked else certificate + UNCHECKED


def _refuse(host: Host, call: ProbeCall) -> None:
    """Refuse what is not safe, or cannot work, before anything is sent."""
    settings = host.winrm
    problem = None
    if settings.login is WinRmLogin.BASIC and not settings.is_https:
        problem = "basic sends the password as it is: it is used over HTTPS only (ansible_winrm_scheme)"
    elif settings.login is WinRmLogin.CERTIFICATE and not settings.is_https:
        problem = "a certificate is shown over HTTPS only (ansible_winrm_scheme)"
    elif settings.login is WinRmLogin.CERTIFICATE and not (settings.certificate and settings.certificate_key):
        problem = "logging in by certificate needs ansible_winrm_cert_pem and ansible_winrm_cert_key_pem"
    elif settings.login in _BY_PASSWORD and not host.credentials.user:
        problem = f"{settings.login} needs ansible_user"
    elif settings.login in _BY_PASSWORD and host.credentials.password is None:
        problem = f"{settings.login} needs a password (auditor_password says where it stands)"
    if problem is not None:
        raise HostError(Reason.VARIABLES, problem)
    if len(call.launcher) > _COMMAND_LINE:
        message = f"a launcher of {len(call.launcher)} characters, where a host takes {_COMMAND_LINE}"
        raise AssertionError(message)


@contextmanager
def _speaking(host: Host, bounds: Bounds, run: str) -> Iterator[Protocol]:
    """Make a Protocol for one host in one thread, with nothing taken from the environment; end its connection."""
    settings = host.winrm
    with bounds.watched():
        with _told(bounds, "before anything was sent"):
            protocol = Protocol(
                endpoint=_endpoint(host),
                transport=settings.login.value,
                username=host.credentials.user,
                password=host.credentials.password,
                service=settings.service,
                kerberos_hostname_override=settings.kerberos_host,
                cert_pem=None if settings.certificate is None else os.fspath(settings.certificate),
                cert_key_pem=None if settings.certificate_key is None else os.fspath(settings.certificate_key),
                server_cert_validation="validate",
                ca_trust_path=_authorities(settings),
                message_encryption="auto",
                operation_timeout_sec=_OPERATION,
                read_timeout_sec=_OPERATION + 15,
                proxy=None,
            )
        _harden(protocol, settings, bounds, run)
        try:
            yield protocol
        finally:
            protocol.transport.close_session()


def _harden(protocol: Protocol, settings: WinRmSettings, bounds: Bounds, run: str) -> None:
    """Put our own adapter below, before the first byte: pywinrm makes its session when first asked."""
    transport: Any = protocol.transport
    is_sealed = not settings.is_https
    adapter = BoundedAdapter(bounds, fingerprint=settings.fingerprint, is_sealed=is_sealed)
    transport.setup_encryption = lambda _session: None  # put off until the adapter is in its place
    with _told(bounds, "before anything was sent"):
        session = transport.build_session()
    del transport.setup_encryption
    if settings.login is WinRmLogin.NTLM:
        session.auth = BoundNtlmAuth(protocol.username, protocol.password, bounds)
    session.headers["User-Agent"] = user_agent(__version__, run)
    session.trust_env = False
    session.proxies = {}
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    if not settings.is_validated or settings.fingerprint is not None:
        session.verify = False
    if is_sealed:
        with _told(bounds, "before a shell was open"):
            transport.setup_encryption(session)


def _authorities(settings: WinRmSettings) -> str:
    return system_authorities() if settings.authorities is None else os.fspath(settings.authorities)


def _endpoint(host: Host) -> str:
    scheme, port = ("https", HTTPS_PORT) if host.winrm.is_https else ("http", HTTP_PORT)
    address = bare(host.address)
    shown = f"[{address}]" if ":" in address else address
    return f"{scheme}://{shown}:{host.port or port}{host.winrm.path}"


def _close(protocol: Protocol, shell: _Shell) -> bool:
    """End the command and the shell; tell whether the host said that it has no such shell any more."""
    protocol.operation_timeout_sec = int(_PARTING)
    if shell.command is not None:
        with suppress(*LIBRARY, HostError):
            protocol.cleanup_command(shell.id, shell.command)
    try:
        protocol.close_shell(shell.id, close_session=False)
    except (*LIBRARY, HostError):
        return False
    return True


@contextmanager
def _told(bounds: Bounds, when: str) -> Iterator[None]:
    """Turn whatever the library raises into a reason of the ledger."""
    try:
        yield
    except WinRMOperationTimeoutError:
        if when.startswith("after "):
            raise
        raise HostError(Reason.TIMEOUT, f"the host took longer than its own limit, {when}") from None
    except LIBRARY as error:
        raise host_error(error, bounds, when) from error


def _has_let_in(error: HostError) -> bool:
    """Tell a refusal that only who was let in gets to hear."""
    return error.reason in (Reason.QUOTA, Reason.ACCESS_DENIED)
