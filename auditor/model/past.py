"""What earlier runs know of a host: sealed into the inputs of the next one."""

from collections.abc import Mapping
from datetime import datetime

from auditor.model.record import Record, field


class ProductPast(Record, kw_only=True):
    """What earlier runs saw of one remote-access product on one host. Every instant is a run's as-of, UTC."""

    first_seen: datetime
    """Run that saw it first."""
    last_seen: datetime
    """Run that saw it last."""
    absent_before: datetime | None = None
    """Last complete run before it came that would have told it; None where it was there before anybody looked."""
    gone_since: datetime | None = None
    """Run that found it gone after it was last seen; None while it is there, or nobody could tell."""
    was_gone: datetime | None = None
    """Run that had found it gone before it came back; None while it never did."""
    returned: datetime | None = None
    """Run that saw it again after that."""
    idle_runs: int = 0
    """Complete runs in a row, the last one included, that saw it installed and not running."""
    idle_since: datetime | None = None
    """The first of those."""


def joined(one: ProductPast, other: ProductPast) -> ProductPast:
    """Return the past of one product that was taken for two: it was there whenever either was.

    That it came back is said only where both did, and that it stood idle only for as long as neither ran.
    """
    there = [past for past in (one, other) if past.gone_since is None] or [one, other]
    first = min((one, other), key=lambda past: past.first_seen)
    back = (
        min(there, key=lambda past: past.returned or past.first_seen) if all(past.returned for past in there) else None
    )
    idle = min(there, key=lambda past: past.idle_runs)
    return ProductPast(
        first_seen=first.first_seen,
        last_seen=max(one.last_seen, other.last_seen),
        absent_before=first.absent_before,
        gone_since=max((past.gone_since for past in there if past.gone_since is not None), default=None),
        was_gone=None if back is None else back.was_gone,
        returned=None if back is None else back.returned,
        idle_runs=idle.idle_runs,
        idle_since=idle.idle_since,
    )


class History(Record, kw_only=True):
    """What earlier runs know of a host."""

    first_seen: datetime | None = None
    """As-of instant of the first run that had it in scope; None when this is the first."""
    last_complete: datetime | None = None
    """As-of instant of the last run with complete evidence of it."""
    complete_runs: int = 0
    """Runs with complete evidence of it."""
    same_rules: bool = True
    """Whether the last of those told products by the same catalogue and version of the auditor as this run does."""
    products: Mapping[str, ProductPast] = field(default_factory=dict)
    """What they saw of remote-access products, by catalogue id."""
