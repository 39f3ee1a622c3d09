"""What hosts answer: their packet filters, every section of their evidence, WS-Man, and host certificates."""

import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from winrm.protocol import Protocol

from auditor.collect.probe import sections_of
from auditor.collect.redact import redact
from auditor.collect.registry import collectors
from auditor.firewall.decide import decide
from auditor.firewall.dialects.registry import dialects
from auditor.firewall.loaded import Loaded
from auditor.firewall.protocol import read_host, read_packet
from auditor.firewall.settled import settled
from auditor.firewall.sources import Fan
from auditor.firewall.way import Program
from auditor.model.host import OsFamily
from auditor.model.probe import ProbeCall
from auditor.transport import winrm
from auditor.transport.capture import Capture
from auditor.transport.deadline import Deadline
from auditor.transport.ssh_certificate import parse_certificate
from auditor.transport.winrm_http import Bounds, system_authorities
from tests.fuzz.target import chosen
from tests.winrm import soap

_CASES = Path(__file__).parents[1] / "collect"
_LONGEST = 12_000
_HOST = {"addresses": {"eth0": ["10.0.0.5/24", "2001:db8::5/64"], "lo": ["127.0.0.1/8"]}, "ip_forward": False}
_PACKET = {
    "direction": "in", "iface": "eth0", "family": "ip", "src": "203.0.113.9", "dst": "10.0.0.5", "proto": "tcp",
    "sport": 50_000, "dport": 5900, "tcp_flags": ["syn"], "ct_state": "new",
}  # fmt: skip


def recorded(section: str) -> list[str]:
    """Return what hosts of the tests said in a section, an ordinary one first."""
    files = _CASES.joinpath(*section.split(".")).glob("*/input.txt")
    ordered = sorted(files, key=lambda file: (file.parent.name != "ordinary", file))
    return [file.read_bytes().decode("utf-8", "surrogateescape")[:_LONGEST] for file in ordered]


def _text(data: bytes) -> str:
    """Return bytes as the text that an envelope makes of them."""
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def dialect_seeds(sections: tuple[str, ...]) -> Callable[[], list[bytes]]:
    """Give recorded listings, each behind the name of its section."""
    return lambda: [f"{name}\n{text}".encode(errors="replace") for name in sections for text in recorded(name)]


def dialect(name: str, sections: tuple[str, ...]) -> Callable[[bytes], None]:
    """Read listings of packet filters, and ask what becomes of one packet and who gets in."""
    known = dialects()[name]
    listed = (*known.engines, *known.beside)
    around = {one: next((text for text in recorded(one) if text), "") for one in listed}
    network = read_host(_HOST)
    packet, any_source = (read_packet(_PACKET, wants_sources=wants) for wants in (False, True))

    def read(data: bytes) -> None:
        line, _, text = data.partition(b"\n")
        ruleset = known.read({**around, chosen(line, sections): _text(text)})
        is_settled = known.os is not OsFamily.LINUX
        program = Program(settled(ruleset, None, network) if is_settled else Loaded(ruleset), network)
        decide(program, packet)
        Fan(program, any_source).ask()

    return read


def section_seeds(os: OsFamily) -> Callable[[], list[bytes]]:
    """Give recorded sections of an operating system, each behind its id."""
    return lambda: [f"{name}\n{text}".encode(errors="replace") for name in sections_of(os) for text in recorded(name)]


def sections(os: OsFamily) -> Callable[[bytes], None]:
    """Redact and parse a section of an operating system, as sealing and reading do."""
    known = sections_of(os)

    def read(data: bytes) -> None:
        line, _, text = data.partition(b"\n")
        kept, _ = redact(_text(text))
        parsed = collectors()[chosen(line, known)].parse(kept)
        assert parsed.facts is not None

    return read


def packed_answers() -> list[bytes]:
    """Give whole answers as hosts send them: packed, plain, in printable signs."""
    demo = Path(__file__).parents[2] / "auditor" / "demo"
    found = [file.read_bytes() for file in sorted(demo.rglob("*.probe"))]
    return sorted(found, key=len)[:4]


