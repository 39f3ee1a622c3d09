"""Remove what a store keeps of a run, and write down what it was: head, ledger, seals and rules stay for ever.

An entry and the removal that it tells of are one transaction. The entries are a chain of hashes: whoever keeps the last
one elsewhere can tell that none was changed, and none dropped.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.errors import StoreError
from auditor.model.record import Record
from auditor.model.retention import Kept, Removal
from auditor.store.retention_tables import REMOVALS
from auditor.store.rows import json_text
from auditor.store.tables import FINDINGS, GISTS, PASTS, RESULTS, RUNS, SCOPE, SECTIONS, TEXTS

_Opening = Callable[[], AbstractContextManager[Connection]]
_NOTHING = zlib.compress(b"", 1)
_AT_ONCE = 500


class Removing(Record, kw_only=True):
    """What is to be removed of one run, and by whose word."""

    run: str
    """Id of the run."""
    kind: Kept
    """What."""
    keep: frozenset[str]
    """Keys of the hosts of which it stays."""
    at: datetime
    """When."""
    by: str
    """Who has it removed."""
    policy: str
    """SHA-256 of the policy that says so."""


class Retained:
    """What a store keeps and what it has removed."""

    def __init__(self, writing: _Opening, reading: _Opening) -> None:
        """Take the store's ways of opening a transaction."""
        self._writing = writing
        self._reading = reading

    def removals(self) -> list[Removal]:
        """Return every entry, the first one first; StoreError where the chain does not hold."""
        with self._reading() as connection:
            return list(_entries(connection))

    def removed(self, run: str) -> dict[Kept, str]:
        """Return what was removed of a run, and when last."""
        query = sa.select(REMOVALS.c.kind, REMOVALS.c.at).where(REMOVALS.c.run == run).order_by(REMOVALS.c.number)
        with self._reading() as connection:
            return {Kept(kind): at for kind, at in connection.execute(query)}

    def require(self, run: str, *kinds: Kept) -> None:
        """Raise StoreError where one of these was removed of a run: what is not there any more is not nothing."""
        gone = self.removed(run)
        for kind in kinds:
            if kind in gone:
                raise StoreError(
                    f"run {run}: its {kind} {'was' if kind is Kept.EVIDENCE else 'were'} removed from the store on "
                    f"{gone[kind]}, as the policy's retention says; its bundle has it, if one is kept "
                    "(`auditor assess FOLDER`)"
                )

    def last_runs(self) -> dict[str, str]:
        """Return the last finished run of every host, by the host's key."""
        last = (
            sa.select(SCOPE.c.host_key, sa.func.max(RUNS.c.sequence).label("sequence"))
            .join(RUNS, RUNS.c.id == SCOPE.c.run)
            .where(RUNS.c.finished.is_not(None))
            .group_by(SCOPE.c.host_key)
            .subquery()
        )
        query = sa.select(last.c.host_key, RUNS.c.id).join(RUNS, RUNS.c.sequence == last.c.sequence)
        with self._reading() as connection:
            return {key: run for key, run in connection.execute(query)}  # noqa: C416 — rows are no pairs to mypy

    def findings(self, last: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
        """Return the findings of each host's last run, with the host's key."""
        query = sa.select(SCOPE.c.host_key, FINDINGS.c.run, FINDINGS.c.row).join(
            SCOPE, (SCOPE.c.run == FINDINGS.c.run) & (SCOPE.c.host == FINDINGS.c.host)
        )
        with self._reading() as connection:
            found = connection.execute(query)
            return [(key, json.loads(row)) for key, run, row in found if last.get(key) == run]

    def holding(self, run: str, kind: Kept) -> set[str]:
        """Return the keys of the hosts of which a run still holds something of a kind."""
        held = RESULTS.c.head.is_not(None) if kind is Kept.EVIDENCE else RESULTS.c.packed_row != _NOTHING
        query = (
            sa.select(SCOPE.c.host_key)
            .join(RESULTS, (RESULTS.c.run == SCOPE.c.run) & (RESULTS.c.host == SCOPE.c.host))
            .where(SCOPE.c.run == run, held)
        )
        with self._reading() as connection:
            return set(connection.execute(query).scalars())

    def remove(self, removing: Iterable[Removing]) -> list[Removal]:
        """Remove, write an entry for each, and drop the sections and texts that nobody refers to any more."""
        made, sections, texts = [], set[str](), set[str]()
        with self._writing() as connection:
            if connection.dialect.name == "postgresql":
                # A section that an audit finds there, and so does not write, must not go before its row is there.
                connection.execute(sa.text("LOCK TABLE sections, texts IN SHARE ROW EXCLUSIVE MODE"))
            for one in removing:
                rows = _rows(connection, one)
                if one.kind is Kept.EVIDENCE:
                    digest = _digest(f"{row['host']} {row['evidence_sha256']}" for row in rows)
                    sections.update(sha for row in rows for sha in json.loads(row["sections"]))
                    _blank(connection, one.run, [row["host"] for row in rows], head=None, sections="[]")
                else:
                    digest = _digest(_row_digest(row) for row in rows)
                    _remove_results(connection, one, [row["host"] for row in rows])
                    texts.update(_history_of(connection, one.run))
                made.append(_append(connection, one, hosts=len(rows), digest=digest))
            _sweep_sections(connection, sections)
            _sweep_texts(connection, texts)
        return made

    def note_folder(self, one: Removing, digest: str) -> Removal:
        """Write down that a run's folder is about to be removed; ``digest`` is its manifest's."""
        with self._writing() as connection:
            return _append(connection, one, hosts=0, digest=digest)

    def missing(self) -> list[str]:
        """Name the runs that lack evidence which no entry tells of."""
        told = sa.select(REMOVALS.c.run).where(REMOVALS.c.kind == Kept.EVIDENCE)
        lacking = (
            sa.select(RESULTS.c.run)
            .distinct()
            .where(RESULTS.c.evidence_sha256.is_not(None), RESULTS.c.head.is_(None), RESULTS.c.run.not_in(told))
        )
        with self._reading() as connection:
            known = {bytes.fromhex(sha) for sha in connection.execute(sa.select(SECTIONS.c.sha256)).scalars()}
            found = set(connection.execute(lacking).scalars())
            for run, text in connection.execute(sa.select(RESULTS.c.run, RESULTS.c.sections)):
                if run not in found and any(bytes.fromhex(sha) not in known for sha in json.loads(text)):
                    found.add(run)
        return sorted(found)


def _rows(connection: Connection, one: Removing) -> list[Mapping[str, Any]]:
    """Return the rows of the hosts of which something is to go, by the host's name."""
    columns = [RESULTS.c.host, RESULTS.c.evidence_sha256, SCOPE.c.host_key]
    held: sa.ColumnElement[bool] = RESULTS.c.head.is_not(None)
    if one.kind is Kept.EVIDENCE:
        columns.append(RESULTS.c.sections)
    else:
        columns.append(RESULTS.c.packed_row)
        held = RESULTS.c.packed_row != _NOTHING
    query = (
        sa.select(*columns)
        .join(SCOPE, (SCOPE.c.run == RESULTS.c.run) & (SCOPE.c.host == RESULTS.c.host))
        .where(RESULTS.c.run == one.run, held)
        .order_by(RESULTS.c.host)
    )
    return [dict(row) for row in connection.execute(query).mappings() if row["host_key"] not in one.keep]


def _blank(connection: Connection, run: str, hosts: Sequence[str], **values: object) -> None:
    for some in _chunks(hosts):
        is_it = (RESULTS.c.run == run) & RESULTS.c.host.in_(some)
        connection.execute(RESULTS.update().where(is_it).values(**values))


def _remove_results(connection: Connection, one: Removing, hosts: Sequence[str]) -> None:
    """Take the rows of hosts out of a run, with their findings and pasts; scope and outcomes stay."""
    _blank(connection, one.run, hosts, packed_row=_NOTHING)
    for some in _chunks(hosts):
        for table in (FINDINGS, GISTS):
            connection.execute(table.delete().where(table.c.run == one.run, table.c.host.in_(some)))
        keys = sa.select(SCOPE.c.host_key).where(SCOPE.c.run == one.run, SCOPE.c.host.in_(some))
        connection.execute(PASTS.delete().where(PASTS.c.run == one.run, PASTS.c.host_key.in_(keys)))


def _history_of(connection: Connection, run: str) -> list[str]:
    inputs = connection.execute(sa.select(RUNS.c.inputs).where(RUNS.c.id == run)).scalar_one()
    return [json.loads(inputs)["history"]] if "history" in json.loads(inputs) else []


def _sweep_sections(connection: Connection, candidates: set[str]) -> None:
    if candidates:
        for text in connection.execute(sa.select(RESULTS.c.sections)).scalars():
            candidates.difference_update(json.loads(text))
    for some in _chunks(sorted(candidates)):
        connection.execute(SECTIONS.delete().where(SECTIONS.c.sha256.in_(some)))


def _sweep_texts(connection: Connection, candidates: set[str]) -> None:
    """Drop histories that only runs without results rest on; rules, catalogues and people stay for ever."""
    if candidates:
        gone = set(connection.execute(sa.select(REMOVALS.c.run).where(REMOVALS.c.kind == Kept.RESULTS)).scalars())
        for run, inputs in connection.execute(sa.select(RUNS.c.id, RUNS.c.inputs)):
            said = json.loads(inputs)
            candidates.difference_update(sha for name, sha in said.items() if run not in gone or name != "history")
    for some in _chunks(sorted(candidates)):
        connection.execute(TEXTS.delete().where(TEXTS.c.sha256.in_(some)))


def _append(connection: Connection, one: Removing, *, hosts: int, digest: str) -> Removal:
    newest = sa.select(REMOVALS.c.number, REMOVALS.c.sha256).order_by(REMOVALS.c.number.desc()).limit(1)
    last = connection.execute(newest).first()
    values: dict[str, Any] = {
        "number": 1 if last is None else last.number + 1,
        "at": one.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": one.by,
        "run": one.run,
        "kind": str(one.kind),
        "hosts": hosts,
        "policy": one.policy,
        "digest": digest,
        "previous": "" if last is None else last.sha256,
    }
    values["sha256"] = _hash(values)
    connection.execute(REMOVALS.insert().values(**values))
    return _removal(values)


def _entries(connection: Connection) -> Iterator[Removal]:
    previous = ""
    rows = connection.execute(sa.select(REMOVALS).order_by(REMOVALS.c.number)).mappings()
    for number, row in enumerate(rows, start=1):
        if row["number"] != number or row["previous"] != previous or row["sha256"] != _hash(dict(row)):
            raise StoreError(
                f"what was removed from this store is not told as it was, from entry {number} on: somebody has changed "
                "the store; compare it with a copy of yours"
            )
        previous = row["sha256"]
        yield _removal(dict(row))


def _removal(values: Mapping[str, Any]) -> Removal:
    read = dict(values) | {"at": datetime.fromisoformat(values["at"]), "kind": Kept(values["kind"])}
    return Removal(**read)


def _hash(values: Mapping[str, Any]) -> str:
    said = {key: value for key, value in values.items() if key != "sha256"}
    return hashlib.sha256(json_text(said).encode()).hexdigest()


def _row_digest(row: Mapping[str, Any]) -> str:
    return f"{row['host']} {hashlib.sha256(zlib.decompress(row['packed_row'])).hexdigest()}"


def _digest(lines: Iterable[str]) -> str:
    total = hashlib.sha256()
    for line in lines:
        total.update(f"{line}\n".encode())
    return total.hexdigest()


def _chunks(values: Sequence[str] | Collection[str]) -> Iterator[list[str]]:
    ordered = list(values)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
