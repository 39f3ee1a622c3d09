"""What a reader process does: take one host's bytes, return one record, within its limits."""

import gc
import json
import pickle
import signal
import socket
import traceback
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from auditor.catalogue.index import index_of
from auditor.collect.probe import sections_of
from auditor.collect.seal import head_record
from auditor.controls.registry import control_infos
from auditor.errors import HostError, Reason, UsageError
from auditor.firewall.dialects.registry import dialects
from auditor.model.evidence import Evidence, Outcome, Section
from auditor.model.host import HostFacts, OsFamily
from auditor.model.ledger import PassedOver
from auditor.model.past import History
from auditor.model.record import Record, field, replace
from auditor.model.result import HostResult
from auditor.report.host_lines import host_lines
from auditor.run.connections import ConnectionsJob, pack_connections, read_connections
from auditor.run.exchange import Parcel
from auditor.run.open_bundle import Answer, Bundle
from auditor.run.pipeline import Answered, Rules, assess, to_evidence, unjudged, unreached
from auditor.run.process_limits import limit_cpu, limit_memory
from auditor.run.said_addresses import AddressesJob, pack_addresses, read_addresses
from auditor.run.scrubbing import ScrubJob, pack_scrubbed, scrubbed
from auditor.run.wire import failure, joined, parted, receive, refusal, send
from auditor.store.record import HostRecord, SectionRecord, packed

# What is longer is not kept: what one host sends must not take the memory that another's needs.
_KEPT_LENGTH, _KEPT_SHORT = 32_768, 4096
_COLLECTED = 16
"""Jobs after which what points at itself is thrown away."""
_SENT = 20_000
"""Sections of bundles that are remembered as sent; one that is forgotten is sent again, which changes nothing."""


class ReaderLimits(Record, kw_only=True):
    """What reading one host's answer may cost."""

    cpu_seconds: int = 10
    """Processor time; one more second kills the reader."""
    memory_bytes: int = 512 * 1024 * 1024
    """Address space beyond what the reader began with."""
    wall_seconds: float = 30.0
    """Patience of the one who waits for it."""
    scrub_times: int = 3
    """How many times as much scrubbing an answer may take: it is read before and after."""

    def times(self, job: "Job") -> int:
        """Return how many times the limits of reading a job may take."""
        return self.scrub_times if isinstance(job, ScrubJob) else 1


class SealedPlace(Record, kw_only=True):
    """Where evidence lies that was sealed before: in one of the bundles that the readers were made with."""

    bundle: int
    """Which of them."""
    line: int
    """Byte that the host's line begins at."""
    again: bool
    """Whether the bundle is judged as it was: its word on where evidence came from is kept."""


class ReadJob(Record, kw_only=True):
    """One host to be read and judged; without an answer, the error stands for it."""

    host: HostFacts
    """The host."""
    history: History
    """What earlier runs know of it."""
    answered: Answered | None = None
    """Its answer, not yet opened."""
    error: HostError | None = None
    """Why there is none."""
    attempts: int = 1
    """How many times the host was tried."""
    retried_after: Reason | None = None
    """What ended the try before the last."""
    sealed: SealedPlace | None = None
    """Evidence that was sealed before, in place of an answer."""
    parcel: Parcel | None = None
    """The same from a worker, not yet opened."""
    origin: str | None = None
    """The run whose evidence it is, where several are judged together."""
    passed_over: tuple[PassedOver, ...] = ()
    """What other sets of evidence had to say of it."""
    conflicts: tuple[str, ...] = ()
    """What the sets disagree on about who it is."""


Job = ReadJob | ScrubJob | ConnectionsJob | AddressesJob
"""What a reader can be asked to do with one host's bytes."""


class Sources(Record, kw_only=True):
    """What a reader judges by and from."""

    rules: Rules
    """The rules."""
    bundles: Sequence[Bundle] = ()
    """The sets of evidence that jobs may name places in."""
    sent: set[str] = field(default_factory=set)
    """Hashes of sections of bundles that this reader has sent."""
    judges: bool = True
    """Whether answers are judged; where only evidence is wanted, they are opened, redacted and sealed."""


def warm_up(sources: Sources) -> None:
    """Build what every reader would build for its first host: done before they are forked, it is done once."""
    control_infos()
    if sources.judges:
        dialects()
        for os in OsFamily:
            index_of(sources.rules.catalogue, os)
            sections_of(os)


