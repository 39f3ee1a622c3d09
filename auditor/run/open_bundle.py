"""A bundle read back: whoever made it, nothing of it is taken that is not what we write, and what its seals say.

A bundle comes from outside as the answers of hosts do. Every file is held to the manifest first; then each value is
held to its kind, so that nothing which is read later can be a surprise (docs/bundle.md).
"""

import hashlib
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from auditor.collect.seal import evidence_digest, head_from_record, head_record, section_digest
from auditor.errors import Reason, UsageError
from auditor.inventory.scope import scope_digest
from auditor.model.evidence import Evidence, Section
from auditor.model.host import ConnectionKind, HostFacts
from auditor.model.ledger import PassedOver
from auditor.model.own_connection import own_from_text
from auditor.model.record import Record
from auditor.report.visible import visible
from auditor.run.bundle import INPUT_FILES
from auditor.run.manifest import (
    MANIFEST,
    SMALL_FILE,
    are_digests,
    is_digest,
    is_of_first_format,
    manifest_problems,
    read_manifest,
    read_small,
    seal_of,
)
from auditor.run.outside import sealed_outside
from auditor.run.sealed_rows import check_history, check_population, check_run, optional_text, passed_over_of, texts
from auditor.run.section_index import SectionIndex, line_at, opened, whole_lines
from auditor.run.strict_json import strict_json
from auditor.store.record import SectionRecord

UNPACKED = 64 * 1024 * 1024
"""Bytes that all sections of one host may unpack to."""
_KEPT, _KEPT_LENGTH, _KEPT_EACH = 16 * 1024 * 1024, 32_768, 1024
"""Characters of checked sections that are remembered, those of the longest, and what each counts for beside its own."""
_MAY_BE_NULL = ("probe_sha256", "host_key", "privilege_note")


class Answer(Record, kw_only=True):
    """What a bundle holds of one host: sealed evidence, or why there is none."""

    facts: HostFacts
    """The host."""
    place: int
    """Byte that its line begins at."""
    sha256: str | None
    """Seal of its evidence."""
    head: dict[str, Any] | None
    """The evidence's head, as it is hashed."""
    sections: tuple[str, ...]
    """Hashes of its sections, in the order of the probe."""
    reason: Reason | None
    """Why there is no evidence (ledger)."""
    detail: str | None
    """The reason in one sentence."""
    attempts: int
    """How often the host was tried."""
    retried_after: Reason | None
    """What ended the try before the last."""
    origin: str | None
    """The run whose evidence it is, in a bundle that was made of several."""
    passed_over: tuple[PassedOver, ...]
    """What else those sets of evidence had to say of it."""
    conflicts: tuple[str, ...]
    """What they disagree on, where it is who the host is."""


class HostPlace(Record, kw_only=True):
    """Where a bundle tells of a host."""

    facts: HostFacts
    """The host."""
    place: int
    """Byte that its line begins at."""
    at: datetime | None
    """When its evidence was collected; None where there is none."""


