"""Answers that a hostile host could send: a recorded one, with sections put in place of its own."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from auditor.model.probe import RawOutput

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TOKEN = "ab" * 16
HEAD = b"@head kernel Linux 6.1\n@head uid 0\n@head become none\n@head clock 1763700000\n@head hostname h\n"
MANY = 50_000
_RECORDED = Path(__file__).parents[2] / "auditor" / "demo" / "web-1.probe"


@cache
def recorded_sections() -> Mapping[str, bytes]:
    """Return what a real host said, section by section."""
    sections: dict[str, bytes] = {}
    name = ""
    for line in _recorded_lines():
        if line.startswith(b"@begin "):
            name = line.removeprefix(b"@begin ").decode()
            sections[name] = b""
        elif line.startswith(b"|"):
            sections[name] += line[1:] + b"\n"
    return sections


@cache
def _recorded_absences() -> Mapping[str, bytes]:
    """Return how a real host said of a thing that it is not there, by section."""
    absences: dict[str, bytes] = {}
    name = ""
    for line in _recorded_lines():
        if line.startswith(b"@begin "):
            name = line.removeprefix(b"@begin ").decode()
        elif line.startswith(b"@outcome absent "):
            absences[name] = line + b"\n"
    return absences


def _recorded_lines() -> list[bytes]:
    opening, _, body = _RECORDED.read_bytes().partition(b"\n")
    assert opening.endswith(b"gzip")
    return zlib.decompress(body, 31).split(b"\n")


def body_of(changes: Mapping[str, bytes]) -> bytes:
    """Write an answer's body, some sections said otherwise."""
    parts = [HEAD]
    for name, text in {**recorded_sections(), **changes}.items():
        content = b"|" + text.rstrip(b"\n").replace(b"\n", b"\n|") + b"\n" if text else b""
        content += b"" if name in changes else _recorded_absences().get(name, b"")
        parts.append(b"@begin %s\n%s@end %s 0\n" % (name.encode(), content, name.encode()))
    return b"".join([*parts, b"@finish\n"])


