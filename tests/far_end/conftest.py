"""A real HTTP server that speaks RDAP, well or badly, on this machine."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

LONG = 400 * 1024


def answer(**more: Any) -> dict[str, Any]:
    """Return what a registry says of 203.0.113.0/24 in the shape of RFC 9083."""
    return {
        "objectClassName": "ip network",
        "handle": "NET-203-0-113-0-1",
        "startAddress": "198.51.100.0",
        "endAddress": "198.51.100.255",
        "ipVersion": "v4",
        "name": "EXAMPLE-NET",
        "country": "SY",
        "entities": [
            {"roles": ["technical"], "vcardArray": ["vcard", [["fn", {}, "text", "Help desk"]]]},
            {
                "roles": ["registrant"],
                "vcardArray": [
                    "vcard",
                    [["version", {}, "text", "4.0"], ["fn", {}, "text", "Example Telecommunications"]],
                ],
            },
        ],
        **more,
    }


@dataclass
class RdapServer:
    """What it is to answer by path, and what it was asked."""

    port: int
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def says(self, path: str, document: Any, status: int = 200, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answers[path] = (status, headers, body)

    def bootstrap(self, folder: Path, networks: tuple[str, ...] = ("0.0.0.0/0",)) -> Path:
        file = folder / "ipv4.json"
        document = {"version": "1.0", "services": [[list(networks), [self.url]]]}
        file.write_text(json.dumps(document), encoding="utf-8")
        return file


@pytest.fixture
def rdap() -> Iterator[RdapServer]:
    made: RdapServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if self.path.endswith("/slow"):
                self.send_response(200)
                self.end_headers()
                while not made.stop.wait(0.05):
                    try:
                        self.wfile.write(b" ")
                        self.wfile.flush()
                    except OSError:
                        return
                return
            status, headers, body = made.answers.get(self.path, (404, {}, b"{}"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = RdapServer(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.stop.set()
        server.shutdown()
        thread.join()
