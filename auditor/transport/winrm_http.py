"""The HTTP below WinRM, held to what a host may cost: one clock, one bound in bytes, no redirect, no downgrade.

``requests`` waits for each single read and keeps all it gets: a host that drips, or that never ends, would hold a
thread for ever. So each exchange of pywinrm goes through this adapter.
"""

import base64
import hashlib
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests_ntlm import HttpNtlmAuth
from requests_ntlm.requests_ntlm import _get_certificate_hash
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from auditor.errors import HostError, Reason
from auditor.transport.connect import open_connection
from auditor.transport.deadline import Deadline
from auditor.transport.quote import quoted

_PIECE = 65_536
_ERROR = 400
_SEALED = 'protocol="application/HTTP-SPNEGO-session-encrypted"'
_REFUSED = 401


class Bounds:
    """What is left of a host's time and bytes; shared by all exchanges with it."""

    def __init__(self, deadline: Deadline, connect: float, allowance: int) -> None:
        """Take the deadline, the seconds for a connection, and the bytes that may come in all."""
        self.deadline = deadline
        self.connect = connect
        self.allowance = allowance
        self.was_asked_in = False
        """Whether the host has been shown credentials."""
        self.shown: bytes | None = None
        """The certificate the host showed (DER); None without TLS."""
        self._sockets: list[socket] = []

    def open(self, address: str, port: int) -> socket:
        """Connect, as every transport does; see ``open_connection``."""
        opened = open_connection(address, port, self.deadline.sooner(self.connect))
        opened.settimeout(max(0.001, self.deadline.remaining))
        self._sockets.append(opened.dup())
        return opened

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Cut every connection when the time is up, however slowly a host drips; nothing is left afterwards."""
        over = threading.Event()
        watch = threading.Thread(target=self._cut, args=(over,), name="winrm-deadline")
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()
            for one in self._sockets:
                one.close()

    def _cut(self, over: threading.Event) -> None:
        if not over.wait(self.deadline.remaining):
            for one in tuple(self._sockets):
                with suppress(OSError):
                    one.shutdown(SHUT_RDWR)

    @property
    def sockets(self) -> tuple[socket, ...]:
        """Return the connections that were opened."""
        return tuple(self._sockets)

    @property
    def certificate(self) -> str | None:
        """Return the fingerprint of the host's certificate, written as SSH's are; None without TLS."""
        if self.shown is None:
            return None
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.shown).digest()).decode().rstrip("=")

    def spend(self, size: int) -> None:
        """Count bytes that came; HostError ``output_limit`` when they are too many."""
        self.allowance -= size
        if self.allowance < 0:
            raise HostError(
                Reason.OUTPUT_LIMIT,
                "the host's WinRM service sent more than its answer can need: look at what answers in its place",
            )


class BoundedAdapter(HTTPAdapter):
    """Sends requests within bounds, to a host that proves who it is by a certificate, or by the sealing of messages."""

    def __init__(self, bounds: Bounds, *, fingerprint: str | None, is_sealed: bool) -> None:
        """Take the bounds; the SHA-256 of the only certificate to trust; whether every answer has to come sealed."""
        self._bounds = bounds
        self._fingerprint = fingerprint
        self._is_sealed = is_sealed
        super().__init__(max_retries=0, pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:  # noqa: ANN401, FBT001, FBT002 — as in requests
        """Make the pool, whose connections are opened by us."""
        if self._fingerprint is not None:
            more["assert_fingerprint"] = self._fingerprint
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **more)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._bounds)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 — the signature of requests
        timeout: Any = None,  # noqa: ANN401, ARG002
        verify: bool | str = True,  # noqa: FBT001, FBT002
        cert: Any = None,  # noqa: ANN401
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        """Send one request and take its whole answer; HostError where a bound is met or the answer is not WS-Man's."""
        bounds = self._bounds
        if bounds.deadline.passed:
            raise requests.Timeout(request=request)
        bounds.was_asked_in = bounds.was_asked_in or _carries_proof(request)
        seconds = max(0.001, bounds.deadline.remaining)
        response = super().send(request, stream=True, timeout=seconds, verify=verify, cert=cert, proxies={})
        try:
            body = self._take(response)
        except BaseException:
            response.close()
            raise
        response._content = body  # noqa: SLF001 — what requests itself would have read without bounds
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
        if response.is_redirect:
            where = quoted(response.headers.get("Location", ""))
            raise HostError(Reason.NOT_WINRM, f"what answers is no WinRM service: it sends us on to {where}")
        if self._is_sealed and body and response.status_code < _ERROR and not _is_sealed(response):
            raise HostError(
                Reason.MALFORMED, "an answer came in the clear where both sides had agreed to seal every message"
            )
        return response

    def _take(self, response: requests.Response) -> bytes:
        """Read a body a piece at a time, against the clock and the allowance."""
        body = bytearray()
        while True:
            if self._bounds.deadline.passed:
                raise requests.Timeout(request=response.request)
            # Within one wait the watch over the connection cuts it.
            piece = response.raw.read1(_PIECE, decode_content=True)
            if not piece:
                return bytes(body)
            self._bounds.spend(len(piece))
            body += piece


class BoundNtlmAuth(HttpNtlmAuth):
    """NTLM bound to the connection's certificate (RFC 5929): the library looks for that in an answer not read yet."""

    def __init__(self, username: str | None, password: str | None, bounds: Bounds) -> None:
        """Take the account, and the bounds of the connection it logs in over."""
        super().__init__(username, password)
        self._bounds = bounds

    def _get_server_cert(self, response: requests.Response) -> bytes | None:  # noqa: ARG002 — the library's signature
        shown = self._bounds.shown
        return None if shown is None else _get_certificate_hash(shown)


def system_authorities() -> str:
    """Return what this system trusts (OpenSSL's file or folder), rather than the list that ``requests`` brings.

    Where there is neither, nobody is trusted: a folder that is not there.
    """
    paths = ssl.get_default_verify_paths()
    usual = (paths.cafile, paths.capath, paths.openssl_capath)
    return next((path for path in usual if path and Path(path).exists()), "/nowhere")


def _pool_classes(bounds: Bounds) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket:
            return bounds.open(self.host, self.port)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket:
            return bounds.open(self.host, self.port)

        def connect(self) -> None:
            super().connect()
            if isinstance(self.sock, ssl.SSLSocket):
                bounds.shown = self.sock.getpeercert(binary_form=True)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

        def _validate_conn(self, conn: Any) -> None:  # noqa: ANN401 — the signature of urllib3
            # Its warning about a host that is not validated would go to nobody: the inventory asked for it.
            if conn.is_closed:
                conn.connect()

    return {"http": PlainPool, "https": SecurePool}


def _carries_proof(request: requests.PreparedRequest) -> bool:
    """Tell a request that a server may count as a log-in: basic, or the third message of NTLM."""
    scheme, _, token = str(request.headers.get("Authorization", "")).partition(" ")
    if scheme.casefold() == "basic":
        return True
    # NTLMSSP\0 and a little-endian 3, at a place in base64 that no padding moves; SPNEGO may wrap it.
    try:
        return b"NTLMSSP\0\x03\0\0\0" in base64.b64decode(token)
    except ValueError:
        return False


def _is_sealed(response: requests.Response) -> bool:
    return _SEALED in response.headers.get("Content-Type", "")
