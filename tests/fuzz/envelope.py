"""A whole answer of a host: taken apart, sealed, read and judged, and its row written, as an audit does.

Seeds are recorded answers, one section each, and chance keeps most of what it does to them an answer.
"""

import importlib
import random
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

TOKEN = "ab" * 16
_HERE = Path(__file__).parents[2]
_OPENING = f"auditor-probe 1 {TOKEN} plain\n".encode()
_NOW = datetime(2026, 11, 21, tzinfo=UTC)
_ENOUGH = 40
_WHOLE = 0.9
_LIMIT = 64 * 1024 * 1024
_LONGEST = 20_000
DICTIONARY = (
    b"\n@", b"\n|", b"@begin ", b"@end ", b"@cut\n", b"@finish\n", b"@head ", b"@outcome partial ", b"\0", b"\xff\xfe",
    b"\xed\xa0\x80", b"\t", b"\n", b'"', b"(", b")", b"[" * 600, b"{", b"\\ud800", b"9" * 5000, b"-1", b" ", b":", b"%",
    b"users:((", b"\\\n", b"0x", b"\x1b]8;;", "\u202e".encode(), b"/proc/1/net/tcp:", b"links\n", b"names\n",
    b"lines\n", b"file /",
)  # fmt: skip


@cache
def _chain() -> Any:
    """Return the modules of the chain from bytes to a row, and the rules that are judged by."""
    load, policy = importlib.import_module("auditor.catalogue.load"), importlib.import_module("auditor.model.policy")
    names = ("auditor.run.pipeline", "auditor.collect.envelope", "auditor.collect.seal", "auditor.report.rows")
    pipeline, envelope, seal, rows = (importlib.import_module(name) for name in names)
    rules = pipeline.Rules(
        policy=policy.Policy(name="p", sha256="0"), exceptions=(), catalogue=load.load_catalogue(), as_of=_NOW
    )
    host = importlib.import_module("auditor.model.host").HostFacts(name="h", key="h")
    infos = importlib.import_module("auditor.controls.registry").control_infos()
    history = importlib.import_module("auditor.model.case").History()

    def judged(data: bytes) -> None:
        opened = envelope.open_envelope(stdout=_OPENING + data, stderr=data[:2000], token=TOKEN, limit=_LIMIT)
        evidence = seal.seal(
            opened, host="h", user=None, collected_at=_NOW, probe_sha256="0", tool_version="0", host_key=None
        )
        rows.compact(rows.host_row(pipeline.assess(evidence, host, history, rules), infos))

    return judged


def judge(data: bytes) -> None:
    """Read one answer, from what follows its first line to the row of a report."""
    _chain()(data)


def seeds() -> list[bytes]:
    """Return sections of recorded hosts, each an answer of its own, long ones cut."""
    found: dict[bytes, None] = {}
    for file in sorted((_HERE / "auditor" / "demo").glob("*.probe")):
        opening, _, body = file.read_bytes().partition(b"\n")
        body = zlib.decompress(body, 31) if opening.endswith(b" gzip") else body
        head, *sections = body.split(b"\n@begin ")
        for section in sections:
            begin, *content, end = section.removesuffix(b"\n@finish\n").split(b"\n")
            kept = content[: _ENOUGH // 2] + content[max(_ENOUGH // 2, len(content) - _ENOUGH // 2) :]
            found[b"\n".join([head, b"@begin " + begin, *kept, end, b"@finish", b""])] = None
    return [seed for seed in found if len(seed) <= _LONGEST]


def mutants(chance: random.Random, known: list[bytes]) -> Iterator[bytes]:
    """Yield recorded answers that something happened to, for ever."""
    while True:
        lines = chance.choice(known).removesuffix(b"\n").split(b"\n")
        other = chance.choice(known).split(b"\n")
        start = next(at for at, line in enumerate(lines) if line.startswith(b"@begin ")) + 1
        content = lines[start:-2]
        for _ in range(chance.randrange(1, 8) if content else 0):
            _mutate(content, chance, other)
        # Mostly it stays an answer, so that what reads the sections is reached.
        whole = chance.random() < _WHOLE
        content = [b"|" + line.lstrip(b"@|").replace(b"\n", b"\n|") for line in content] if whole else content
        made = [*lines[:start], *content, *lines[-2:], b""]
        if chance.random() > _WHOLE:
            _mutate(made, chance, other)
        yield b"\n".join(made)


def _mutate(lines: list[bytes], chance: random.Random, other: list[bytes]) -> None:
    at = chance.randrange(len(lines))
    line = lines[at]
    place = chance.randrange(len(line) + 1)
    what = chance.randrange(7)
    if what == 0:
        lines[at] = line[:place] + chance.choice(DICTIONARY) + line[place:]
    elif what == 1:
        lines[at] = line[:place] + line[place + chance.randrange(8) :]
    elif what == 2:
        lines[at] = line[:place] + bytes([chance.randrange(256)]) + line[place + 1 :]
    elif what == 3:
        lines.insert(at, chance.choice(other))
    elif what == 4:
        lines[at] = lines[at] + b"\n" + chance.choice(other)
    elif what == 5:
        lines[at] = line[:place] + chance.choice(other)[place:]
    else:
        digits = [spot for spot, byte in enumerate(line) if 48 <= byte <= 57]
        if digits:
            spot = chance.choice(digits)
            lines[at] = line[:spot] + b"9" * chance.choice((1, 12, 21, 400, 5000)) + line[spot + 1 :]
