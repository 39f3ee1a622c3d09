"""What is known of a host's products after each run: absence and idleness take evidence."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.past import History, ProductPast
from auditor.policy.remember import SeenProducts, remember


def month(number: int) -> datetime:
    return datetime(2026, number, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a host: what it saw of one product."""

    sees: str | None = None
    """``running``, ``installed``, ``suspected`` or nothing."""
    whole: bool = True
    """Whether all that tells products was seen."""
    same: bool = True
    """Whether the complete run before it knew products as it does."""


def after(runs: Iterable[Run]) -> ProductPast | None:
    """Follow one product through runs of January, February and so on."""
    history = History()
    for number, run in enumerate(runs, 1):
        seen = SeenProducts(
            running={"anydesk": run.sees == "running"} if run.sees in ("running", "installed") else {},
            doubtful=frozenset({"anydesk"} if run.sees == "suspected" else ()),
            is_settled=run.whole,
        )
        known = History(
            first_seen=month(1),
            last_complete=history.last_complete,
            complete_runs=history.complete_runs,
            same_rules=run.same,
            products=history.products,
        )
        history = History(
            last_complete=month(number) if run.whole else history.last_complete,
            complete_runs=history.complete_runs + run.whole,
            products=remember(known, seen, month(number)),
        )
    return history.products.get("anydesk")


NOTHING, INSTALLED, RUNNING = Run(), Run(sees="installed"), Run(sees="running")
HALF_SEEN, SUSPECTED = Run(whole=False), Run(sees="suspected")


@pytest.mark.parametrize(
    ("runs", "known"),
    [
        pytest.param([NOTHING, NOTHING], None, id="what never was there is not known"),
        pytest.param([SUSPECTED], None, id="a suspicion is no sighting"),
        pytest.param(
            [INSTALLED],
            ProductPast(first_seen=month(1), last_seen=month(1), idle_runs=1, idle_since=month(1)),
            id="what the first run sees was there before anybody looked",
        ),
        pytest.param(
            [NOTHING, RUNNING],
            ProductPast(first_seen=month(2), last_seen=month(2), absent_before=month(1)),
            id="what a complete run did not see came after it",
        ),
        pytest.param(
            [HALF_SEEN, RUNNING],
            ProductPast(first_seen=month(2), last_seen=month(2)),
            id="what a run did not see that saw little may have been there",
        ),
        pytest.param(
            [NOTHING, Run(sees="running", same=False)],
            ProductPast(first_seen=month(2), last_seen=month(2)),
            id="what another catalogue did not see may have been there",
        ),
        pytest.param(
            [RUNNING, NOTHING],
            ProductPast(first_seen=month(1), last_seen=month(1), gone_since=month(2)),
            id="what a complete run sees no more is gone",
        ),
        pytest.param(
            [RUNNING, HALF_SEEN, SUSPECTED],
            ProductPast(first_seen=month(1), last_seen=month(1)),
            id="what a run did not see that saw little is not gone, nor is what is suspected",
        ),
        pytest.param(
            [RUNNING, NOTHING, NOTHING, INSTALLED],
            ProductPast(
                first_seen=month(1),
                last_seen=month(4),
                was_gone=month(2),
                returned=month(4),
                idle_runs=1,
                idle_since=month(4),
            ),
            id="what was gone and is seen again came back",
        ),
        pytest.param(
            [INSTALLED, INSTALLED, Run(sees="installed", whole=False), INSTALLED],
            ProductPast(first_seen=month(1), last_seen=month(4), idle_runs=3, idle_since=month(1)),
            id="a run that saw little neither counts as idle nor ends idleness",
        ),
        pytest.param(
            [INSTALLED, RUNNING, INSTALLED],
            ProductPast(first_seen=month(1), last_seen=month(3), idle_runs=1, idle_since=month(3)),
            id="one run that sees it running ends idleness",
        ),
    ],
)
def test_of_these_runs_this_is_known(runs: list[Run], known: ProductPast | None) -> None:
    assert after(runs) == known


@given(st.lists(st.sampled_from([NOTHING, INSTALLED, RUNNING, HALF_SEEN, SUSPECTED]), max_size=12))
def test_what_is_known_never_says_more_than_was_seen(runs: list[Run]) -> None:
    past = after(runs)
    seen = [number for number, run in enumerate(runs, 1) if run.sees in ("running", "installed")]
    assert (past is not None) == bool(seen)
    if past is None:
        return
    assert (past.first_seen, past.last_seen) == (month(seen[0]), month(seen[-1]))
    empty = [number for number, run in enumerate(runs, 1) if run.whole and run.sees is None]
    assert (past.gone_since is not None) == any(number > seen[-1] for number in empty)
    assert (past.returned is not None) == any(seen[0] < number < seen[-1] for number in empty)
    assert (past.absent_before is not None) == any(run.whole for run in runs[: seen[0] - 1])
    assert past.idle_runs <= sum(run.whole and run.sees == "installed" for run in runs)
