"""Where a run stands in the chain of runs: behind the one that was sealed last."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.store.tables import META, RUNS


def seal(connection: Connection, run: str, make: Callable[[Mapping[str, Any] | None], str]) -> None:
    """Put a run behind the last one of the chain, within a transaction that writes."""
    # A server lets others write meanwhile: whoever seals a run waits here. SQLite has one writer anyway.
    connection.execute(sa.select(META.c.value).where(META.c.key == "version").with_for_update())
    found = connection.execute(sa.select(RUNS.c.id, RUNS.c.summary).order_by(RUNS.c.sequence))
    summaries: dict[str, dict[str, Any]] = {name: json.loads(summary) for name, summary in found}
    mine = summaries[run]
    previous = mine["previous"] if "previous" in mine else _last(summaries)
    values = json.dumps(
        mine | {"seal": make(previous), "previous": previous}, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    connection.execute(RUNS.update().where(RUNS.c.id == run).values(summary=values))


def _last(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the sealed run that no other follows; of several the one with the highest number."""
    sealed = {name: summary["seal"] for name, summary in summaries.items() if "seal" in summary}
    followed = {(summary.get("previous") or {}).get("seal") for summary in summaries.values()}
    ends = [{"run": name, "seal": seal} for name, seal in sealed.items() if seal not in followed]
    return ends[-1] if ends else None