def serve(channel: socket.socket, sources: Sources, limits: ReaderLimits) -> None:
    """Read jobs from a channel until it closes. The caller is a process made for this and nothing else."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory(limits.memory_bytes)
    gc.disable()  # a job is short, and nearly everything it made goes with it
    served = 0
    while True:
        data = receive(channel)
        if data is None:
            return
        # Jobs come from our own parent over a private socket pair.
        job: Job = pickle.loads(data)  # noqa: S301
        limit_cpu(limits.cpu_seconds * limits.times(job))
        send(channel, _answer(job, sources))
        served += 1
        if served % _COLLECTED == 0:
            gc.collect(0)


def _answer(job: Job, sources: Sources) -> bytes:
    try:
        if isinstance(job, ConnectionsJob):
            return pack_connections(read_connections(job, sources.rules.catalogue))
        if isinstance(job, AddressesJob):
            return pack_addresses(read_addresses(job, sources.bundles))
        return _scrub(job, sources.rules) if isinstance(job, ScrubJob) else pack(record_of(job, sources))
    except UsageError as error:
        return refusal(str(error))
    except MemoryError:
        return failure(Reason.READER_LIMIT, "reading its answer took more memory than a reader may have")
    except Exception as error:  # noqa: BLE001 — the per-host boundary: our fault on one host must not stop the others
        traceback.print_exc()
        return failure(Reason.READER_FAILED, f"a fault of the auditor's own: {type(error).__name__}: {error}")


def _scrub(job: ScrubJob, rules: Rules) -> bytes:
    try:
        return pack_scrubbed(scrubbed(job, rules))
    except HostError as error:
        return failure(error.reason, error.detail)


def record_of(job: ReadJob, sources: Sources) -> HostRecord:
    """Judge one host and make the record that is kept of it; UsageError for evidence that its seal does not hold."""
    rules = sources.rules
    if job.sealed is not None:
        return _judged_again(job, job.sealed, sources)
    if job.parcel is not None:
        from auditor.run.parcel import open_parcel  # noqa: PLC0415 — few runs have workers

        try:
            return _judged(open_parcel(job.parcel, job.host), job, sources)
        except HostError as error:
            return host_record(_tried(unreached(job.host, error, rules), job), None)
    if job.answered is None:
        return host_record(_tried(unreached(job.host, job.error or _nothing(), rules), job), None)
    try:
        evidence = to_evidence(job.answered)
    except HostError as error:
        return host_record(_tried(unreached(job.host, error, rules), job), None)
    return _judged(evidence, job, sources)


def _judged(evidence: Evidence, job: ReadJob, sources: Sources) -> HostRecord:
    rules = sources.rules
    found = assess(evidence, job.host, job.history, rules) if sources.judges else unjudged(evidence, job.host)
    result = _tried(found, job)
    records = [
        _record_before(one) if len(one.text) + len(one.stderr) <= _KEPT_SHORT else _section_record(one)
        for one in evidence.sections
    ]
    return host_record(result, evidence, records, is_old=not sources.judges or _is_old(evidence, rules))


def _is_old(evidence: Evidence, rules: Rules) -> bool:
    return rules.as_of - evidence.head.collected_at > rules.policy.settings.max_age


def _judged_again(job: ReadJob, place: SealedPlace, sources: Sources) -> HostRecord:
    """Judge evidence of a bundle; a section that was sent with another host's is named only."""
    bundle = sources.bundles[place.bundle]
    answer = bundle.answer(place.line)
    job = replace(told(job, answer, bundle.id), sealed=None)
    evidence, texts = bundle.packed_evidence(answer)
    if evidence is None:
        return record_of(job, sources)
    result = _tried(assess(evidence, job.host, job.history, sources.rules), job)
    sections = [
        section.sha256 if section.sha256 in sources.sent else _section_record(section, texts.get(section.sha256))
        for section in evidence.sections
    ]
    if len(sources.sent) > _SENT:
        sources.sent.clear()
    sources.sent.update(section.sha256 for section in evidence.sections)
    return host_record(result, evidence, sections, is_old=_is_old(evidence, sources.rules))


