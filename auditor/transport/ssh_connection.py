"""One SSH connection: keys agreed on, time and bytes bounded, nothing left of it at the end."""

import fcntl
import logging
import socket
import termios
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST
from paramiko.message import Message
from paramiko.packet import NeedRekeyException, Packetizer

from auditor import __version__
from auditor.errors import HostError, Reason
from auditor.model.mark import ssh_identification
from auditor.transport.deadline import Deadline
from auditor.transport.known_hosts import HostKey
from auditor.transport.quote import quoted
from auditor.transport.ssh_certificate import SUFFIX
from auditor.transport.stream import Stream

# What paramiko logs of a failure is in our own words in the ledger; its tracebacks are noise beside them.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)

# AES-GCM first: measured at a sixth less CPU a host than counter mode with a separate MAC. CBC, 3DES and
# MD5 are left out, as OpenSSH's client does.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
_DIGESTS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
)
# First what a quantum computer will not break (what is recorded today waits for one), then P-256, by which a session
# costs the host 2 ms of 27 less than by Curve25519: OpenSSH computes that in C of its own, P-256 by OpenSSL. RFC 9142,
# section 4, says SHOULD of both alike. Finite-field groups cost five to twelve times the CPU of the curves.
_KEX = ("mlkem768x25519-sha256", "ecdh-sha2-nistp256", "curve25519-sha256@libssh.org")
_SLOW_KEX = "diffie-hellman-"

_LARGEST_PACKET = 262_144
"""What OpenSSH accepts as well (PACKET_MAX_SIZE); paramiko itself would read up to 4 GiB."""
FLOOD = 268_435_456
"""Bytes beyond the output limit that one host may make us read, be it standard error or empty messages."""
FOREVER = 1 << 62
"""Bytes for a connection that others share: each of these has bounds of its own."""
_PIECE = 65_536
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_JOIN = 5.0
_KEY_KINDS = {
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    f"ssh-rsa{SUFFIX}": (f"rsa-sha2-512{SUFFIX}", f"rsa-sha2-256{SUFFIX}"),
}


