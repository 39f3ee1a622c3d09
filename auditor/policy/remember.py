"""What a run adds to what is known of a host's products: when they came, went, came back, and stood idle."""

from collections.abc import Mapping
from datetime import datetime

from auditor.model.past import History, ProductPast
from auditor.model.record import Record, replace


class SeenProducts(Record, kw_only=True):
    """What a run says of the products of one host, as far as their past depends on it."""

    running: Mapping[str, bool]
    """Products that are certainly on the host, each with whether it runs."""
    doubtful: frozenset[str] = frozenset()
    """Products that are only suspected: neither there nor gone."""
    is_settled: bool
    """Whether all was seen that tells products, so that what is not named is not there."""


def remember(history: History, seen: SeenProducts, as_of: datetime) -> dict[str, ProductPast]:
    """Return what is known of a host's products after a run.

    Absence takes evidence: a product is gone only where everything was seen that would tell it. A product that
    is seen for the first time by another catalogue or version than the last complete run's may have been there
    before, so that nothing is said of when it came.
    """
    after = {name: _unseen(past, seen, name, as_of) for name, past in history.products.items()}
    for name, runs in seen.running.items():
        past = history.products.get(name)
        known = _came(history, as_of) if past is None else past
        after[name] = _idle(_seen(known, as_of), seen, as_of, runs=runs)
    return after


def _came(history: History, as_of: datetime) -> ProductPast:
    return ProductPast(
        first_seen=as_of, last_seen=as_of, absent_before=history.last_complete if history.same_rules else None
    )


def _seen(past: ProductPast, as_of: datetime) -> ProductPast:
    if past.gone_since is None:
        return replace(past, last_seen=as_of)
    return replace(past, last_seen=as_of, gone_since=None, was_gone=past.gone_since, returned=as_of, idle_runs=0)


def _idle(past: ProductPast, seen: SeenProducts, as_of: datetime, *, runs: bool) -> ProductPast:
    if runs:
        return replace(past, idle_runs=0, idle_since=None)
    if not seen.is_settled:
        return past
    since = past.idle_since if past.idle_runs else None
    return replace(past, idle_runs=past.idle_runs + 1, idle_since=since or as_of)


def _unseen(past: ProductPast, seen: SeenProducts, name: str, as_of: datetime) -> ProductPast:
    if past.gone_since is not None or not seen.is_settled or name in seen.doubtful:
        return past
    return replace(past, gone_since=as_of, idle_runs=0, idle_since=None)
