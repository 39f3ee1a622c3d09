"""Verdicts again from sealed evidence: of one bundle as it was judged, or of several merged, or by other rules."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from auditor.errors import HostError, Reason
from auditor.inventory.scope import scope_digest
from auditor.model.host import HostFacts
from auditor.model.past import History
from auditor.run.audit import Began, Sealed, begin_run, close_run
from auditor.run.history import histories, told_by
from auditor.run.merge import Chosen, source_of, sources_of
from auditor.run.open_bundle import Bundle
from auditor.run.pipeline import Rules
from auditor.run.reader import ReadJob
from auditor.run.readers import Readers
from auditor.store.record import HostRecord, RunRecord
from auditor.store.store import Store

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What is judged, all of it chosen and checked."""

    bundles: tuple[Bundle, ...]
    """The sets of evidence, from the oldest to the newest."""
    hosts: tuple[Chosen, ...]
    """The hosts, sorted by name."""
    history: str
    """What earlier runs know of them, as it is sealed."""
    again: bool
    """Whether it is one bundle, judged again as it was: its own sequence, scope and sources are kept."""

    @property
    def facts(self) -> list[HostFacts]:
        """Return the merged scope."""
        return [one.bundle.facts[one.name] for one in self.hosts]


def begin_again(store: Store, judging: Judging, rules: Rules, sealed: Sealed, operator: str) -> RunRecord:
    """Write down the run that evidence is judged in: the bundle's own once more, or a new one of the store."""
    only = judging.bundles[0].run
    facts = judging.facts
    sources = only["sources"] if judging.again else sources_of(judging.bundles, judging.hosts)
    began = Began(
        facts=facts,
        source=source_of(judging.bundles),
        sha256=scope_digest([one.name for one in facts]),
        history=judging.history,
        operator=operator,
        options={"sources": sources},
        sequence=only["sequence"] if judging.again else None,
    )
    return begin_run(store, began, sealed, rules.as_of)


def reassess(store: Store, run: RunRecord, judging: Judging, rules: Rules, readers: Readers) -> RunRecord:
    """Judge the evidence of a run that was begun, a few hosts at a time, and return the closed run."""
    known = histories(judging.history, told_by(run))
    with ThreadPoolExecutor(2) as pool:
        going: deque[Future[HostRecord]] = deque()
        # In order, and never waiting for the last of a batch: readers have work while we write.
        for one in judging.hosts:
            going.append(pool.submit(_judged, one, known, readers, again=judging.again))
            if len(going) >= _AT_ONCE:
                store.record(run.id, going.popleft().result())
        while going:
            store.record(run.id, going.popleft().result())
    return close_run(store, run, rules)


def _judged(one: Chosen, known: dict[str, History], readers: Readers, *, again: bool) -> HostRecord:
    answer = one.bundle.answer(one.place)
    job = ReadJob(
        host=answer.facts,
        history=known.get(answer.facts.key, History()),
        attempts=answer.attempts,
        retried_after=answer.retried_after,
        origin=answer.origin if again else one.bundle.id,
        passed_over=one.passed_over + answer.passed_over,
        conflicts=one.conflicts + answer.conflicts,
    )
    evidence = one.bundle.evidence(answer)
    if evidence is None:
        reason = answer.reason or Reason.PROBE_FAILED
        return readers.recorded(replace(job, error=HostError(reason, answer.detail or "")))
    return readers.recorded(replace(job, evidence=evidence))
