"""The journal of plans that were applied: events, chained by their hashes, to which nothing but the next is written.

Who can write into the store can write another journal: the chain shows what was changed in the middle of one, and
whoever keeps its last hash elsewhere can tell that an end was cut off.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from auditor.errors import StoreError
from auditor.model.remediation import Event, Happened
from auditor.store.database import Database
from auditor.store.tables import REMEDIATION_EVENTS as EVENTS
from auditor.store.tables import REMEDIATIONS

LONGEST = 8 * 1024 * 1024
"""Characters that one event may hold; a capsule of files is the longest."""


class Journal:
    """The journals of a store; every event is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        """Take the store's database."""
        self._database = database

    def open(self, plan: str, text: str) -> None:
        """Keep a plan's text, if it is not kept; its journal may be empty."""
        with self._database.writing() as connection:
            connection.execute(self._database.insert_new(REMEDIATIONS), {"plan": plan, "text": text})

    def append(
        self, plan: str, what: Happened, *, at: str, by: str, host: str | None = None, data: Mapping[str, Any]
    ) -> Event:
        """Write the next event, and return it when it is kept."""
        written = _json(data)
        if len(written) > LONGEST:
            raise StoreError(f"plan {plan[:12]}: an event of {len(written)} characters is longer than is kept")
        with self._database.writing() as connection:
            # Who writes to the same journal meanwhile waits here; SQLite has one writer at a time as it is.
            connection.execute(sa.select(REMEDIATIONS.c.plan).where(REMEDIATIONS.c.plan == plan).with_for_update())
            last = connection.execute(
                sa.select(EVENTS.c.number, EVENTS.c.sha256)
                .where(EVENTS.c.plan == plan)
                .order_by(EVENTS.c.number.desc())
                .limit(1)
            ).first()
            number, previous = (1, "") if last is None else (last.number + 1, last.sha256)
            values: dict[str, Any] = {
                "plan": plan,
                "number": number,
                "at": at,
                "what": str(what),
                "by": by,
                "host": host,
                "data": written,
                "previous": previous,
            }
            values["sha256"] = _hash(values)
            connection.execute(EVENTS.insert().values(**values))
        return _event(values)

    def plans(self) -> list[tuple[str, str]]:
        """Return digest and text of every plan that has a journal, in the order in which they were begun."""
        begun = sa.select(EVENTS.c.plan, EVENTS.c.at).where(EVENTS.c.number == 1).subquery()
        query = (
            sa.select(REMEDIATIONS.c.plan, REMEDIATIONS.c.text)
            .join(begun, begun.c.plan == REMEDIATIONS.c.plan)
            .order_by(begun.c.at, REMEDIATIONS.c.plan)
        )
        with self._database.reading() as connection:
            return [(plan, text) for plan, text in connection.execute(query)]

    def events(self, plan: str) -> list[Event]:
        """Return a plan's events, the first one first; StoreError where the chain does not hold."""
        query = sa.select(EVENTS).where(EVENTS.c.plan == plan).order_by(EVENTS.c.number)
        with self._database.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        _check(plan, rows)
        return [_event(row) for row in rows]


def _check(plan: str, rows: Sequence[Mapping[str, Any]]) -> None:
    previous = ""
    for number, row in enumerate(rows, start=1):
        if row["number"] != number or row["previous"] != previous or row["sha256"] != _hash(row):
            raise StoreError(
                f"plan {plan[:12]}: its journal does not hold at event {number}: somebody has changed the store; "
                "compare it with a copy of yours, and audit the hosts of the plan"
            )
        previous = row["sha256"]


def _hash(values: Mapping[str, Any]) -> str:
    said = {key: value for key, value in values.items() if key != "sha256"}
    return hashlib.sha256(_json(said).encode()).hexdigest()


def _event(values: Mapping[str, Any]) -> Event:
    read = dict(values) | {"what": Happened(values["what"]), "data": json.loads(values["data"])}
    return Event(**read)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