class Bundle:
    """A bundle that has been checked against its manifest; hosts and sections are read when asked for."""

    def __init__(self, folder: Path) -> None:
        """Open a bundle; UsageError with every file that is not what the manifest says."""
        self.folder = folder
        self.manifest = read_manifest(folder)
        problems = manifest_problems(folder, self.manifest, only=("inputs", "evidence"))
        if problems:
            raise UsageError("; ".join(problems) + ": nothing is judged from a damaged bundle")
        evidence = folder / "evidence"
        self._lines = evidence / "hosts.jsonl"
        with _reading(folder / "inputs" / "run.json"):
            self.run: dict[str, Any] = strict_json(read_small(folder / "inputs" / "run.json"))
            check_run(self.run, self.manifest)
        with _reading(folder / "inputs" / "hosts.json"):
            facts = [facts_of(row) for row in strict_json(read_small(folder / "inputs" / "hosts.json"))]
            self.facts = {one.name: one for one in facts}
        with _reading(evidence / "sections.jsonl"):
            self._index = SectionIndex(evidence / "sections.jsonl", evidence / "sections.pack")
        self._checked: dict[str, Section] = {}
        self._kept = 0
        self.places: list[HostPlace] = []
        self._probes: set[str | None] = set()
        self._check_scope([one.name for one in facts], len({one.key for one in facts}))

    def _check_scope(self, known: list[str], identities: int) -> None:
        """Hold the hosts to the scope: each once in every list, none missing, none put in."""
        for answer in self.answers():
            at = None
            if answer.head is not None:
                self._probes.add(answer.head["probe_sha256"])
                at = datetime.fromisoformat(answer.head["collected_at"])
            self.places.append(HostPlace(facts=answer.facts, place=answer.place, at=at))
        told = [one.facts.name for one in self.places]
        names, scope = sorted(self.facts), self.run["scope"]
        is_whole = sorted(told) == names == sorted(known) and len(names) == scope["count"]
        if not is_whole or scope_digest(names) != scope["sha256"]:
            raise UsageError(
                f"{visible(str(self.folder))}: its scope holds {scope['count']} hosts, and it tells of "
                f"{len(set(told))}: hosts are missing or were put in"
            )
        if identities != len(names):
            raise UsageError(f"{visible(str(self.folder))}: two of its hosts share one identity, and so their findings")

    @property
    def id(self) -> str:
        """Return the name of its run."""
        return str(self.run["id"])

    @property
    def as_of(self) -> datetime:
        """Return the instant that it was judged at, or that its hosts were asked at."""
        return datetime.fromisoformat(self.run["as_of"])

    @property
    def is_judged(self) -> bool:
        """Tell whether it holds what its hosts were judged by, or evidence only."""
        return "policy" in self.run["inputs"]

    def text(self, name: str) -> str | None:
        """Return an input; None when the run had none."""
        sha256 = self.run["inputs"].get(name)
        if sha256 is None:
            return None
        file = self.folder / "inputs" / INPUT_FILES[name]
        with _reading(file):
            data = read_small(file)
            if hashlib.sha256(data).hexdigest() != sha256:
                raise UsageError(f"{file}: is not the input that the run names")
            text = data.decode()
            if name == "history":
                check_history(strict_json(data))
            if name == "sightings":
                sealed_outside(text, str(file))
            if name == "population_comparison":
                check_population(strict_json(data))
        return text

    def answers(self) -> Iterator[Answer]:
        """Yield what it holds of each host, in the ledger's order."""
        at = 0
        with _reading(self._lines), self._lines.open("rb") as lines:
            for line in whole_lines(lines):
                yield self._answer(line, at)
                at += len(line)

    def answer(self, place: int) -> Answer:
        """Return what it holds of the host whose line begins at a place that ``answers`` named."""
        with _reading(self._lines), opened(self._lines) as lines:
            return self._answer(line_at(lines, place), place)

    def _answer(self, line: bytes, place: int) -> Answer:
        row = strict_json(line)
        head, sha256, reason, after = row["head"], row["sha256"], row["reason"], row["retried_after"]
        if head is not None:
            check_head(head)
        if (head is None) is not (sha256 is None) or (head is None) is (reason is None):
            raise ValueError("of a host there is evidence and a reason for none, or neither")
        if not (sha256 is None or is_digest(sha256)) or not are_digests(row["sections"]):
            raise ValueError("a seal is none")
        attempts = row["attempts"] or 1
        if type(attempts) is not int:
            raise ValueError("attempts are no number")
        return Answer(
            facts=self.facts[row["host"]],
            place=place,
            sha256=sha256,
            head=head,
            sections=tuple(row["sections"]),
            reason=None if reason is None else Reason(reason),
            detail=optional_text(row["detail"]),
            attempts=attempts,
            retried_after=None if after is None else Reason(after),
            origin=optional_text(row.get("origin")),
            passed_over=tuple(map(passed_over_of, row.get("passed_over") or ())),
            conflicts=texts(row.get("conflicts") or ()),
        )

    def evidence(self, answer: Answer) -> Evidence | None:
        """Return a host's evidence, every seal of it checked; None where it gave none.

        UsageError names what is wrong. A short section that was checked is remembered for a while: hosts of one
        build share most of theirs.
        """
        return self.packed_evidence(answer)[0]

    def packed_evidence(self, answer: Answer) -> tuple[Evidence | None, dict[str, bytes]]:
        """Return the same, and the texts of sections that were not remembered as they are packed, by their hashes."""
        if answer.head is None:
            return None, {}
        host = visible(answer.facts.name)
        place = f"{visible(str(self.folder / 'evidence'))}: "
        known = {sha256: section for sha256 in answer.sections if (section := self._checked.get(sha256)) is not None}
        try:
            records = self._index.sections(tuple(sha256 for sha256 in answer.sections if sha256 not in known))
        except KeyError as error:
            raise UsageError(f"{place}section {error.args[0]} of {host} is missing") from error
        left = UNPACKED
        for record in records:
            try:
                section = section_of(record, left)
            except ValueError as error:
                raise UsageError(f"{place}section {visible(record.id)} of {host} {error}") from error
            left -= len(section.text)
            known[record.sha256] = section
            self._remember(section)
        sections = tuple(known[sha256] for sha256 in answer.sections)
        if sum(len(section.text) for section in sections) > UNPACKED:
            raise UsageError(f"{place}evidence of {host} unpacks to more than an answer may have")
        head = head_from_record(answer.head)
        if head.host != answer.facts.name:
            raise UsageError(f"{place}evidence of {visible(head.host)} stands under {host}")
        if evidence_digest(head, sections) != answer.sha256:
            raise UsageError(f"{place}evidence of {host} is not what its seal says")
        evidence = Evidence(head=head, sections=sections, sha256=answer.sha256 or "")
        return evidence, {record.sha256: record.packed for record in records}

    def _remember(self, section: Section) -> None:
        """Keep a checked section; when there are too many, all are forgotten, and those that are shared come again."""
        size = len(section.text) + len(section.stderr)
        if size > _KEPT_LENGTH:
            return
        if self._kept + size > _KEPT:
            self._checked, self._kept = {}, 0
        self._checked[section.sha256] = section
        self._kept += size + _KEPT_EACH

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the seals of its run, inputs and evidence, one host in memory at a time."""
        yield from self.problems_of_inputs()
        yield from self.problems_of_evidence()

    def problems_of_inputs(self) -> Iterator[str]:
        """Yield what is wrong with the seals of its run and inputs."""
        if seal_of(self.folder, self.manifest) != self.manifest["seal"]:
            yield f"{visible(str(self.folder))}: the seal of the run is not over what lies in it"
        for name in self.run["inputs"]:
            try:
                self.text(name)
            except UsageError as error:
                yield str(error)

    def problems_of_evidence(self, but: Collection[int] = ()) -> Iterator[str]:
        """Yield what is wrong with the seals of evidence, but for hosts whose lines begin at some places."""
        for one in self.places:
            if one.place in but:
                continue
            try:
                self.evidence(self.answer(one.place))
            except UsageError as error:
                yield str(error)
        if not is_of_first_format(self.manifest):
            yield from self._misstatements(sorted(probe for probe in self._probes if probe is not None))

    def _misstatements(self, probes: list[str]) -> Iterator[str]:
        """Yield what the manifest says of the run that its evidence or its results do not say."""
        file = visible(str(self.folder / MANIFEST))
        if self.manifest["probes"] != probes:
            yield f"{file}: the evidence was asked for by other probes than it names"
        results = self.folder / "results.json"
        if not results.is_file():
            return
        with _reading(results), results.open("rb") as stream:
            told = first_line(stream)["run"]
        names = ("sequence", "operator", "started", "finished", "as_of", "tool_version", "scope")
        wrong = [name for name in names if told.get(name) != self.manifest[name]]
        wrong += ["run"] if told.get("id") != self.manifest["run"] else []
        if wrong:
            yield f"{visible(str(results))}: says another {', '.join(wrong)} than the manifest"


def first_line(results: BinaryIO) -> dict[str, Any]:
    """Return what results.json says before its hosts, and read no further: its first line, made whole."""
    head: dict[str, Any] = strict_json(results.readline(SMALL_FILE).rstrip(b"\n").removesuffix(b",") + b"}")
    return head


def section_of(record: SectionRecord, limit: int) -> Section:
    """Unpack a section and hold it to its seal; ValueError says what is wrong with it."""
    text = unpacked(record.packed, limit)
    made = section_digest(
        section_id=record.id, outcome=record.outcome, reason=record.reason, stderr=record.stderr, text=text
    )
    if made != record.sha256:
        raise ValueError("is not what its seal says")
    return Section(
        id=record.id,
        outcome=record.outcome,
        reason=record.reason,
        stderr=record.stderr,
        text=text,
        redactions=record.redactions,
        sha256=record.sha256,
    )


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Say of anything that cannot be read which file it stands in."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        said = str(error) if isinstance(error, ValueError | OSError) else repr(error)
        raise UsageError(f"{visible(str(file))}: cannot be read as part of a bundle: {visible(said)}") from error


def check_head(record: Mapping[str, Any]) -> None:
    """Raise ValueError for a head that holds what no head of ours does."""
    head = head_from_record(dict(record))
    for name, value in head_record(head).items():
        wanted = int if name == "redaction" else str
        if not isinstance(value, wanted) and not (value is None and name in _MAY_BE_NULL):
            raise ValueError(f"the head of evidence says {name} as {value!r}")
    own_from_text(head.own_connections)
    if head.clock.tzinfo is None or head.collected_at.tzinfo is None:
        raise ValueError("the head of evidence holds an instant without its offset from UTC")


def facts_of(row: Mapping[str, Any]) -> HostFacts:
    """Read what is sealed of a host."""
    named = HostFacts(
        name=str(row["name"]),
        key=str(row["key"]),
        groups=texts(row["groups"]),
        site=optional_text(row["site"]),
        owner=optional_text(row["owner"]),
        connection=ConnectionKind(row["connection"]),
    )
    if (named.name, named.key) != (row["name"], row["key"]) or not named.name:
        raise ValueError("a host has no name")
    return named


def unpacked(packed: bytes, limit: int) -> str:
    """Return a section's text; ValueError when it is damaged or unpacks beyond the limit."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        raise ValueError(f"is damaged: {error}") from error
    if len(text) > limit or not unpacker.eof or unpacker.unused_data:
        raise ValueError("is cut off, goes on behind its end, or unpacks to more than an answer may have")
    return text.decode()
