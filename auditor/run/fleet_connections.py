"""The connections of every host of a stored run, host by host, each read in a reader process."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from itertools import islice

from auditor.catalogue.product import Catalogue
from auditor.errors import HostError
from auditor.model.policy import Policy
from auditor.run.connections import ConnectionsJob, HostConnections
from auditor.run.pipeline import Rules
from auditor.run.readers import Readers
from auditor.store.record import RunRecord, SectionRecord, StoredAnswer
from auditor.store.store import Store

_AT_ONCE = 32
"""Hosts whose evidence is fetched in one question, and that wait for a reader."""


def connection_rules(as_of: datetime, catalogue: Catalogue) -> Rules:
    """Return what readers are made with where nothing is judged: the catalogue counts, no policy does."""
    return Rules(
        policy=Policy(name="none", sha256=""),
        exceptions=(),
        catalogue=catalogue,
        as_of=as_of,
    )


def fleet_connections(
    store: Store, run: RunRecord, readers: Readers, wanted: Callable[[str], bool]
) -> Iterator[HostConnections]:
    """Yield the connections of the hosts that are wanted, in the ledger's order.

    Of a host without evidence, or whose evidence breaks its reader, there are no rows and a gap that says so.
    """
    answers = (answer for answer in store.answers(run.id) if wanted(answer.host))
    with ThreadPoolExecutor(2) as pool:
        going: deque[Future[HostConnections]] = deque()
        while some := list(islice(answers, _AT_ONCE)):
            sections = {one.sha256: one for one in store.sections({sha for answer in some for sha in answer.sections})}
            for answer in some:
                going.append(pool.submit(_read, answer, _job(answer, sections), readers))
            while len(going) > _AT_ONCE:
                yield going.popleft().result()
        while going:
            yield going.popleft().result()


def _job(answer: StoredAnswer, sections: dict[str, SectionRecord]) -> ConnectionsJob | None:
    if answer.head is None or answer.sha256 is None:
        return None
    return ConnectionsJob(
        host=answer.host,
        head=answer.head,
        sha256=answer.sha256,
        sections=tuple(sections[sha] for sha in answer.sections),
    )


def _read(answer: StoredAnswer, job: ConnectionsJob | None, readers: Readers) -> HostConnections:
    if job is None:
        return HostConnections(host=answer.host, rows=[], gaps=("it gave no evidence: `auditor hosts` says why",))
    try:
        return readers.connections(job)
    except HostError as error:
        return HostConnections(host=answer.host, rows=[], gaps=(error.detail,))