def output(body: bytes, stderr: bytes = b"") -> RawOutput:
    """Pack a body as the probe does."""
    stdout = f"auditor-probe 1 {TOKEN} gzip\n".encode() + gzip.compress(body, 1)
    return RawOutput(stdout=stdout, stderr=stderr, exit_status=0, started=NOW, finished=NOW, token=TOKEN)


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One hostile answer and what becomes of it."""

    sections: Mapping[str, bytes] = field(default_factory=dict)
    """What it says in place of what was recorded."""
    reason: str | None = None
    """Reason in the ledger; None where the host is judged by what could be read."""
    gaps: tuple[str, ...] = ()
    """Sections that must not count as evidence."""


def _rows(form: str, count: int = MANY, first: int = 1) -> bytes:
    return "".join(form.format(n=n, next=n + 1, address=f"{n >> 16}.{n >> 8 & 255}.{n & 255}", port=n % 65535 + 1)
                   for n in range(first, count)).encode()  # fmt: skip


_PROCESSES = b"self 9999999\nboot 1700000000\n"
_SOCKET = 'tcp LISTEN 0 5 127.{address}:{port} 0.0.0.0:* users:(("x",pid={n},fd=3)) uid:7 ino:{n} sk:1 cgroup:/ <->\n'
_NFT = b'{"nftables":[{"metainfo":{}},{"table":{"family":"inet","name":"t","handle":1}}%s]}'
_EVIL = b"\\u001b]8;;https://evil.example\\u0007x\\u202e\\n<script>"

ANSWERS = {
    # Numbers
    "endless-number-in-a-setting": Hostile(
        sections={"network.sysctls": b"/proc/sys/net/ipv4/conf/all/rp_filter:" + b"9" * 5000 + b"\n"},
        gaps=("network.sysctls",),
    ),
    "endless-uid": Hostile(
        sections={"accounts.users": b"root:x:" + b"9" * 4000 + b":0:r:/root:/bin/sh\n"}, gaps=("accounts.users",)
    ),
    "endless-number-in-json": Hostile(
        sections={"firewall.nft": _NFT % (b',{"table":{"family":"ip","name":"u","handle":' + b"9" * 5000 + b"}}")},
        gaps=("firewall.nft",),
    ),
    "impossible-prefix": Hostile(
        sections={"network.interfaces": b"/proc/net/if_inet6:" + b"0" * 31 + b"1 01 ffffffff 10 80 lo\n"},
        gaps=("network.interfaces",),
    ),
    # JSON
    "deep-json": Hostile(sections={"firewall.nft": b"[" * 100_000}, gaps=("firewall.nft",)),
    "deep-expression": Hostile(
        sections={
            "firewall.nft": _NFT
            % (
                b',{"chain":{"family":"inet","table":"t","name":"c","handle":2,"type":"filter","hook":"input","prio":0,'
                b'"policy":"drop"}},{"rule":{"family":"inet","table":"t","chain":"c","handle":3,"expr":[{"match":{'
                b'"op":"==","left":' + b'{"&":[1,' * 300 + b"1" + b"]}" * 300 + b',"right":1}},{"accept":null}]}}'
            )
        }
    ),
    "json-of-a-million-lists": Hostile(
        sections={"firewall.nft": b'{"nftables":[' + b"[]," * 8_000_000 + b"[]]}"}, gaps=("firewall.nft",)
    ),
    "half-a-character": Hostile(
        sections={"firewall.nft": _NFT.replace(b'"t"', b'"\\ud800"') % b""}, gaps=("firewall.nft",)
    ),
    # Rows
    "a-million-lines": Hostile(sections={"software.dpkg": b"x\n" * 1_000_000}, gaps=("software.dpkg",)),
    "processes-in-one-chain": Hostile(
        sections={"processes.procfs": _PROCESSES + _rows("{n}\t{next}\tS\t1\t0\troot\t/\tx\tx\n") + b"links\nnames\n"},
        gaps=("processes.procfs",),
    ),
    "a-name-for-every-process": Hostile(
        sections={
            "processes.procfs": _PROCESSES
            + _rows("{n}\t0\tS\t1\t{n}\t{n}\t/\tx\tx\n")
            + b"links\n"
            + b"names\n"
            + _rows("{n} someone\n")
        },
        gaps=("processes.procfs",),
    ),
    "processes-of-one-product": Hostile(
        sections={
            "processes.procfs": _PROCESSES
            + _rows("{n}\t0\tS\t1\t0\troot\t/\tanydesk\tanydesk --id={n}\n")
            + b"links\n"
            + _rows("l 1 0 0 0 Nov 21 06:52 /proc/{n}/exe -> /usr/bin/anydesk\n")
            + b"names\n"
        },
        gaps=("processes.procfs",),
    ),
    "many-listeners": Hostile(sections={"sockets.ss": b"sees all\nss\n" + _rows(_SOCKET)}, gaps=("sockets.ss",)),
    "a-socket-of-everybody": Hostile(
        sections={
            "sockets.ss": b"sees all\nss\ntcp LISTEN 0 5 0.0.0.0:1 0.0.0.0:* users:("
            + b",".join(b'("a",pid=%d,fd=3)' % pid for pid in range(1, MANY))
            + b") uid:1\n"
        }
    ),
    "rows-that-never-end": Hostile(
        sections={"sockets.ss": b"sees all\nss\n" + b"tcp LISTEN 0 5 0.0.0.0:1 0.0.0.0:* users:((\n" * 20_000},
        gaps=("sockets.ss",),
    ),
    "a-unit-of-drop-ins": Hostile(
        sections={
            "services.systemd": b"unit\t/etc/systemd/system/a.service\t\t\t\t/x\td\n"
            + b"unit\t/etc/systemd/system/a.service.d/x.conf\t\t\t\t/xxxxxxxxxxxxxxx\td\n" * MANY
            + b"running\n"
        }
    ),
    "sudoers-of-many-files": Hostile(
        sections={
            "accounts.sudoers": _rows("file /etc/a{n}\n", 10_000) + b"lines\n" + _rows("/etc/a{n}:1:x\n", 10_000)
        },
        gaps=("accounts.sudoers",),
    ),
    "a-sudo-rule-that-never-ends": Hostile(
        sections={
            "accounts.sudoers": b"file /etc/sudoers\nlines\n" + _rows("/etc/sudoers:{n}:xxxxxxxxxxxxxxxx\\\n", 2 * MANY)
        },
        gaps=("accounts.sudoers",),
    ),
    "users-times-commands": Hostile(
        sections={
            "accounts.sudoers": b"file /etc/sudoers\nlines\n/etc/sudoers:1:"
            + b",".join(b"u%d" % n for n in range(5000))
            + b" ALL=(ALL) "
            + b",".join(b"NOPASSWD: a%d, PASSWD: b" % n for n in range(5000))
            + b"\n"
        },
        gaps=("accounts.sudoers",),
    ),
    "spaces-before-a-rule": Hostile(
        sections={"accounts.sudoers": b"file /etc/sudoers\nlines\n/etc/sudoers:1:a" + b", " * MANY + b"b=c\n"},
        gaps=("accounts.sudoers",),
    ),
    "addresses-times-networks": Hostile(
        sections={
            "network.interfaces": _rows("/proc/net/route:e\t{n:08X}\t00000000\t1\t0\t0\t0\tFFFFFFFF\n", 10_000)
            + _rows("/proc/net/fib_trie:|-- 10.{address}\n/proc/net/fib_trie:/32 host LOCAL\n", 10_000)
        },
        gaps=("network.interfaces",),
    ),
    # Lines and characters
    "an-endless-line": Hostile(
        sections={"software.dpkg": b"x" * 4_000_000, "services.sysv": b"y" * 4_000_000},
        gaps=("software.dpkg", "services.sysv"),
    ),
    "secrets-without-end": Hostile(
        sections={"services.systemd": b"a://u:p@h " * 200_000 + b'pass="' * 100_000}, gaps=("services.systemd",)
    ),
    "nul-and-broken-utf-8": Hostile(
        sections={"software.dpkg": b"installed\t\0\xff\xfe\xed\xa0\x80\t1\tall\ninst\0alled\tx\t1\tall\n"},
        gaps=("software.dpkg",),
    ),
    "escapes-in-names": Hostile(
        sections={
            "sockets.ss": b"sees all\nss\n"
            b'tcp LISTEN 0 5 0.0.0.0:5900 0.0.0.0:* users:(("\x1b[2J\xe2\x80\xae<b>",pid=4,fd=3)) uid:7 ino:8 sk:1\n',
            "firewall.nft": _NFT.replace(b'"t"', b'"' + _EVIL + b'"')
            % (b',{"chain":{"family":"inet","table":"' + _EVIL + b'","name":"c","handle":2,"type":"filter",'
               b'"hook":"input","prio":0,"policy":"accept"}}'),
            "system.os": b'file /etc/os-release\nID=debian\nPRETTY_NAME="\x1b]8;;https://evil.example\x07<script>"\n',
        }
    ),
    # Sections
    "a-section-nobody-asked": Hostile(sections={"software.wish": b"all is well\n"}, gaps=("software.wish",)),
    "sections-without-end": Hostile(sections={f"a.{n}": b"" for n in range(MANY)}, reason="malformed"),
    "all-sections-empty": Hostile(
        sections=dict.fromkeys(recorded_sections(), b""),
        gaps=("processes.procfs", "sockets.ss", "accounts.users", "system.os", "firewall.nft", "network.interfaces"),
    ),
}  # fmt: skip
