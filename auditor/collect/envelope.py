"""What a host sent, taken apart: the head it states and the text of each section, still unredacted."""

import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from auditor.collect.ascii_form import from_ascii
from auditor.errors import HostError, Reason
from auditor.model.evidence import Outcome
from auditor.model.probe import is_text
from auditor.model.record import Record, Unshown

_MAGIC = b"auditor-probe 1 "
_OUTCOMES = {"absent": Outcome.ABSENT, "denied": Outcome.DENIED, "failed": Outcome.FAILED, "partial": Outcome.PARTIAL}
# What the entry of a pinned key says in place of an answer.
_PINNED = {
    b"missing": "is not there: install what `auditor probe show sh` prints (docs/least-privilege.md)",
    b"outdated": "is another version's: install what `auditor probe show sh` prints (docs/least-privilege.md)",
    b"got no call": "understood no call of this auditor: install its entry anew (docs/least-privilege.md)",
}
_RANK = {
    Outcome.FAILED: 4,
    Outcome.DENIED: 3,
    Outcome.TRUNCATED: 2,
    Outcome.PARTIAL: 1,
    Outcome.ABSENT: 0,
    Outcome.COLLECTED: -1,
}
_STDERR_LIMIT = 2000
_REASON_LIMIT = 300
_MARKERS = 20_000
_KEPT_LENGTH = 4096
"""Bytes of a section that is remembered as it was taken apart: what one host sends must take no memory for long."""
_STATUSES = {str(status): status for status in range(256)}
_TELLING = range(32, 64)
_ID_LENGTH = 80
_ID_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.")


class Answer(Record, kw_only=True):
    """One section as it came: nothing is trusted, nothing is redacted."""

    id: str
    """Collector id."""
    outcome: Outcome
    """What the script said became of it."""
    reason: str | None
    """Why, in the script's words."""
    text: Unshown[str]
    """Its content."""
    stderr: Unshown[str] = ""
    """What its commands said on standard error."""


class Envelope(Record, kw_only=True):
    """A whole answer."""

    head: dict[str, str]
    """``kernel``, ``hostname``, ``uid``, ``become``, ``clock``: each as the script printed it."""
    answers: tuple[Answer, ...]
    """Sections in the order they were answered."""
    preamble_stderr: str
    """Standard error before the first section: what sudo said."""


def open_envelope(*, stdout: bytes, stderr: bytes, token: str, limit: int) -> Envelope:
    """Take an answer apart.

    ``limit`` bounds its size in bytes once unpacked. Raises HostError: ``probe_failed`` where the probe said
    nothing, ``cut_short`` for an answer that is not whole, ``malformed`` for what no probe writes, ``output_limit``
    for an answer that unpacks beyond the limit.
    """
    body = _unpack(stdout, token, limit)
    if body.startswith(b"@"):
        body = b"\n" + body
    # Each look for markers passes over the whole answer: this is the only one.
    first, *chunks = body.split(b"\n@", _MARKERS + 1)
    if len(chunks) > _MARKERS:
        raise HostError(Reason.MALFORMED, f"the answer holds more than {_MARKERS} markers")
    if first:
        raise HostError(Reason.MALFORMED, "the answer does not begin with a marker of the probe")
    if not chunks or chunks[-1].rstrip(b"\n") != b"finish":
        if any(chunk.partition(b"\n")[0] == b"finish" for chunk in chunks):
            raise HostError(Reason.MALFORMED, "the answer goes on behind its end")
        where = _last_section(chunks)
        raise HostError(Reason.CUT_SHORT, f"the answer is not whole: it ends {where}, {len(body)} bytes in")
    return _assemble(chunks[:-1], _noises(stderr, token))