def told(job: ReadJob, answer: Answer, run: str) -> ReadJob:
    """Return a job with what a bundle says of how its evidence was come by; ``run`` is the bundle's."""
    return replace(
        job,
        error=None if answer.reason is None else HostError(answer.reason, answer.detail or ""),
        attempts=answer.attempts,
        retried_after=answer.retried_after,
        origin=answer.origin if job.sealed is not None and job.sealed.again else run,
        passed_over=job.passed_over + answer.passed_over,
        conflicts=job.conflicts + answer.conflicts,
    )


def _tried(result: HostResult, job: ReadJob) -> HostResult:
    """Put down how the evidence was come by: facts of the run, which no verdict rests on."""
    row = replace(
        result.ledger,
        attempts=job.attempts,
        retried_after=job.retried_after,
        origin=job.origin,
        passed_over=job.passed_over,
        conflicts=job.conflicts,
    )
    return replace(result, ledger=row)


def _nothing() -> HostError:
    return HostError(Reason.PROBE_FAILED, "no answer and no reason for it")


def host_record(
    result: HostResult, evidence: Evidence | None, sections: Iterable[SectionRecord | str] = (), *, is_old: bool = False
) -> HostRecord:
    """Make the record that the store keeps; what is older than the policy allows says nothing of today."""
    row, gist = host_lines(result, control_infos())
    return HostRecord(
        host=result.host.name,
        outcome=result.ledger.outcome,
        complete=result.ledger.complete,
        inventoried=evidence is not None
        and not is_old
        and not any(section.outcome.is_gap for section in result.sections),
        reason=result.ledger.reason,
        packed_row=packed(row),
        packed_gist=packed(gist),
        evidence_sha256=None if evidence is None else evidence.sha256,
        head=None if evidence is None else json.dumps(head_record(evidence.head), sort_keys=True),
        sections=tuple(sections),
    )


def _section_record(section: Section, text: bytes | None = None) -> SectionRecord:
    """Make the record of a section; ``text`` is its text where it is packed already."""
    if text is None:
        text = packed(section.text) if len(section.text) > _KEPT_LENGTH else _packed_before(section.text)
    return SectionRecord(
        sha256=section.sha256,
        id=section.id,
        outcome=section.outcome,
        reason=section.reason,
        stderr=section.stderr,
        redactions=section.redactions,
        packed=text,
    )


_record_before = lru_cache(maxsize=256)(_section_record)
"""The same for short sections, of which hosts have nearly all in common."""


@lru_cache(maxsize=64)
def _packed_before(text: str) -> bytes:
    """Pack a text once: hosts of one build say the same of much."""
    return packed(text)


# ---- the wire


def pack(record: HostRecord) -> bytes:
    """Write a record as one message."""
    head: dict[str, Any] = {
        name: getattr(record, name)
        for name in ("host", "outcome", "complete", "inventoried", "reason", "evidence_sha256", "head")
    }
    gist = record.packed_gist or b""
    head["lengths"] = [len(record.packed_row), len(gist)]
    # One text of all hashes, for they are most of a message: a list is written and read hash by hash.
    head["hashes"] = " ".join([part if isinstance(part, str) else part.sha256 for part in record.sections])
    head["sections"] = [
        [number, part.id, part.outcome, part.reason, part.stderr, part.redactions, len(part.packed)]
        for number, part in enumerate(record.sections)
        if not isinstance(part, str)
    ]
    texts = (part.packed for part in record.sections if not isinstance(part, str))
    return joined(head, record.packed_row, gist, *texts)


def unpack(message: bytes) -> HostRecord:
    """Read a message back; HostError for a failure, UsageError for evidence that is not judged."""
    head, rest = parted(message)
    row, gist = head.pop("lengths")
    parts: list[SectionRecord | str] = head.pop("hashes").split()
    position = row + gist
    for number, section, outcome, reason, stderr, redactions, length in head.pop("sections"):
        text = rest[position : position + length]
        position += length
        parts[number] = SectionRecord(
            sha256=str(parts[number]),
            id=section,
            outcome=Outcome(outcome),
            reason=reason,
            stderr=stderr,
            redactions=redactions,
            packed=text,
        )
    return HostRecord(**head, packed_row=rest[:row], packed_gist=rest[row : row + gist] or None, sections=tuple(parts))