class _Played(HTTPAdapter):
    """What answers each request with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        head, _, self._body = answer.partition(b"\n")
        status, _, self._type = head.decode("latin-1").partition(" ")
        self._status = int(status) if status in ("200", "400", "401", "500") else 200
        self._left = 30

    def send(self, request: requests.PreparedRequest, *_: Any, **_more: Any) -> requests.Response:
        self._left -= 1
        if self._left < 0:
            raise requests.ConnectionError("it has said enough")
        made = requests.Response()
        made.status_code, made._content, made.request = self._status, self._body, request
        made._content_consumed = True  # type: ignore[attr-defined]
        made.headers["Content-Type"] = self._type.strip() or "application/soap+xml;charset=UTF-8"
        return made


def ws_man(data: bytes) -> None:
    """Open a shell, run a command and listen to it, on a host that answers everything with the same bytes."""
    bounds = Bounds(Deadline.after(600), 1.0, 1_000_000)
    call = ProbeCall(
        token="ab" * 16, launcher="x", script="", script_sha256=hashlib.sha256().hexdigest(), stdin=b"", deadline=600,
        output_limit=100_000,
    )  # fmt: skip
    protocol = Protocol(
        endpoint="https://h:5986/wsman",
        transport="basic",
        username="u",
        password="p",
        ca_trust_path=system_authorities(),
    )
    with winrm._told(bounds, "before anything was sent"):
        session = protocol.transport.build_session()
    session.trust_env = False
    session.mount("https://", _Played(data))
    with winrm._told(bounds, "before a shell was open"):
        shell = protocol.open_shell()
    winrm._Talk(protocol, winrm._Shell(id=shell), bounds, Capture(call)).hold(call)


def ws_man_seeds() -> list[bytes]:
    """Give answers of a stock host, one that holds all that is looked for first."""
    asked = soap.Message(action="create", id="uuid:1", timeout=20, shell="S", command="C", body=ET.Element("x"))  # noqa: S604 — WinRM's
    id_ = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
    parts = [
        soap.created(asked, id_),
        soap.began(asked, id_),
        soap.received(asked, b"auditor-probe 1 x\n", b"#< CLIXML\r\n<Objs><S>no</S></Objs>", None),
        soap.received(asked, b"", b"", 1),
        soap.fault(soap.FaultError(soap.TIMED_OUT, "The operation timed out.")),
        soap.fault(soap.FaultError(soap.TOO_MANY_SHELLS, "Too many shells.")),
    ]
    every = b"".join(part.partition(b"<s:Body>")[2].partition(b"</s:Body>")[0] for part in parts[:4])
    head, _, tail = parts[0].partition(b"<s:Body>")
    whole = head + b"<s:Body>" + every + b"</s:Body>" + tail.partition(b"</s:Body>")[2]
    bodies = [whole.replace(b'C"', f'{id_}"'.encode()), *parts]
    # The library gives each message an id of chance: seeds are always the same.
    fixed = [re.sub(rb"uuid:[0-9A-F-]{36}", b"uuid:0", body) for body in bodies]
    kind = b" application/soap+xml;charset=UTF-8\n"
    return [*(b"200" + kind + body for body in fixed), b"500" + kind + fixed[-1], b"401 text/html\n<html>no", b"500 \n"]


def certificate(data: bytes) -> None:
    """Read a host certificate in SSH's wire form, and say what speaks against it."""
    parse_certificate(data).host_objection(("h",), datetime(2026, 11, 28, tzinfo=UTC))


def certificate_seeds() -> list[bytes]:
    """Give certificates of every type of key, in their form; the signatures are none."""

    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    made = []
    for kind, keys in (
        ("ssh-ed25519", [bytes(32)]),
        ("ssh-rsa", [b"\1\0\1", bytes(64)]),
        ("ecdsa-sha2-nistp256", [b"nistp256", bytes(65)]),
    ):
        key = field(kind.encode()) + b"".join(map(field, keys))
        made.append(
            field(f"{kind}-cert-v01@openssh.com".encode()) + field(bytes(32)) + b"".join(map(field, keys)) + bytes(7)
            + b"\1" + b"\0\0\0\2" + field(b"web1") + field(field(b"h") + field(b"web1")) + bytes(8) + b"\xff" * 8
            + field(b"") + field(field(b"permit-pty") + field(b"")) + field(b"") + field(key)
            + field(field(kind.encode()) + field(bytes(64)))
        )  # fmt: skip
    return made
