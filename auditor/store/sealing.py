"""What is added to a run after its end: its seal and place in the chain, behind the run that was sealed last."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.store.tables import RUNS


def seal(connection: Connection, run: str, make: Callable[[Mapping[str, Any] | None], str]) -> None:
    """Put a run behind the last one of the chain, within a transaction that writes.

    Only one run is sealed at a time, so that no two follow the same. One that was sealed keeps its place.
    """
    # A server lets others write meanwhile: whoever seals a run waits here. SQLite has one writer anyway.
    connection.execute(sa.select(RUNS.c.id).order_by(RUNS.c.sequence).with_for_update()).all()
    found = connection.execute(sa.select(RUNS.c.id, RUNS.c.summary).order_by(RUNS.c.sequence))
    summaries: dict[str, dict[str, Any]] = {name: json.loads(summary) for name, summary in found}
    mine = summaries[run]
    previous = mine["previous"] if "previous" in mine else _last(summaries)
    _write(connection, run, mine | {"seal": make(previous), "previous": previous})


def note(connection: Connection, run: str, more: Mapping[str, object]) -> None:
    """Add to the summary of a run, within a transaction that writes."""
    old = connection.execute(sa.select(RUNS.c.summary).where(RUNS.c.id == run).with_for_update()).scalar_one()
    _write(connection, run, json.loads(old) | more)


def _write(connection: Connection, run: str, summary: Mapping[str, object]) -> None:
    text = json.dumps(summary, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    connection.execute(RUNS.update().where(RUNS.c.id == run).values(summary=text))


def _last(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the sealed run that no other follows; of several the one with the highest number."""
    sealed = {name: summary["seal"] for name, summary in summaries.items() if "seal" in summary}
    followed = {(summary.get("previous") or {}).get("seal") for summary in summaries.values()}
    ends = [{"run": name, "seal": seal} for name, seal in sealed.items() if seal not in followed]
    return ends[-1] if ends else None
