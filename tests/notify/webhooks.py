"""Real web servers on loopback that take, refuse, fail, drip and hang, and runs that have something to say."""

import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from auditor.model.host import HostFacts
from auditor.notify.webhook import Webhook
from auditor.store.record import Lives, RunRecord
from auditor.store.store import Store

HANGS, DRIPS, HANGS_UP = 0, 1, 2
"""What a server does in place of answering with a status."""


@dataclass
class Server:
    """A web server, what it is to answer, and what it was sent."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    last: int = 204
    """What it answers when ``answers`` are used up."""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, _, body in self.requests]


class _Handler(BaseHTTPRequestHandler):
    of: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.of.requests.append((self.path, dict(self.headers.items()), body))
        answer = self.of.answers.pop(0) if self.of.answers else self.of.last
        self.close_connection = True
        if answer == HANGS:
            self.of.stop.wait(60)
        elif answer == DRIPS:
            self._drip()
        elif answer != HANGS_UP:
            self.send_response(answer)
            if 300 <= answer < 400:
                self.send_header("Location", f"http://127.0.0.1:{self.of.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _drip(self) -> None:
        """Say a byte of a header now and then, for ever: no single wait is long."""
        try:
            while not self.of.stop.wait(0.02):
                self.wfile.write(b"X")
                self.wfile.flush()
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — its own name
        """Say nothing."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went: they are meant to."""


@contextmanager
def serving(answers: Sequence[int] = (), *, last: int = 204, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve on a port of its own for as long as it is wanted."""
    server = Server(answers=list(answers), last=last)
    handler = type("Handler", (_Handler,), {"of": server})
    with _Quiet(("127.0.0.1", 0), handler) as running:
        if context is not None:
            running.socket = context.wrap_socket(running.socket, server_side=True)
        server.port = running.server_address[1]
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stop.set()
            running.shutdown()
            thread.join()


def webhook(server: Server, **more: Any) -> Webhook:
    """Return a webhook of a server."""
    values = {"name": "soc", "is_tls": False, "host": "127.0.0.1", "port": server.port, "target": "/hook?t=s3cret"}
    return Webhook(**{**values, **more})


Row = dict[str, Any]


def a_finding(number: int, **changes: Any) -> Row:
    """Return a finding as a store keeps it (synthetic)."""
    return {
        "fingerprint": f"{number:064x}",
        "host": f"pc-{number}",
        "control": "unapproved_product",
        "subject": "product:anydesk",
        "product": "anydesk",
        "severity": "high",
        "reason": "AnyDesk runs, and nobody approved it.",
        "first_seen": "2027-01-01T00:00:00Z",
        "failing_since": "2027-01-01T00:00:00Z",
        "closed_at": None,
        "closed_by": None,
        "due": "2027-02-01T00:00:00Z",
        "overdue": False,
        "state": "open",
        "exception": None,
        "owner": None,
        "opened_by": None,
        "reopened": 0,
        "formerly": [],
        **changes,
    }


def an_exception(**changes: Any) -> Row:
    """Return an exception as a run's summary keeps it (synthetic)."""
    return {
        "control": "unapproved_product",
        "product": None,
        "subject": "product:anydesk",
        "hosts": ["pc-*"],
        "groups": [],
        "reason": "Until the contract ends",
        "requested_by": "Ada Lovelace",
        "approved_by": "Grace Hopper",
        "start": "2026-01-01",
        "end": "2026-12-31",
        "state": "ended",
        **changes,
    }


def a_run(
    store: Store,
    name: str,
    findings: Sequence[Row] = (),
    *,
    exceptions: dict[str, Row] | None = None,
    assessed: int = 10,
    source: str = "hosts.yml",
    seal: Callable[[str], str] | None = None,
) -> RunRecord:
    """Keep a finished and sealed run of ten hosts."""
    texts = dict.fromkeys(("started", "as_of"), "2027-01-01T00:00:00Z") | dict.fromkeys(
        ("operator", "tool_version"), "x"
    )
    record = RunRecord(
        id=name,
        sequence=0,
        finished=None,
        scope_count=10,
        scope_sha256="a" * 64,
        scope_source=source,
        options={"patterns": [], "limit": None},
        inputs={},
        summary={},
        **texts,
    )
    store.begin(record, [(HostFacts(name="web", key="web"), "{}")], [])
    summary = {
        "coverage": {"scope": 10, "reached": 10, "assessed": assessed, "wanted": 1.0},
        "outcomes": {"unreachable": 0},
        "violating_hosts": len(findings),
        "exceptions": exceptions or {},
    }
    store.keep_lives(name, [Lives(host_key="web", findings=findings, past={})])
    store.finish(name, finished="2027-01-01T00:01:00Z", summary=summary)
    made = seal or (lambda run: f"{sum(run.encode()):064x}")
    store.seal(name, lambda _previous: made(name))
    return store.run(name)
