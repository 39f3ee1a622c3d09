"""A WS-Man host on loopback: HTTP or HTTPS, NTLM with sealing, basic over TLS or certificates, faults by choice."""

import base64
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import spnego

from tests.winrm.service import Limits, Service

USER, PASSWORD = "auditor", "correct-Horse-9"
"""The one account of such a host."""
_BOUNDARY = b"--Encrypted Boundary"
_SEALED = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'
_SOAP = "application/soap+xml;charset=UTF-8"

Answer = tuple[int, bytes]
Fault = Callable[["Handler", bytes], Answer | None]
"""Looks at a request of an account that was let in; None lets the service answer."""


@dataclass(kw_only=True)
class Behaviour:
    """How a host is set up, and how it misbehaves."""

    basic: bool = False
    ntlm: bool = True
    certificates: bool = False
    allows_unencrypted: bool = False
    limits: Limits = field(default_factory=Limits)
    fault: Fault | None = None
    before: Callable[["Handler"], bool] | None = None
    """Takes a request as it is, before any log-in; True where it has answered."""
    seals_answers: bool = True


class Handler(BaseHTTPRequestHandler):
    """One connection: NTLM lets in a connection, not a request."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: "Server"

    def setup(self) -> None:
        super().setup()
        self.context: Any = None
        self.user: str | None = None

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        behaviour = self.server.behaviour
        if behaviour.before is not None and behaviour.before(self):
            return
        length = int(self.headers.get("Content-Length", "0"))
        data = self.rfile.read(length)
        if length > behaviour.limits.envelope:
            self.reply(413, b"")
        elif self.path != "/wsman":
            self.reply(404, b"")
        elif self.user is None and not self._let_in():
            return
        else:
            self._serve(data)

    def _let_in(self) -> bool:
        """Check who it is; where that takes another message, ask for it."""
        behaviour = self.server.behaviour
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic" and behaviour.basic:
            self.server.logins += 1
            if base64.b64decode(token).decode() == f"{USER}:{PASSWORD}":
                self.user = USER
                return True
        elif scheme.startswith("http://schemas.dmtf.org") and behaviour.certificates and self._certificate():
            self.user = USER
            return True
        elif scheme in ("NTLM", "Negotiate") and behaviour.ntlm:
            return self._ntlm(scheme, base64.b64decode(token))
        self._refuse()
        return False

    def _certificate(self) -> bool:
        return isinstance(self.connection, ssl.SSLSocket) and bool(self.connection.getpeercert())

    def _ntlm(self, scheme: str, token: bytes) -> bool:
        if token.startswith(b"NTLMSSP\0\x01"):
            self.context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        elif self.context is None:
            self._refuse()
            return False
        else:
            self.server.logins += 1
        try:
            answer = self.context.step(token)
        except spnego.exceptions.SpnegoError:
            self.context = None
            self._refuse()
            return False
        if not self.context.complete:
            self.reply(401, b"", {"WWW-Authenticate": f"{scheme} {base64.b64encode(answer or b'').decode()}"})
            return False
        self.user = USER
        return True

    def _refuse(self) -> None:
        behaviour = self.server.behaviour
        offers = ["Negotiate", "NTLM"] if behaviour.ntlm else []
        offers += ['Basic realm="WSMAN"'] if behaviour.basic else []
        self.reply(401, b"", {"WWW-Authenticate": ", ".join(offers)} if offers else {})

    def _serve(self, data: bytes) -> None:
        is_tls = isinstance(self.connection, ssl.SSLSocket)
        is_sealed = "multipart/encrypted" in self.headers.get("Content-Type", "")
        if not data:
            self.reply(200, b"")
            return
        if is_sealed:
            data = self._unseal(data)
        elif not is_tls and not self.server.behaviour.allows_unencrypted:
            self.reply(500, b"")
            return
        fault = self.server.behaviour.fault
        status, body = (fault and fault(self, data)) or self.server.service.answer(data, self.user or "")
        if is_sealed and self.server.behaviour.seals_answers:
            self.reply(status, self._seal(body), {"Content-Type": _SEALED})
        else:
            self.reply(status, body, {"Content-Type": _SOAP})

    def _unseal(self, data: bytes) -> bytes:
        payload = data.split(_BOUNDARY + b"\r\n")[2].removeprefix(b"\tContent-Type: application/octet-stream\r\n")
        payload = payload.removesuffix(_BOUNDARY + b"--\r\n")
        length = struct.unpack("<i", payload[:4])[0]
        return bytes(self.context.unwrap_winrm(payload[4 : 4 + length], payload[4 + length :]))

    def _seal(self, body: bytes) -> bytes:
        sealed = self.context.wrap_winrm(body)
        made: bytes = (
            _BOUNDARY + b"\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
            b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=" + str(len(body)).encode() + b"\r\n"
            + _BOUNDARY + b"\r\n\tContent-Type: application/octet-stream\r\n"
            + struct.pack("<i", len(sealed.header)) + sealed.header + sealed.data + _BOUNDARY + b"--\r\n"
        )  # fmt: skip
        return made

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send an answer."""
        with suppress(OSError):
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """The host: its shells, and how often somebody tried to log in."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, behaviour: Behaviour, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour = behaviour
        self.service = Service(behaviour.limits)
        self.logins = 0
        self.context = context

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a client go that hung up."""


@contextmanager
def serving(behaviour: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a host in threads of this process."""
    server = Server(behaviour, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.service.close()
        server.server_close()


def user_file(folder: Path) -> Path:
    """Write the account down where the NTLM of a host looks for it (environment variable NTLM_USER_FILE)."""
    file = folder / "ntlm-users"
    file.write_text(f":{USER}:{PASSWORD}\n")
    return file
