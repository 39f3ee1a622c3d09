"""What earlier runs know of the hosts in scope, between the store, the sealed text and the rules."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from auditor.collect.seal import canonical
from auditor.model.host import HostFacts
from auditor.model.past import History, ProductPast
from auditor.model.sighting import Confidence, SightingState
from auditor.model.verdict import Verdict
from auditor.policy.lifecycle import is_settled
from auditor.policy.remember import SeenProducts, remember
from auditor.report.earlier_runs import earlier_runs
from auditor.report.rows import instant
from auditor.run.sealed_history import hosts_told
from auditor.store.record import RunRecord
from auditor.store.store import Store

Row = dict[str, Any]

_TELLS_PRODUCTS = "unapproved_product"
"""Control whose needs are all that tells products."""
PAST_INSTANTS = ("first_seen", "last_seen", "absent_before", "gone_since", "was_gone", "returned", "idle_since")
"""Fields of what is known of a product that are instants."""


def history_text(
    store: Store,
    facts: Sequence[HostFacts],
    before: str | None = None,
    *,
    source: str,
    options: Mapping[str, object] | None = None,
) -> str:
    """Write what earlier runs know of the hosts in scope, and of the scope: an input like any other, sealed as text.

    ``before`` leaves out the runs that judge at that instant or later; ``source`` and ``options`` are what the runs of
    one scope have in common.
    """
    keys = {fact.key for fact in facts}
    known = store.history(before, keys)
    hosts = {key: [known[key].first, known[key].complete] for key in keys if key in known}
    pasts: dict[str, Row] = {
        key: {"complete_runs": known[key].complete_runs, "told_by": known[key].told_by, "products": {}}
        for key in hosts
        if known[key].complete_runs
    }
    for key, products in store.earlier_pasts(keys, before).items():
        pasts.setdefault(key, {"complete_runs": 0, "told_by": None, "products": {}})["products"] = products
    told = {"hosts": hosts, "pasts": pasts, "runs": earlier_runs(store, source, options or {}, before)}
    # Findings are many, so they are written one by one; the keys of the whole stand in their order all the same.
    with StringIO() as text:
        text.write('{"findings":[')
        for number, finding in enumerate(store.earlier_findings(keys, before)):
            text.write(f"{',' if number else ''}{canonical(finding).decode()}")
        text.write(f"],{canonical(told).decode().removeprefix('{')}")
        return text.getvalue()


class Histories(Mapping[str, History]):
    """What earlier runs know of each host, by its key, from the sealed text: read when it is asked for.

    A large fleet has very many hosts: as text each takes a third of the memory.
    """

    def __init__(self, text: str, ours: list[str]) -> None:
        """Take the text, and what this run tells products by, as ``told_by`` gives it."""
        self._told, self._ours = hosts_told(text), ours

    def __getitem__(self, key: str) -> History:
        """Read what is known of a host; KeyError for one that no run knows."""
        (first, last), past = json.loads(self._told[key])
        past = past or {"complete_runs": 0, "told_by": None, "products": {}}
        return History(
            first_seen=_instant(first),
            last_complete=_instant(last),
            complete_runs=past["complete_runs"],
            same_rules=past["told_by"] == self._ours,
            products={name: past_from_row(row) for name, row in past["products"].items()},
        )

    def __iter__(self) -> Iterator[str]:
        """Go through the keys."""
        return iter(self._told)

    def __len__(self) -> int:
        """Count the hosts that are known."""
        return len(self._told)


def told_by(run: RunRecord) -> list[str]:
    """Return what a run tells products by: the version of the auditor, and the catalogue's digest."""
    return [run.tool_version, run.inputs["catalogue"]]


def past_from_row(row: Mapping[str, Any]) -> ProductPast:
    """Read what is known of a product back; ValueError or TypeError for what is none."""
    if type(row["idle_runs"]) is not int:
        raise TypeError("a number of idle runs is wanted, and it is something else")
    instants: dict[str, Any] = {name: _instant(row[name]) for name in PAST_INSTANTS}
    return ProductPast(idle_runs=row["idle_runs"], **instants)


def past_row(past: ProductPast) -> Row:
    """Write what is known of a product."""
    return {"idle_runs": past.idle_runs} | {name: instant(getattr(past, name)) for name in PAST_INSTANTS}


def remembered(history: History, row: Row, as_of: datetime) -> dict[str, Row]:
    """Return what is known of a host's products after a run, given the run's row of it, or its gist."""
    if not history.products and not row["sightings"]:
        return {}
    return {name: past_row(past) for name, past in remember(history, _seen(row), as_of).items()}


def merged_pasts(texts: Iterable[Mapping[str, Any]]) -> dict[str, Row]:
    """Put together what several sealed histories know of products: on each host, the one of the most runs counts."""
    merged: dict[str, Row] = {}
    for told in texts:
        for key, past in told.get("pasts", {}).items():
            if key not in merged or past["complete_runs"] >= merged[key]["complete_runs"]:
                merged[key] = past
    return merged


def _seen(row: Row) -> SeenProducts:
    telling = next((one for one in row["verdicts"] if one["control"] == _TELLS_PRODUCTS), None)
    present = [one for one in row["sightings"] if one["state"] != SightingState.RESIDUAL]
    sure = [one for one in present if one["confidence"] == Confidence.CONFIRMED]
    return SeenProducts(
        running={
            product: any(one["state"] == SightingState.RUNNING for one in sure if one["product"] == product)
            for product in {one["product"] for one in sure}
        },
        doubtful=frozenset(one["product"] for one in present) - {one["product"] for one in sure},
        is_settled=row["reason"] is None
        and telling is not None
        and is_settled(Verdict(telling["verdict"]), has_gaps=bool(telling["gaps"])),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
