"""Verdicts again from sealed evidence: of one bundle as it was judged, or of several merged, or by other rules."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from auditor.collect.seal import canonical, evidence_digest, head_from_record, section_digest
from auditor.errors import HostError, Reason, UsageError
from auditor.inventory.scope import scope_digest
from auditor.model.case import History
from auditor.model.evidence import Evidence, Section
from auditor.run.audit import Began, Sealed, begin_run, close_run, histories
from auditor.run.bundle import Answer, Bundle, unpacked
from auditor.run.pipeline import Rules
from auditor.run.reader import ReadJob
from auditor.run.readers import Readers
from auditor.store.record import HostRecord, RunRecord
from auditor.store.store import Store

_TEXT_LIMIT = 64 * 1024 * 1024
_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One host of the merged scope."""

    bundle: Bundle
    """The bundle whose word on it counts."""
    answer: Answer
    """What that says."""


def evidence_of(bundle: Bundle, answer: Answer) -> Evidence | None:
    """Return a host's evidence, every seal of it checked; None where it gave none. UsageError names what is wrong."""
    if answer.head is None:
        return None
    sections = []
    for record in bundle.sections(answer.sections):
        place = f"{bundle.folder / 'evidence'}: section {record.id} of {answer.facts.name}"
        try:
            text = unpacked(record.packed, _TEXT_LIMIT)
        except ValueError as error:
            raise UsageError(f"{place}: {error}") from error
        made = section_digest(
            section_id=record.id, outcome=record.outcome, reason=record.reason, stderr=record.stderr, text=text
        )
        if made != record.sha256:
            raise UsageError(f"{place} is not what its seal says")
        sections.append(
            Section(
                id=record.id,
                outcome=record.outcome,
                reason=record.reason,
                stderr=record.stderr,
                text=text,
                redactions=record.redactions,
                sha256=record.sha256,
            )
        )
    head = head_from_record(answer.head)
    if head.host != answer.facts.name:
        raise UsageError(f"{bundle.folder / 'evidence'}: evidence of {head.host} stands under {answer.facts.name}")
    if evidence_digest(head, tuple(sections)) != answer.sha256:
        raise UsageError(f"{bundle.folder / 'evidence'}: evidence of {answer.facts.name} is not what its seal says")
    return Evidence(head=head, sections=tuple(sections), sha256=answer.sha256 or "")


def merged(bundles: Sequence[Bundle]) -> list[Chosen]:
    """Choose one word on each host, sorted by name: evidence before none, and the newer before the older.

    Raises UsageError for one name under two identities.
    """
    chosen: dict[str, Chosen] = {}
    for bundle in bundles:
        for answer in bundle.answers():
            name = answer.facts.name
            other = chosen.get(name)
            if other is not None and other.answer.facts.key != answer.facts.key:
                raise UsageError(
                    f"{name} is {other.answer.facts.key!r} in {other.bundle.folder} and {answer.facts.key!r} in "
                    f"{bundle.folder}: one name for two hosts cannot be merged"
                )
            if other is None or _rank(bundle, answer) > _rank(other.bundle, other.answer):
                chosen[name] = Chosen(bundle=bundle, answer=answer)
    return [chosen[name] for name in sorted(chosen)]


def _rank(bundle: Bundle, answer: Answer) -> tuple[bool, str]:
    head = answer.head
    return (head is not None, bundle.run["as_of"] if head is None else head["collected_at"])


def merged_history(bundles: Sequence[Bundle]) -> str:
    """Put together what earlier runs know of the hosts; of what two know, the newer run's word counts."""
    hosts: dict[str, Any] = {}
    findings: dict[tuple[str, str], Any] = {}
    for bundle in sorted(bundles, key=lambda one: str(one.run["as_of"])):
        text = bundle.text("history")
        if text is None:
            continue
        known = json.loads(text)
        for key, (first, last) in known["hosts"].items():
            older = hosts.get(key, (first, None))
            hosts[key] = [min(first, older[0]), max(filter(None, (last, older[1])), default=None)]
        findings.update({(row["host"], row["fingerprint"]): row for row in known["findings"]})
    ordered = [row for _, row in sorted(findings.items())]
    return canonical({"hosts": hosts, "findings": ordered}).decode()


def sources_of(bundles: Sequence[Bundle], hosts: Sequence[Chosen]) -> list[dict[str, Any]]:
    """Say which sets of evidence were judged, and of how many hosts each has the word."""
    return [
        {
            "run": bundle.run["id"],
            "as_of": bundle.run["as_of"],
            "tool_version": bundle.run["tool_version"],
            "seal": bundle.manifest["seal"],
            "hosts": len(bundle.facts),
            "judged": sum(1 for one in hosts if one.bundle is bundle),
        }
        for bundle in bundles
    ]


def reassess(
    *,
    store: Store,
    bundles: Sequence[Bundle],
    rules: Rules,
    sealed: Sealed,
    operator: str,
    readers: Readers,
    sources: bool,
    finished: datetime | None = None,
) -> RunRecord:
    """Judge the evidence of bundles into a store of its own, and return the closed run.

    Without ``sources`` the run is the one bundle's own, its sequence and scope included.
    """
    hosts = merged(bundles)
    names = [one.answer.facts.name for one in hosts]
    first = bundles[0].run
    history = merged_history(bundles) if len(bundles) > 1 else bundles[0].text("history") or merged_history(bundles)
    began = Began(
        facts=[one.answer.facts for one in hosts],
        source=" + ".join(str(bundle.run["scope"]["source"]) for bundle in bundles),
        sha256=scope_digest(names),
        history=history,
        operator=operator,
        options={"sources": sources_of(bundles, hosts) if sources else None},
        sequence=None if sources else first["sequence"],
    )
    run = begin_run(store, began, sealed, rules.as_of)
    known = histories(history)
    with ThreadPoolExecutor(2) as pool:
        waiting = iter(hosts)
        while batch := list(islice(waiting, _AT_ONCE)):
            for record in pool.map(lambda one: _judged(one, known, readers, named=sources), batch):
                store.record(run.id, record)
    return close_run(store, run, rules, finished=finished)


def _judged(one: Chosen, known: dict[str, History], readers: Readers, *, named: bool) -> HostRecord:
    answer = one.answer
    evidence = evidence_of(one.bundle, answer)
    error = None
    if evidence is None:
        error = HostError(Reason(answer.reason or Reason.PROBE_FAILED), answer.detail or "it gave no evidence")
    job = ReadJob(
        host=answer.facts,
        history=known.get(answer.facts.key, History()),
        evidence=evidence,
        error=error,
        attempts=answer.attempts,
        retried_after=None if answer.retried_after is None else Reason(answer.retried_after),
        origin=str(one.bundle.run["id"]) if named else None,
    )
    try:
        return readers.read(job)
    except HostError as broken:
        if broken.reason not in (Reason.READER_LIMIT, Reason.READER_FAILED):
            raise
        return readers.read(ReadJob(host=answer.facts, history=History(), error=broken, origin=job.origin))


def evidence_problems(bundle: Bundle) -> Iterator[str]:
    """Yield what is wrong with the seals of a bundle's evidence and inputs."""
    for name in bundle.run["inputs"]:
        try:
            bundle.text(name)
        except (UsageError, OSError, ValueError) as error:
            yield str(error)
    for answer in bundle.answers():
        try:
            evidence_of(bundle, answer)
        except UsageError as error:
            yield str(error)
