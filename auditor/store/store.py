"""Keep runs: open a store, begin a run, record one host a transaction, read everything back in order."""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auditor.errors import StoreError, UsageError, did_you_mean
from auditor.model.host import HostFacts
from auditor.model.retention import Kept
from auditor.store import earlier, sealing
from auditor.store.database import Database
from auditor.store.journal import Journal
from auditor.store.layout import lay_out
from auditor.store.locks import Locks
from auditor.store.notices import Notices
from auditor.store.record import HostRecord, KnownHost, Lives, RunRecord, SectionRecord, StoredAnswer, unpacked
from auditor.store.retention import Retained
from auditor.store.rows import json_text, result_values, run_record, run_values, section_record, section_values
from auditor.store.schedules import Schedules
from auditor.store.tables import FINDINGS, GISTS, PASTS, RESULTS, RUNS, SCOPE, SECTIONS, TEXTS

_PAGE = 200
_NUMBERING = 0x61756402
"""Number of the lock under which runs are numbered."""
_REMEMBERED = 5_000
"""Sections remembered as kept; one that is forgotten is written again, which changes nothing."""
_PIECE = 1_048_576
_LIVES = 250
"""Hosts whose findings are written in one transaction, or whose facts in one statement."""
_RESULT, _GIST = RESULTS.insert(), GISTS.insert()
_GIST_OR_ROW = sa.func.coalesce(GISTS.c.packed, RESULTS.c.packed_row)


def default_url() -> str:
    """Return the store's address: ``AUDITOR_STORE``, else an SQLite file in the user's state folder (XDG)."""
    named = os.environ.get("AUDITOR_STORE")
    if named:
        return named
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return str(state / "auditor" / "store.sqlite")