def _unpack(stdout: bytes, token: str, limit: int) -> bytes:
    start = stdout.find(_MAGIC + token.encode() + b" ")
    if start < 0:
        raise _no_answer(stdout)
    line, ended, body = stdout[start:].partition(b"\n")
    if not ended:
        raise HostError(Reason.CUT_SHORT, "the answer is not whole: it ends in its first line")
    packing = line.rstrip(b"\r").rsplit(b" ", 1)[-1]
    if packing in (b"plain", b"ascii"):
        if len(body) > limit:
            raise HostError(Reason.OUTPUT_LIMIT, f"the answer is longer than {limit} bytes")
        return body if packing == b"plain" else from_ascii(body)
    if packing != b"gzip":
        raise HostError(Reason.MALFORMED, "the answer is packed in a way this version does not know")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise HostError(Reason.MALFORMED, f"the answer is damaged: {error}") from error
    if len(unpacked) > limit:
        raise HostError(Reason.OUTPUT_LIMIT, f"the answer unpacks to more than {limit} bytes")
    if not unpacker.eof:
        raise HostError(Reason.CUT_SHORT, f"the answer is not whole: its packing ends after {len(body)} bytes")
    if unpacker.unused_data:
        behind = len(unpacker.unused_data)
        raise HostError(Reason.MALFORMED, f"{behind} bytes stand behind the answer, which the probe did not write")
    return unpacked


def _no_answer(stdout: bytes) -> HostError:
    """Say what came in place of an answer."""
    for word, advice in _PINNED.items():
        if stdout.rstrip(b"\n").endswith(b"auditor-probe " + word):
            return HostError(Reason.PROBE_FAILED, f"the key runs an installed probe that {advice}")
    said = f"in {len(stdout)} bytes of output{visible_start(stdout)}"
    if _MAGIC in stdout:
        return HostError(Reason.MALFORMED, f"no answer to this call, but one to another, {said}")
    if not is_text(stdout):
        return HostError(Reason.MALFORMED, f"no answer of the probe, and nothing to read, {said}")
    return HostError(Reason.PROBE_FAILED, f"no answer of the probe {said}")


def visible_start(data: bytes, length: int = 80) -> str:
    """Quote the beginning of what came instead, control characters escaped; empty when nothing came."""
    if not data:
        return ""
    start = data[:length].decode("ascii", "backslashreplace")
    return ", which begin: " + "".join(char if char.isprintable() else repr(char)[1:-1] for char in start)


def _last_section(chunks: list[bytes]) -> str:
    for chunk in reversed(chunks):
        if chunk.startswith(b"begin "):
            return "in section " + _text(chunk.partition(b"\n")[0].removeprefix(b"begin "))
    return "before the first section"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def _content(rest: bytes) -> str:
    """Take the prefix off every content line; a line without one is a forgery or damage."""
    if not rest:
        return ""
    text = rest[1:].replace(b"\n|", b"\n")
    # As many bytes are gone as lines had a prefix: nobody has to look for them a second time.
    if not rest.startswith(b"|") or text.count(b"\n") != len(rest) - 1 - len(text):
        raise HostError(Reason.MALFORMED, "the answer holds a line that is neither content nor a marker")
    return _text(text) + "\n"


def _noises(stderr: bytes, token: str) -> dict[str, str]:
    """Part standard error by the markers on it; the empty key holds what came before the first."""
    parts = _text(stderr).split(f"\n{token} begin ")
    noises = {"": parts[0]}
    for part in parts[1:]:
        name, _, said = part.partition("\n")
        noises[name] = said.strip("\n")[:_STDERR_LIMIT]
    return noises


