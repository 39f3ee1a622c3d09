"""What a host's shell plays in place of running the probe: `python hostile_shell.py NAME` as a forced command of sshd.

The question is read to its end, and the caller's token taken from it as the probe would. Honest hosts answer with
what a real one once said.
"""

import gzip
import itertools
import os
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
HONEST = ("db-1", "helpdesk-1", "jump-1", "kiosk-3", "web-1", "web-2")
ESCAPES = b"\x1b]0;owned\x07\x1b[2J\x1b[5m\x1b]8;;https://evil.example\x07\xe2\x80\xae<script>"
_MEGABYTE = 1 << 20


def recorded(name: str) -> bytes:
    """Return what a host of the demo's fleet said, unpacked."""
    body = (_ROOT / "auditor" / "demo" / f"{name}.probe").read_bytes().partition(b"\n")[2]
    return zlib.decompress(body, wbits=31)


def _changed(section: bytes, content: bytes) -> bytes:
    """Return the first honest answer with one section said otherwise."""
    before, _, rest = recorded(HONEST[-1]).partition(b"@begin %s\n" % section)
    lines = b"|" + content.rstrip(b"\n").replace(b"\n", b"\n|")
    return b"%s@begin %s\n%s\n@end %s" % (before, section, lines, section) + rest.partition(b"@end %s" % section)[2]


def _zeros(count: int) -> Iterator[bytes]:
    """Pack so many megabytes of zeros, one of them compressed once and repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits=31)
    yield packer.compress(b"@begin software.dpkg\n|") + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits=-15)
    yield (packer.compress(bytes(_MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)) * count


def _drip(answer: bytes) -> Iterator[bytes]:
    for number in range(len(answer)):
        yield answer[number : number + 1]
        time.sleep(0.2)


def _then(pieces: Iterator[bytes], act: Callable[[], object]) -> Iterator[bytes]:
    yield from pieces
    act()


def _killed() -> None:
    time.sleep(1)  # what was said is under way by then
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def _whispered(text: bytes) -> Iterator[bytes]:
    sys.stderr.buffer.write(text)
    sys.stderr.flush()
    yield b""


def played(name: str, token: bytes) -> Iterator[bytes]:
    """Return all that a host says on standard output, piece by piece, for some of them without end."""
    plain, packed = b"auditor-probe 1 %s plain\n" % token, b"auditor-probe 1 %s gzip\n" % token
    honest = packed + gzip.compress(recorded(name if name in HONEST else HONEST[-1]), 1)
    other = honest.replace(token, b"ff" * 16)
    forged = recorded(HONEST[-1]).replace(b"@end system.os", b"@end\n@outcome absent all is well\n@end system.os", 1)
    rows = b"".join(b"installed\tx%d\t1\tall\n" % number for number in range(300_000))
    whole = iter([honest])
    plays: dict[str, Callable[[], Iterator[bytes]]] = {
        "forged-marker": lambda: iter([packed, gzip.compress(forged, 1)]),
        "another-calls-answer": lambda: iter([other]),
        "two-answers": lambda: iter([honest, honest]),
        "no-text": lambda: iter([bytes(range(256)) * 40]),
        "gigabyte-of-zeros": lambda: itertools.chain([packed], _zeros(1024)),
        "endless-line": lambda: itertools.chain(
            [plain, b"@begin software.dpkg\n|"], itertools.repeat(b"x" * _MEGABYTE)
        ),
        "endless-greeting": lambda: itertools.repeat(b"Welcome! " * 100_000),
        "endless-zeros": lambda: itertools.repeat(bytes(_MEGABYTE)),
        "slow-drip": lambda: _drip(honest),
        "silence": lambda: _then(iter([b""]), lambda: time.sleep(60)),
        "half-an-answer": lambda: _then(iter([honest[: len(honest) // 2]]), lambda: sys.exit(9)),
        "greeting-only": lambda: _then(iter([ESCAPES]), lambda: sys.exit(127)),
        "breaks-off": lambda: _then(iter([honest[:999]]), _killed),
        "another-system": lambda: iter([packed, gzip.compress(b"@head kernel \x1b[2JPlan9\n@head clock 1\n@finish\n")]),
        "nul-and-broken-letters": lambda: iter(
            [plain, _changed(b"software.dpkg", b"installed\t\0\xff\xfe\xed\xa0\x80\t1\tall\ninst\0alled\tx\t1\tall\n")]
        ),
        "escapes-in-names": lambda: iter(
            [plain, _changed(b"system.os", b"file /etc/os-release\nID=debian\nPRETTY_NAME=" + ESCAPES)]
        ),
        "escapes-in-rows": lambda: iter(
            [plain, _changed(b"software.dpkg", b"installed\t" + ESCAPES + b"anydesk\t1\tall\n" + ESCAPES + b"\n")]
        ),
        "deep-json": lambda: iter([plain, _changed(b"firewall.nft", b"[" * 100_000)]),
        "a-million-rows": lambda: iter([packed, gzip.compress(_changed(b"software.dpkg", b"x\n" * 1_000_000), 1)]),
        "rows-of-software": lambda: iter([packed, gzip.compress(_changed(b"software.dpkg", rows), 1)]),
        "flood-of-errors": lambda: itertools.chain(_whispered(ESCAPES * 600_000), whole),
    }
    return plays.get(name, lambda: whole)()


def main() -> None:
    """Read the question and play the answer."""
    question = sys.stdin.buffer.read()
    token = question.split(b"\n")[1].split(b" ")[0]
    for piece in played(sys.argv[1], token):
        sys.stdout.buffer.write(piece)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
