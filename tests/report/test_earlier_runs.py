"""Which runs are told of in a history: finished ones of the same scope, the newest of them, and what each came to."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auditor.model.host import HostFacts
from auditor.report.earlier_runs import KEPT, earlier_runs
from auditor.store.record import RunRecord
from auditor.store.store import Store

_COUNTED: dict[str, Any] = {
    "coverage": {"scope": 3, "assessed": 2, "wanted": 1.0, "share": 0.6},
    "outcomes": {"compliant": 2, "unreachable": 1},
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(str(tmp_path / "store.sqlite"))) as opened:
        yield opened


def kept(
    store: Store,
    name: str,
    summary: dict[str, Any] | None = _COUNTED,
    *,
    as_of: str = "2026-01-01T00:00:00Z",
    source: str = "plan",
    **options: object,
) -> None:
    """Keep a run; without a summary it is not finished."""
    record = RunRecord(
        id=name,
        sequence=0,
        started=as_of,
        finished=None,
        operator="o",
        tool_version="0",
        as_of=as_of,
        scope_count=3,
        scope_sha256="s" * 64,
        scope_source=source,
        options=options,
        inputs={"policy": "p" * 64},
        summary={},
    )
    store.begin(record, [(HostFacts(name="a", key="a"), "{}")], [])
    if summary is not None:
        store.finish(name, finished=as_of, summary=summary)


def names(store: Store, source: str = "plan", before: str | None = None, **options: object) -> list[str]:
    return [row["run"] for row in earlier_runs(store, source, options, before)]


def test_only_finished_runs_of_the_same_scope_are_told_of_the_oldest_first(store: Store) -> None:
    kept(store, "first")
    kept(store, "of another inventory", inventory="other.yml")
    kept(store, "of some hosts", patterns=["web-*"])
    kept(store, "of a limit", limit="db")
    kept(store, "of another plan", source="other")
    kept(store, "of hosts that were changed", remediation="d" * 64)
    kept(store, "not at its end", None)
    kept(store, "evidence only", {})
    kept(store, "second", patterns=[], limit=None)
    assert names(store) == ["first", "second"]
    assert names(store, patterns=["web-*"]) == ["of some hosts"]
    assert names(store, "wherever", inventory="other.yml") == ["of another inventory"]


def test_runs_that_judge_later_are_left_out(store: Store) -> None:
    for month in ("01", "02", "03"):
        kept(store, month, as_of=f"2026-{month}-01T00:00:00Z")
    assert names(store, before="2026-03-01T00:00:00Z") == ["01", "02"]


def test_the_newest_are_kept_of_very_many(store: Store) -> None:
    for number in range(KEPT + 3):
        kept(store, f"{number:03}")
    told = names(store)
    assert (len(told), told[0], told[-1]) == (KEPT, "003", f"{KEPT + 2:03}")


def test_what_a_run_came_to_is_told_and_what_its_version_did_not_count_is_not(store: Store) -> None:
    kept(store, "old")
    kept(store, "new", _COUNTED | {"findings": {"open": 1}, "seal": "e" * 64})
    old, new = earlier_runs(store, "plan", {})
    assert old["outcomes"] == {"noncompliant": 0, "partial": 0, "unreachable": 1, "compliant": 2}
    assert old["coverage"] == {"scope": 3, "assessed": 2, "wanted": 1.0}
    assert (old["findings"], old["seal"]) == (None, None)
    assert (new["findings"], new["seal"]) == ({"open": 1}, "e" * 64)
