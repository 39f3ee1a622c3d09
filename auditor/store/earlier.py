"""What finished runs know of hosts: asked when a run begins, and sealed into its inputs."""

import json
from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.store.record import KnownHost, named
from auditor.store.tables import FINDINGS, PASTS, RESULTS, RUNS, SCOPE

_FEW = 500
"""Hosts that are named in a question; of more, the answer is read whole and picked from here."""


def ended(before: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what picks finished runs: all of them, or those that judge before an instant."""
    is_finished = RUNS.c.finished.is_not(None)
    return (is_finished,) if before is None else (is_finished, RUNS.c.as_of < before)


def findings(connection: Connection, keys: Collection[str], before: str | None) -> Iterator[dict[str, Any]]:
    """Return the findings of each host's last run, its id put in where they say *this one*, sorted.

    They are read from the database at once, and each is made a row when it is asked for: that takes more memory.
    """
    known = connection.execute(_last_runs(before, keys)).all()
    last = {row.host_key: row.sequence for row in known if row.host_key in keys}
    found = []
    # Run by run: a database that joins all of it at once may go through a run's findings for every host of it.
    for number in sorted(set(last.values())):
        query = (
            sa.select(
                FINDINGS.c.host, FINDINGS.c.fingerprint, SCOPE.c.host_key, FINDINGS.c.row, RUNS.c.id, RUNS.c.as_of
            )
            .join(SCOPE, (SCOPE.c.run == FINDINGS.c.run) & (SCOPE.c.host == FINDINGS.c.host))
            .join(RUNS, RUNS.c.id == FINDINGS.c.run)
            .where(RUNS.c.sequence == number, *_among(keys))
        )
        found += [row for row in connection.execute(query) if last.get(row.host_key) == number]
    # Sorted here: databases sort texts by rules of their own, and this order is sealed.
    found.sort(key=lambda row: (row.host, row.fingerprint), reverse=True)
    return _popped(found)


def _popped(found: list[Any]) -> Iterator[dict[str, Any]]:
    while found:
        row = found.pop()
        yield named(json.loads(row.row), run=row.id, as_of=row.as_of)


def pasts(connection: Connection, keys: Collection[str], before: str | None) -> dict[str, dict[str, Any]]:
    """Return what is known of each host's products by its last run; hosts that never had one are left out."""
    last = _last_runs(before, keys).subquery()
    query = (
        sa.select(PASTS.c.host_key, PASTS.c.row)
        .join(RUNS, RUNS.c.id == PASTS.c.run)
        .join(last, (last.c.host_key == PASTS.c.host_key) & (last.c.sequence == RUNS.c.sequence))
    )
    return {key: json.loads(row) for key, row in sorted(map(tuple, connection.execute(query))) if key in keys}


def pasts_after(connection: Connection, run: str) -> dict[str, dict[str, Any]]:
    """Return what is known of products after one run, by the names that its hosts have in it."""
    query = (
        sa.select(SCOPE.c.host, PASTS.c.row)
        .join(PASTS, (PASTS.c.run == SCOPE.c.run) & (PASTS.c.host_key == SCOPE.c.host_key))
        .where(SCOPE.c.run == run)
        .order_by(SCOPE.c.ordinal)
    )
    return {host: json.loads(row) for host, row in connection.execute(query)}


def last_judged(connection: Connection, keys: Collection[str]) -> tuple[str, str] | None:
    """Return as-of and id of the finished run that judged one of these hosts at the latest instant."""
    query = (
        sa.select(SCOPE.c.host_key, sa.func.max(RUNS.c.as_of))
        .join(RUNS, RUNS.c.id == SCOPE.c.run)
        .where(*ended(None), *_among(keys))
        .group_by(SCOPE.c.host_key)
    )
    latest = max((as_of for key, as_of in connection.execute(query) if key in keys), default=None)
    if latest is None:
        return None
    newest = sa.select(RUNS.c.id).where(*ended(None), RUNS.c.as_of == latest).order_by(RUNS.c.sequence.desc())
    return latest, connection.execute(newest).scalars().first() or ""


def hosts(connection: Connection, keys: Collection[str] | None, before: str | None) -> dict[str, KnownHost]:
    """Return what is known of these hosts, by their keys; of every host, where none are named."""
    complete = sa.case((RESULTS.c.inventoried, RUNS.c.as_of), else_=None)
    query = (
        sa.select(
            SCOPE.c.host_key, sa.func.min(RUNS.c.as_of), sa.func.max(complete), sa.func.count(sa.distinct(complete))
        )
        .join(RUNS, RUNS.c.id == SCOPE.c.run)
        .outerjoin(RESULTS, (RESULTS.c.run == SCOPE.c.run) & (RESULTS.c.host == SCOPE.c.host))
        .where(*ended(before), *_among(keys))
        .group_by(SCOPE.c.host_key)
    )
    by = _told_by(connection, before)
    return {
        key: KnownHost(first=first, complete=last, complete_runs=runs, told_by=by[last] if last else None)
        for key, first, last, runs in connection.execute(query)
        if keys is None or key in keys
    }


def _told_by(connection: Connection, before: str | None) -> dict[str, list[str] | None]:
    """Return what products were told by at each instant that was judged at; None where runs differ in it."""
    by: dict[str, list[str] | None] = {}
    query = sa.select(RUNS.c.as_of, RUNS.c.tool_version, RUNS.c.inputs).where(*ended(before))
    for as_of, version, inputs in connection.execute(query):
        told = [version, json.loads(inputs).get("catalogue")]
        by[as_of] = told if by.setdefault(as_of, told) == told else None
    return by


def _last_runs(before: str | None, keys: Collection[str]) -> sa.Select[tuple[str, int]]:
    """Return what asks for the number of the last finished run of every host: of these hosts, where they are few."""
    return (
        sa.select(SCOPE.c.host_key, sa.func.max(RUNS.c.sequence).label("sequence"))
        .join(RUNS, RUNS.c.id == SCOPE.c.run)
        .where(*ended(before), *_among(keys))
        .group_by(SCOPE.c.host_key)
    )


def _among(keys: Collection[str] | None) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what picks a few hosts, so that an audit of one does not read all; of many, all is read."""
    return () if keys is None or len(keys) > _FEW else (SCOPE.c.host_key.in_(sorted(keys)),)
