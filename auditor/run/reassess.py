"""Verdicts again from sealed evidence: of one bundle as it was judged, or of several merged, or by other rules."""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from auditor.errors import HostError
from auditor.inventory.scope import scope_digest
from auditor.model.host import Host, HostFacts, host_facts
from auditor.model.past import History
from auditor.model.record import Record
from auditor.run.audit import Began, Sealed, begin_run
from auditor.run.ending import Ending
from auditor.run.merge import Chosen, source_of, sources_of
from auditor.run.open_bundle import Bundle
from auditor.run.pipeline import Rules
from auditor.run.reader import ReadJob, SealedPlace
from auditor.run.readers import Readers
from auditor.store.record import HostRecord, RunRecord
from auditor.store.store import Store

_AT_ONCE = 16
_WRITTEN = 64
"""Hosts that are written in one transaction: a run of sealed evidence stands as a whole, or is begun anew."""


class Judging(Record, kw_only=True):
    """What is judged, all of it chosen and checked."""

    bundles: tuple[Bundle, ...]
    """The sets of evidence, from the oldest to the newest."""
    hosts: tuple[Chosen, ...]
    """The hosts, sorted by name."""
    history: str
    """What earlier runs know of them, as it is sealed."""
    again: bool
    """Whether it is one bundle, judged again as it was: its own sequence, scope and sources are kept."""

    strangers: tuple[Host, ...] = ()
    """Devices that records from outside show and no set of evidence has, sorted by name."""

    @property
    def facts(self) -> list[HostFacts]:
        """Return the merged scope, and the devices that are no host of it."""
        known = [one.bundle.facts[one.name] for one in self.hosts]
        return sorted([*known, *map(host_facts, self.strangers)], key=lambda one: one.name)


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
    """Judge the evidence of a run that was begun, a few hosts at a time, and return the closed run.

    The readers are those of the bundles. Raises UsageError for evidence that is not what its seal says.
    """
    ending = Ending(store, run, rules)
    # What the end of the run needs of a host is taken from it at once, while readers are at work on the next ones.
    judged = (
        (record, ending.lives(facts, record.gist)) for facts, record in _in_order(_jobs(judging, ending.known), readers)
    )
    while some := list(islice(judged, _WRITTEN)):
        store.record_all(run.id, *zip(*some, strict=True))
    return ending.close()


def _in_order(jobs: Iterator[ReadJob], readers: Readers) -> Iterator[tuple[HostFacts, HostRecord]]:
    """Yield the hosts of jobs with their records, never waiting for the last of a batch: readers work while we write.

    In order, so that a section that a record names only came with one that is written before it.
    """
    with ThreadPoolExecutor(2) as pool:
        going: deque[tuple[HostFacts, Future[HostRecord]]] = deque()
        for job in jobs:
            going.append((job.host, pool.submit(readers.recorded, job)))
            if len(going) >= _AT_ONCE:
                facts, record = going.popleft()
                yield facts, record.result()
        while going:
            facts, record = going.popleft()
            yield facts, record.result()


def _jobs(judging: Judging, known: Mapping[str, History]) -> Iterator[ReadJob]:
    nobody = History()
    numbers = {bundle.id: number for number, bundle in enumerate(judging.bundles)}
    strange = deque(judging.strangers)
    for one in judging.hosts:
        while strange and strange[0].name < one.name:
            yield _of_stranger(strange.popleft(), known)
        facts = one.bundle.facts[one.name]
        yield ReadJob(
            host=facts,
            history=known.get(facts.key, nobody),
            sealed=SealedPlace(bundle=numbers[one.bundle.id], line=one.place, again=judging.again),
            passed_over=one.passed_over,
            conflicts=one.conflicts,
        )
    for host in strange:
        yield _of_stranger(host, known)


def _of_stranger(host: Host, known: Mapping[str, History]) -> ReadJob:
    """Return the job of a device that cannot be asked."""
    facts = host_facts(host)
    error = HostError(host.unusable_reason, host.unusable or "")
    return ReadJob(host=facts, history=known.get(facts.key, History()), error=error)