class BoundedPacketizer(Packetizer):
    """Paramiko's packet reader and writer, bounded in time and bytes, without its timer thread.

    Every wait on the network goes through here, so no step of paramiko can outlast the deadline.
    """

    def __init__(self, connection: Stream) -> None:
        """Begin without a bound; ``SshConnection`` sets both before the first byte."""
        super().__init__(connection)  # type: ignore[arg-type] # a stream is enough for it
        self.until = Deadline(at=float("inf"))
        self.allowance = FLOOD
        self._connection = connection
        self._read = b""
        self._taken = 0
        self._acknowledges_at_once = False
        # Whoever writes meanwhile comes after what is held.
        self._writing = threading.RLock()
        self._held: bytearray | None = None

    def acknowledge_at_once(self, *, wanted: bool) -> bool:
        """Let the kernel acknowledge what comes without delay (tcp(7), TCP_QUICKACK), or no more; False if it cannot.

        A server whose kernel waits for that before it sends the next small packet would have to wait 40 ms.
        """
        self._acknowledges_at_once = wanted and isinstance(self._connection, socket.socket) and _QUICKACK is not None
        return self._acknowledges_at_once

    def start_handshake(self, timeout: float) -> None:
        """Start no timer: ``until`` holds for everything."""

    def complete_handshake(self) -> None:
        """Stop no timer."""

    def handshake_timed_out(self) -> bool:
        """Tell whether to give up; paramiko asks before each read from the socket."""
        return self.until.passed

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:  # noqa: FBT001, FBT002 — paramiko's interface
        """Read as much, unless it is more than a host may send."""
        if n > _LARGEST_PACKET:
            message = f"a packet of {n} bytes"
            raise TooMuchError(message)
        self.allowance -= n
        if self.allowance < 0:
            raise TooMuchError("more bytes than any honest answer has")
        while len(self._read) - self._taken < n:
            is_between = check_rekey and self._taken == len(self._read)
            self._read = self._read[self._taken :] + self._more(is_between=is_between)
            self._taken = 0
        piece = self._read[self._taken : self._taken + n]
        self._taken += n
        return piece

    def readline(self, timeout: float) -> str:  # noqa: ARG002 — ``until`` holds for everything
        """Read a line before the first packet, without its end; who waited for the banner has bounded its length."""
        while (end := self._read.find(b"\n", self._taken)) < 0:
            self._read += self._more(is_between=False)
        line = self.read_all(end + 1 - self._taken)
        return line.removesuffix(b"\n").removesuffix(b"\r").decode()

    def _more(self, *, is_between: bool) -> bytes:
        """Take what has come, as much as there is: paramiko itself asks the kernel twice for each packet."""
        while True:
            if self.until.passed:
                raise EOFError
            try:
                data = self._connection.recv(_PIECE)
            except (TimeoutError, BlockingIOError):
                if self.closed:
                    raise EOFError from None
                if is_between and self.need_rekey():
                    raise NeedRekeyException from None
                self._check_keepalive()  # type: ignore[attr-defined] # paramiko's stubs lack it
                continue
            except OSError:
                if self.closed:
                    raise EOFError from None
                raise
            if not data:
                raise EOFError
            if self._acknowledges_at_once and isinstance(self._connection, socket.socket) and _QUICKACK is not None:
                with suppress(OSError):
                    self._connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            return data

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send what is written inside in one piece: every small one costs both ends a wake-up."""
        with self._writing:
            self._held = bytearray()
        try:
            yield
        finally:
            with self._writing:
                held, self._held = self._held, None
                self.write_all(bytes(held or b""))

    def write_all(self, out: bytes) -> None:  # type: ignore[override] # bytes are all that paramiko writes
        """Write everything, or raise EOFError when the connection ends or the time is up."""
        with self._writing:
            if self._held is not None:
                self._held += out
                return
            rest = memoryview(out)
            while rest:
                try:
                    rest = rest[self._connection.send(rest) :]
                except TimeoutError:
                    if self.closed or self.until.passed:
                        raise EOFError from None
                except OSError as error:
                    raise EOFError from error


def _kex_rank(name: str) -> int:
    """Say where a way to agree on keys stands among those that are offered."""
    return _KEX.index(name) if name in _KEX else len(_KEX) + name.startswith(_SLOW_KEX)


class TooMuchError(paramiko.SSHException):
    """A host sends more than any honest one."""


class SshConnection(paramiko.Transport):
    """One SSH connection: a socket, paramiko's thread that reads it, and how it ended."""

    # How often the reading thread looks at the clock while nothing comes. Ten times a second, paramiko's own
    # value, costs CPU on every host that is waited for; `end` wakes the thread by itself.
    _active_check_timeout = 0.5

    def __init__(self, connection: Stream, allowance: int, run: str = "") -> None:
        """Take a connected socket, and the run that it is for; nothing is sent before ``agree``."""
        super().__init__(connection, packetizer_class=BoundedPacketizer)  # type: ignore[arg-type] # as above
        # Who we are stands in the open, before any key: the hosts' defenders are to know us (docs/defenders.md).
        self.local_version = ssh_identification(__version__, run)
        self._connection = connection
        self._allowance = allowance
        self._until = Deadline(at=float("inf"))
        self.parting_words: str | None = None
        self._refused: dict[int, paramiko.ChannelException] = {}
        self._own = threading.local()

    def agree(self, algorithms: Sequence[str], deadline: Deadline, *, others: bool) -> None:
        """Exchange keys, asking for host keys of these types first (``others``: and for any other after them)."""
        options = self.get_security_options()
        options.ciphers = _CIPHERS
        options.digests = _DIGESTS
        options.kex = sorted(options.kex, key=_kex_rank)
        plain = options.key_types
        possible = (*plain, *(f"{name}{SUFFIX}" for name in plain))
        wanted = [name for kind in algorithms for name in _KEY_KINDS.get(kind, (kind,)) if name in possible]
        if wanted:
            options.key_types = [*wanted, *(name for name in plain if others and name not in wanted)]
        self.allow_until(deadline)
        self.banner_timeout = deadline.remaining
        agreed = threading.Event()
        self.start_client(event=agreed)
        agreed.wait(deadline.remaining + 1)
        if not self.is_active() or not agreed.is_set():
            raise self.failure(Reason.HANDSHAKE, "in the key exchange")

    @property
    def stream(self) -> Stream:
        """Return what it runs over."""
        return self._connection

    def allow_until(self, deadline: Deadline) -> None:
        """Let the connection live until then and no longer."""
        self._until = deadline
        if isinstance(self.packetizer, BoundedPacketizer):
            self.packetizer.until = deadline
            self.packetizer.allowance = self._allowance

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """Return the host key types to ask for; paramiko's own adds certificates, which nobody has asked for."""
        return self._filter_algorithm("keys")

    def _filter_algorithm(self, type_: str) -> tuple[str, ...]:
        """Return what is offered of a kind: paramiko asks sixteen times a connection, and nothing is switched off."""
        return tuple(getattr(self, f"_preferred_{type_}"))

    @property
    def agreed_on(self) -> str:
        """Return how the host proves itself and how bytes are kept secret."""
        return f"{self.host_key_type}, {self.remote_cipher}"  # type: ignore[attr-defined] # paramiko's stubs lack it

    def together(self) -> AbstractContextManager[None]:
        """Send what is sent inside in one piece."""
        return self.packetizer.together() if isinstance(self.packetizer, BoundedPacketizer) else nullcontext()

    def acknowledge_at_once(self, *, wanted: bool) -> bool:
        """Acknowledge what comes without delay, or no more; False where that cannot be had."""
        packetizer = self.packetizer
        return isinstance(packetizer, BoundedPacketizer) and packetizer.acknowledge_at_once(wanted=wanted)

    def host_key_shown(self) -> HostKey:
        """Return the key whose signature the key exchange has verified, with its certificate where it has one."""
        key = self.get_remote_server_key()
        blob = key.public_blob
        certificate = blob.key_blob if blob is not None and blob.key_type.endswith(SUFFIX) else b""
        return HostKey(algorithm=key.get_name(), blob=key.asbytes(), certificate=certificate)

    def request(self, channel: paramiko.Channel, kind: str, argument: str, *, reply: bool) -> None:
        """Send a request about a channel (RFC 4254, section 5.4) without waiting for the reply.

        Paramiko's own methods wait for it, at the cost of a round trip, and without a time limit.
        """
        message = Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string(kind)
        message.add_boolean(reply)
        message.add_string(argument)
        if reply:
            channel._event_pending()  # type: ignore[attr-defined] # noqa: SLF001 — as exec_command does
        self._send_user_message(message)  # type: ignore[attr-defined] # as above

    def open_stream(self, address: str, port: int, deadline: Deadline) -> paramiko.Channel:
        """Have the host connect to an address and pass bytes on; may be called from many threads at once.

        Raises ChannelException in the host's own words where it does not, SSHException, EOFError or OSError else.
        """
        try:
            return self.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=max(0.001, deadline.remaining)
            )
        except paramiko.SSHException:
            # Paramiko keeps one failure for all threads: that of this channel is ours.
            refused = self._refused.pop(self._own.channel, None)
            if refused is not None:
                raise refused from None
            raise

    def _next_channel(self) -> int:
        """Remember which channel this thread is about to open."""
        self._own.channel = super()._next_channel()  # type: ignore[misc] # paramiko's stubs leave it out
        return int(self._own.channel)

    def _parse_channel_open_failure(self, m: Message) -> None:
        """Keep why a channel was not opened (RFC 4254, section 5.1), in the host's own words."""
        channel, code, words = m.get_int(), m.get_int(), m.get_text()
        self._refused[channel] = paramiko.ChannelException(code, words)
        m.rewind()
        super()._parse_channel_open_failure(m)  # type: ignore[misc] # as above

    def answers(self, seconds: float) -> bool:
        """Ask the server for a sign of life, as ``ssh -o ServerAliveInterval`` does, and wait so long for it."""
        self.completion_event = threading.Event()
        message = Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)  # noqa: FBT003 — paramiko's interface
        with suppress(EOFError, OSError, paramiko.SSHException):
            self._send_user_message(message)  # type: ignore[attr-defined] # as below
        return self.completion_event.wait(seconds)

    @property
    def is_acknowledged(self) -> bool:
        """Tell whether the other kernel has taken all that was sent (tcp(7), SIOCOUTQ); behind a jump host, who knows.

        After ``answers`` it says who is silent: the server, or its machine.
        """
        if not isinstance(self._connection, socket.socket):
            return False
        with suppress(OSError, ValueError):  # it may be closed by now
            return fcntl.ioctl(self._connection, termios.TIOCOUTQ, bytes(4)) == bytes(4)
        return False

    def failure(self, reason: Reason, when: str) -> HostError:
        """Say why the connection is over: time, flood, the host's parting words, or ``reason``."""
        error = self.get_exception()
        if self._until.passed:
            return HostError(Reason.TIMEOUT, f"no answer in time {when}")
        if isinstance(error, TooMuchError):
            return HostError(Reason.OUTPUT_LIMIT, f"the host floods the connection {when}: {error}")
        if self.parting_words is not None:
            return HostError(reason, f"the host ended the connection {when}: {quoted(self.parting_words)}")
        if error is None or isinstance(error, EOFError | OSError):
            closed = Reason.RESET if reason is Reason.AUTH else reason
            return HostError(closed, f"the connection broke {when}: {quoted(str(error or '') or 'closed by the host')}")
        return HostError(reason, f"it failed {when}: {quoted(str(error))}")

    def get_exception(self) -> Exception | None:
        """Return what ended the connection, once; what a mangled packet can raise is made an SSHException."""
        error = super().get_exception()
        if error is None or isinstance(error, paramiko.SSHException | EOFError | OSError):
            return error
        return paramiko.SSHException(f"a packet that cannot be read ({type(error).__name__})")

    def end(self) -> None:
        """Close the connection and wait for its thread; never raises."""
        with suppress(OSError):
            # Wakes the reading thread at once; closing the socket alone would leave it waiting.
            self._connection.shutdown(socket.SHUT_RDWR)
        if self.ident is not None:
            self.join(_JOIN)
        self.close()
        with suppress(OSError):
            # Paramiko closes only what it has begun to use.
            self._connection.close()

    def _log(self, level: int, msg: object, *args: object) -> None:
        """Log nothing: some forty lines a connection, which nobody reads, are worth their CPU."""

    def _parse_debug(self, m: Message) -> None:
        """Read nothing of what a server says for debugging: paramiko makes it fit to log, which nobody does."""

    def _parse_disconnect(self, m: Message) -> None:
        """Keep the reason that the host gives for going (RFC 4253, section 11.1); paramiko only logs it."""
        m.get_int()
        self.parting_words = m.get_text()