@dataclass(slots=True)
class _Assembly:
    """A section under construction, or what stands before the first, marker by marker."""

    noise: str = ""
    """What its commands said on standard error."""
    head: dict[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    """The section, once it has ended."""
    has_begun: bool = False
    current: str = ""
    outcome: Outcome = Outcome.COLLECTED
    reason: str | None = None
    texts: list[str] = field(default_factory=list)
    left: str = ""
    """The status that the section itself ended with, where it said so."""

    def take_chunk(self, chunk: bytes) -> None:
        """Follow one marker, and take the content behind it."""
        line, _, rest = chunk.partition(b"\n")
        word, _, value = _text(line).partition(" ")
        self.take(word, value)
        if rest and not self.current:
            raise HostError(Reason.MALFORMED, "the answer holds content outside of any section")
        self.texts.append(_content(rest))

    def take(self, word: str, value: str) -> None:
        """Follow one marker."""
        name, _, rest = value.partition(" ")
        if word == "head" and not self.has_begun:
            if name in self.head:
                raise HostError(Reason.MALFORMED, f"the answer states {name[:20]!r} twice")
            self.head[name] = rest
        elif word == "begin":
            if not value or len(value) > _ID_LENGTH or not _ID_ALPHABET.issuperset(value):
                raise HostError(Reason.MALFORMED, f"the answer holds a section named {value[:60]!r}")
            self.current, self.has_begun = value, True
        elif word == "outcome":
            self.worsen(_OUTCOMES.get(name, Outcome.FAILED), rest[:_REASON_LIMIT])
        elif word == "cut":
            self.worsen(Outcome.TRUNCATED, "the answer was cut at its size limit")
        elif word == "left" and self.current and value in _STATUSES:
            # Statuses of this range tell the sections that follow something.
            self.left = "0" if _STATUSES[value] in _TELLING else value
        elif word == "end" and name == self.current:
            self.close(self.left or rest if rest == "lost" else rest)
        else:
            raise HostError(Reason.MALFORMED, f"the answer holds a marker out of place: {word[:20]!r} {value[:60]!r}")

    def worsen(self, outcome: Outcome, reason: str) -> None:
        """Keep the worse of two outcomes; equal ones keep both reasons."""
        if self.outcome is outcome:
            self.reason = f"{self.reason}; {reason}"[:_REASON_LIMIT]
        elif _RANK[outcome] > _RANK[self.outcome]:
            self.outcome, self.reason = outcome, reason

    def close(self, status: str) -> None:
        """End the section, if it is open."""
        if not self.current:
            return
        if self.outcome in (Outcome.COLLECTED, Outcome.PARTIAL) and status not in ("", "0"):
            how = "how its last command ended is not known"
            self.outcome = Outcome.FAILED
            self.reason = how if status == "lost" else f"its last command ended with status {status}"
        self.answer = Answer(
            id=self.current, outcome=self.outcome, reason=self.reason, text="".join(self.texts), stderr=self.noise
        )
        self.current = ""


def _assemble(chunks: list[bytes], noises: dict[str, str]) -> Envelope:
    """Take apart what stands before the last marker, marker by marker."""
    begins = [at for at, chunk in enumerate(chunks) if chunk.startswith(b"begin ")]
    opening = _Assembly()
    for chunk in chunks[: begins[0]] if begins else chunks:
        opening.take_chunk(chunk)
    answers: dict[str, Answer] = {}
    for begin, end in pairwise([*begins, len(chunks)]):
        name = _text(chunks[begin].partition(b"\n")[0].removeprefix(b"begin "))
        if name in answers:
            raise HostError(Reason.MALFORMED, f"the answer holds section {name!r} twice")
        mine = tuple(chunks[begin:end])
        take = _section_before if sum(map(len, mine)) <= _KEPT_LENGTH else _section
        answers[name] = take(mine, noises.get(name, ""))
    return Envelope(head=opening.head, answers=tuple(answers.values()), preamble_stderr=noises[""])


def _section(chunks: tuple[bytes, ...], noise: str) -> Answer:
    """Take apart a section, up to where the next begins; ``noise`` is what it said on standard error."""
    assembly = _Assembly(noise=noise)
    for chunk in chunks:
        assembly.take_chunk(chunk)
    assembly.close("")
    assert assembly.answer is not None  # noqa: S101 — its first chunk has begun it
    return assembly.answer


_section_before = lru_cache(maxsize=256)(_section)
"""The same for what comes again: hosts of one build say the same of most things, and what is absent is everywhere."""


def write_envelope(envelope: Envelope, token: str) -> tuple[bytes, bytes]:
    """Write an answer as the probe would have, unpacked: its standard output and its standard error.

    What the script and its shell said became of a section is written as the script's word alone.
    """
    out = [f"{_MAGIC.decode()}{token} plain\n", *(f"@head {name} {value}\n" for name, value in envelope.head.items())]
    noise = [envelope.preamble_stderr]
    for one in envelope.answers:
        out.append(f"@begin {one.id}\n")
        if one.text:
            out.append("|" + one.text.removesuffix("\n").replace("\n", "\n|") + "\n")
        if one.outcome is Outcome.TRUNCATED:
            out.append("@cut\n")
        elif one.outcome is not Outcome.COLLECTED:
            out.append(f"@outcome {one.outcome} {one.reason or ''}\n")
        out.append(f"@end {one.id} 0\n")
        noise.append(f"\n{token} begin {one.id}\n{one.stderr}")
    said = "".join(noise) if envelope.preamble_stderr or any(one.stderr for one in envelope.answers) else ""
    return "".join([*out, "@finish\n"]).encode(), said.encode()