class Store:
    """A place where runs are kept. Closing it is the caller's duty; every write is a transaction of its own."""

    def __init__(self, url: str, *, durable: bool = False) -> None:
        """Open, and lay out when new. ``url`` is a path of an SQLite file or an SQLAlchemy URL.

        With ``durable`` a write has reached the disk when it returns; without it the last ones are lost with the power.
        """
        self._database = Database(url, durable=durable)
        self.url = self._database.name
        self._known_sections: set[str] = set()
        try:
            lay_out(self._database)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Let go of every connection."""
        self._database.close()

    def forked(self) -> None:
        """Be used from now on in a process that was forked: its parent's connections are let alone, new ones made."""
        self._database.forked()

    # ---- writing

    def begin(self, record: RunRecord, scope: Iterable[tuple[HostFacts, str]], texts: Iterable[str]) -> RunRecord:
        """Fix a run and its scope; a sequence number of 0 takes the next one. ``scope`` pairs facts with their JSON."""
        with self._database.writing() as connection:
            self._database.alone(connection, _NUMBERING)
            last = connection.execute(sa.select(sa.func.max(RUNS.c.sequence))).scalar() or 0
            values = run_values(record)
            values["sequence"] = record.sequence or last + 1
            connection.execute(RUNS.insert().values(**values))
            rows = (
                {"run": record.id, "ordinal": number, "host": facts.name, "host_key": facts.key, "facts": text}
                for number, (facts, text) in enumerate(scope)
            )
            while some := list(islice(rows, _LIVES)):
                connection.execute(SCOPE.insert(), some)
            for text in texts:
                values = {"sha256": digest(text), "packed": zlib.compress(text.encode(), 6)}
                connection.execute(self._database.insert_new(TEXTS), values)
        return self.run(record.id)

    def record(self, run: str, host: HostRecord) -> None:
        """Write one host's outcome, row and evidence: all of it or nothing."""
        self.record_all(run, [host])

    def record_all(self, run: str, hosts: Sequence[HostRecord], lives: Sequence[Lives] = ()) -> None:
        """Write the outcomes, rows and evidence of several hosts: all of them or nothing.

        With ``lives``, what the run leaves of them too, where nothing was written of that: see ``keep_lives``.
        """
        fresh = {
            section.sha256: section
            for host in hosts
            for section in host.sections
            if not isinstance(section, str) and section.sha256 not in self._known_sections
        }
        gists = [
            {"run": run, "host": host.host, "packed": host.packed_gist}
            for host in hosts
            if host.packed_gist is not None
        ]
        with self._database.writing() as connection:
            if fresh:
                # In one order in every process: two that wait for each other's sections would wait for ever.
                values = [section_values(fresh[sha256]) for sha256 in sorted(fresh)]
                connection.execute(self._database.insert_new(SECTIONS), values)
            connection.execute(_RESULT, [result_values(run, host) for host in hosts])
            if gists:
                connection.execute(_GIST, gists)
            _keep(connection, run, lives)
        if len(self._known_sections) > _REMEMBERED:
            self._known_sections.clear()
        self._known_sections.update(fresh)

    def keep_lives(self, run: str, lives: Iterable[Lives]) -> None:
        """Write down what a run leaves of its hosts, some hundred hosts a transaction; ``finish`` makes it stand.

        What was written before, when the run could not be ended, is dropped first.
        """
        with self._database.writing() as connection:
            for table in (FINDINGS, PASTS):
                connection.execute(table.delete().where(table.c.run == run))
        hosts = iter(lives)
        while some := list(islice(hosts, _LIVES)):
            with self._database.writing() as connection:
                _keep(connection, run, some)

    def finish(
        self,
        run: str,
        *,
        finished: str,
        summary: dict[str, object],
    ) -> None:
        """End a run: its findings and summary stand, and it counts as history from now on."""
        # From here on its folder is written: the store must not know less of it than the folder says.
        with self._database.writing(durable=True) as connection:
            connection.execute(
                RUNS.update().where(RUNS.c.id == run).values(finished=finished, summary=json_text(summary))
            )

    def forget(self, run: str) -> None:
        """Drop a run that has not ended, and all that is kept of it alone."""
        with self._database.writing() as connection:
            unended = sa.select(RUNS.c.id).where(RUNS.c.id == run, RUNS.c.finished.is_(None)).with_for_update()
            if connection.execute(unended).first():
                for table in (FINDINGS, PASTS, GISTS, RESULTS, SCOPE):
                    connection.execute(table.delete().where(table.c.run == run))
                connection.execute(RUNS.delete().where(RUNS.c.id == run))

    # ---- reading

    def runs(self) -> list[RunRecord]:
        """Return every run, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(RUNS).order_by(RUNS.c.sequence.desc())).mappings()
            return [run_record(row) for row in rows]

    def run(self, name: str | None) -> RunRecord:
        """Return a run by its id or an unambiguous beginning of it; None means the newest finished one."""
        if name is not None:
            with self._database.reading() as connection:
                row = connection.execute(sa.select(RUNS).where(RUNS.c.id == name)).mappings().first()
            if row is not None:
                return run_record(row)
        known = self.runs()
        if name is None:
            finished = [run for run in known if run.finished is not None]
            if not finished:
                raise UsageError(f"{self.url}: no finished run is in this store; `auditor audit` makes one")
            return finished[0]
        matches = [run for run in known if run.id.startswith(name)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UsageError(f"run {name!r} is ambiguous: {', '.join(run.id for run in matches)}")
        raise UsageError(f"no run {name!r} in {self.url}{did_you_mean(name, [run.id for run in known])}")

    def scope(self, run: str) -> list[dict[str, Any]]:
        """Return the facts of every host in scope, in the ledger's order."""
        return list(self.facts(run))

    def facts(self, run: str) -> Iterator[dict[str, Any]]:
        """Yield the same, a page at a time."""
        query = sa.select(SCOPE.c.facts).where(SCOPE.c.run == run).order_by(SCOPE.c.ordinal)
        with self._database.reading() as connection:
            for (text,) in connection.execution_options(yield_per=_PAGE).execute(query):
                yield json.loads(text)

    def done(self, run: str) -> set[str]:
        """Return the names of the hosts that have their outcome already."""
        with self._database.reading() as connection:
            return set(connection.execute(sa.select(RESULTS.c.host).where(RESULTS.c.run == run)).scalars())

    def lines(self, run: str) -> Iterator[str]:
        """Yield the row of every recorded host, in the ledger's order, a page at a time."""
        self.retained.require(run, Kept.RESULTS)
        for _, packed in self._paged(run, RESULTS.c.packed_row):
            yield unpacked(packed)

    def gists(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield of every recorded host its facts as JSON and its gist, or its row where none is kept, as ``lines``."""
        self.retained.require(run, Kept.RESULTS)
        for _, facts, packed in self._paged(run, SCOPE.c.facts, _GIST_OR_ROW):
            yield facts, unpacked(packed)

    def _paged(self, run: str, *columns: sa.ColumnElement[Any]) -> Iterator[Sequence[Any]]:
        """Yield ordinal and columns of every recorded host, in the ledger's order; between pages nothing is open."""
        query = (
            sa.select(SCOPE.c.ordinal, *columns)
            .join(RESULTS, (RESULTS.c.run == SCOPE.c.run) & (RESULTS.c.host == SCOPE.c.host))
            .outerjoin(GISTS, (GISTS.c.run == SCOPE.c.run) & (GISTS.c.host == SCOPE.c.host))
            .where(SCOPE.c.run == run)
            .order_by(SCOPE.c.ordinal)
            .limit(_PAGE)
        )
        last = -1
        while True:
            with self._database.reading() as connection:
                page = connection.execute(query.where(SCOPE.c.ordinal > last)).all()
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def findings(self, run: str) -> Iterator[dict[str, Any]]:
        """Yield the findings of a run, sorted by host, control and subject, a page at a time."""
        self.retained.require(run, Kept.RESULTS)
        # By code point, as Python does: a server may sort by the rules of a language.
        by_host = sa.collate(FINDINGS.c.host, "C") if self._database.is_postgresql else FINDINGS.c.host
        query = sa.select(FINDINGS.c.host, FINDINGS.c.row).where(FINDINGS.c.run == run).order_by(by_host)
        with self._database.reading() as connection:
            found = connection.execution_options(yield_per=_PAGE).execute(query)
            for _, those in groupby(found, key=lambda row: row[0]):
                rows = json.loads(f"[{','.join(text for _, text in those)}]")
                yield from sorted(rows, key=lambda row: (row["control"], row["subject"]))

    def count_findings(self, run: str) -> int:
        """Return how many findings a run has."""
        with self._database.reading() as connection:
            query = sa.select(sa.func.count()).select_from(FINDINGS).where(FINDINGS.c.run == run)
            return int(connection.execute(query).scalar_one())

    def earlier_findings(self, keys: Collection[str], before: str | None = None) -> Iterator[dict[str, Any]]:
        """Return the findings that a run over these hosts goes on from: of each, those of its last finished run.

        ``before`` leaves out the runs that judge at that instant or later.
        """
        with self._database.reading() as connection:
            return earlier.findings(connection, keys, before)

    def earlier_pasts(self, keys: Collection[str], before: str | None = None) -> dict[str, dict[str, Any]]:
        """Return what is known of the products of these hosts: of each, by its last finished run.

        ``before`` leaves out the runs that judge at that instant or later.
        """
        with self._database.reading() as connection:
            return earlier.pasts(connection, keys, before)

    def pasts(self, run: str) -> dict[str, dict[str, Any]]:
        """Return what is known of products after a run, by the names of the hosts that ever had one."""
        with self._database.reading() as connection:
            return earlier.pasts_after(connection, run)

    def history(self, before: str | None = None, keys: Collection[str] | None = None) -> dict[str, KnownHost]:
        """Return what finished runs know of these hosts, by their keys; of every host, where none are named.

        ``before`` leaves out the runs that judge at that instant or later.
        """
        with self._database.reading() as connection:
            return earlier.hosts(connection, keys, before)

    def last_judged(self, keys: Collection[str]) -> tuple[str, str] | None:
        """Return as-of and id of the finished run that judged one of these hosts at the latest instant."""
        with self._database.reading() as connection:
            return earlier.last_judged(connection, keys)

    def answers(self, run: str) -> Iterator[StoredAnswer]:
        """Yield what is kept of every recorded host's evidence, in the ledger's order, a page at a time."""
        self.retained.require(run, Kept.EVIDENCE, Kept.RESULTS)
        columns = (RESULTS.c.host, RESULTS.c.evidence_sha256, RESULTS.c.head, RESULTS.c.sections, _GIST_OR_ROW)
        for _, host, sha256, head, sections, packed in self._paged(run, *columns):
            yield StoredAnswer(
                host=host, sha256=sha256, head=head, sections=tuple(json.loads(sections)), gist=unpacked(packed)
            )

    def sections(self, hashes: Collection[str]) -> list[SectionRecord]:
        """Return sections by their hashes, sorted by hash."""
        query = sa.select(SECTIONS).where(SECTIONS.c.sha256.in_(hashes)).order_by(SECTIONS.c.sha256)
        with self._database.reading() as connection:
            return [section_record(row) for row in connection.execute(query).mappings()]

    def note(self, run: str, **more: object) -> RunRecord:
        """Add to the summary of a run."""
        with self._database.writing() as connection:
            sealing.note(connection, run, more)
        return self.run(run)

    def seal(self, run: str, make: Callable[[Mapping[str, Any] | None], str]) -> None:
        """Put a run behind the last one of the chain; ``make`` is given that one's id and seal and returns the seal."""
        # The seal is told to people: no power cut may take it back.
        with self._database.writing(durable=True) as connection:
            sealing.seal(connection, run, make)

    def evidence(self, run: str, host: str) -> tuple[dict[str, Any], str, list[SectionRecord]] | None:
        """Return a host's evidence: head, seal and sections in order; None when it gave none."""
        query = sa.select(RESULTS).where(RESULTS.c.run == run, RESULTS.c.host == host)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
            if row is None or row["evidence_sha256"] is None:
                return None
            if row["head"] is None:
                self.retained.require(run, Kept.EVIDENCE)
                return None
            wanted = json.loads(row["sections"])
            found = connection.execute(sa.select(SECTIONS).where(SECTIONS.c.sha256.in_(wanted))).mappings()
            by_hash = {section["sha256"]: section_record(section) for section in found}
        return json.loads(row["head"]), row["evidence_sha256"], [by_hash[sha] for sha in wanted]

    @property
    def journal(self) -> Journal:
        """Return what is kept of plans that were applied."""
        return Journal(self._database)

    @property
    def schedules(self) -> Schedules:
        """Return the audits that begin by themselves."""
        return Schedules(self._database.writing, self._database.reading, self._database.insert_new)

    @property
    def retained(self) -> Retained:
        """Return what is kept for a while, and what was removed since."""
        return Retained(self._database.writing, self._database.reading)

    @property
    def locks(self) -> Locks:
        """Return what lets one process do a thing that two must not do at once."""
        return Locks(self._database.engine)

    @property
    def notices(self) -> Notices:
        """Return what webhooks were told."""
        return Notices(self._database.writing, self._database.reading)

    def text(self, sha256: str) -> str:
        """Return a sealed input by its hash."""
        return b"".join(self.text_pieces(sha256)).decode()

    def text_pieces(self, sha256: str) -> Iterator[bytes]:
        """Yield a sealed input by its hash, as UTF-8 and a piece at a time: a history can be very long."""
        with self._database.reading() as connection:
            packed = connection.execute(sa.select(TEXTS.c.packed).where(TEXTS.c.sha256 == sha256)).scalar()
        if packed is None:
            raise StoreError(f"{self.url}: the sealed input {sha256} is not in this store")
        unpacking = zlib.decompressobj()
        while packed:
            yield unpacking.decompress(packed, _PIECE)
            packed = unpacking.unconsumed_tail
        yield unpacking.flush()
        if not unpacking.eof:
            raise StoreError(f"{self.url}: the sealed input {sha256} is damaged: its end is missing")


def _keep(connection: sa.Connection, run: str, lives: Iterable[Lives]) -> None:
    pasts = [{"run": run, "host_key": one.host_key, "row": json_text(one.past)} for one in lives if one.past]
    findings = [
        {"run": run, "fingerprint": row["fingerprint"], "host": row["host"], "row": json_text(row)}
        for one in lives
        for row in one.findings
    ]
    for table, rows in ((PASTS, pasts), (FINDINGS, findings)):
        if rows:
            connection.execute(table.insert(), rows)


def digest(text: str) -> str:
    """Return the SHA-256 that a sealed text is kept under."""
    return hashlib.sha256(text.encode()).hexdigest()
