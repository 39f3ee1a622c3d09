"""Look for bytes that the reader of answers falls over: `python -m tests.collect.fuzz_envelope --minutes 10 --seed x`.

The target takes an answer apart, seals, reads and judges it, and writes its row, as an audit does. A host's bytes may
make it say no (HostError); anything else that is raised is a finding: its bytes are written to `fuzz-finding-…`, and
go into `fuzz_findings/` once it is mended. Seeds are recorded answers, one section each.

Where atheris is there (`make fuzz` installs it where it has a wheel), it drives the target by what code the bytes
reach. Elsewhere mutations are drawn by a seeded generator of chance, which needs nothing and sees nothing.
"""

import argparse
import importlib
import importlib.util
import random
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

TOKEN = "ab" * 16
FINDINGS = Path(__file__).parent / "fuzz_findings"
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

    def judge(data: bytes) -> None:
        opened = envelope.open_envelope(stdout=_OPENING + data, stderr=data[:2000], token=TOKEN, limit=_LIMIT)
        evidence = seal.seal(
            opened, host="h", user=None, collected_at=_NOW, probe_sha256="0", tool_version="0", host_key=None
        )
        rows.compact(rows.host_row(pipeline.assess(evidence, host, history, rules), infos))

    return judge


def target(data: bytes) -> bool:
    """Read one answer and tell whether it was one; nothing but HostError may be raised on the way."""
    from auditor.errors import HostError  # noqa: PLC0415 — as above

    try:
        _chain()(data)
    except HostError:
        return False
    return True


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


def _by_coverage(atheris: Any, minutes: float, seed: int) -> None:
    """Let libFuzzer search; it ends the process itself, with a status other than 0 for a finding."""
    with atheris.instrument_imports(include=["auditor"]):
        target(seeds()[0])  # what is found in folders is imported when it is first asked for
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, data in enumerate(seeds()):
            (corpus / f"{number:04}").write_bytes(data)
        words = Path(folder, "dictionary")
        entries = (item[:60] for item in DICTIONARY)
        words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in item) + '"\n' for item in entries))
        options = {
            "max_total_time": int(minutes * 60), "seed": seed, "max_len": _LONGEST, "dict": words,
            "artifact_prefix": "fuzz-finding-", "timeout": 30, "rss_limit_mb": 2048, "print_final_stats": 1,
        }  # fmt: skip
        atheris.Setup([sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(corpus)], target)
        atheris.Fuzz()


def _by_chance(minutes: float, seed: str) -> int:
    end, tried, read_through = time.monotonic() + minutes * 60, 0, 0
    for data in mutants(random.Random(seed), seeds()):  # noqa: S311 — to be repeated, not to be secret
        if time.monotonic() > end:
            break
        try:
            read_through += target(data)
        except Exception:
            file = Path(f"fuzz-finding-{zlib.crc32(data):08x}")
            file.write_bytes(data)
            sys.stderr.write(f"after {tried} answers: written to {file}\n")
            raise
        tried += 1
    sys.stdout.write(f"{tried} answers, {read_through} of them read to the end, none that it falls over\n")
    return 0


def main() -> int:
    """Search until the time is up; a status other than 0 tells of a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--seed", default="envelope", help="of the generator of chance")
    parser.add_argument("--by-chance", action="store_true", help="as if atheris were not there")
    options = parser.parse_args()
    if options.by_chance or not importlib.util.find_spec("atheris"):
        return _by_chance(options.minutes, options.seed)
    _by_coverage(importlib.import_module("atheris"), options.minutes, zlib.crc32(options.seed.encode()) or 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
