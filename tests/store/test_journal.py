"""A plan's journal is a chain: what was written is read back, and what was changed since is seen."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.errors import StoreError
from auditor.model.remediation import Happened
from auditor.store.store import Store

PLAN = "a" * 64


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    """Give a store with a journal of three events, and another plan's of one."""
    with closing(Store(address, durable=True)) as store:
        for plan in (PLAN, "b" * 64):
            store.journal.open(plan, "text of the plan")
            store.journal.open(plan, "is kept once")
        store.journal.append("b" * 64, Happened.STARTED, at="2026-11-27T12:00:00Z", by="ada", data={})
        for number, what in enumerate((Happened.STARTED, Happened.CAPTURED, Happened.ENDED)):
            at = f"2026-11-27T12:00:0{number}Z"
            store.journal.append(PLAN, what, at=at, by="ada", host="web1", data={"n": number})
        yield store


def test_events_come_back_in_order_each_with_the_hash_of_the_one_before(store: Store) -> None:
    events = store.journal.events(PLAN)
    assert [event.what for event in events] == [Happened.STARTED, Happened.CAPTURED, Happened.ENDED]
    assert [event.data["n"] for event in events] == [0, 1, 2]
    assert [event.previous for event in events] == ["", events[0].sha256, events[1].sha256]
    assert store.journal.plans() == [("a" * 64, "text of the plan"), ("b" * 64, "text of the plan")]


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE remediation_events SET "by" = 'grace' WHERE number = 2""",
        "UPDATE remediation_events SET data = '{\"n\":7}' WHERE number = 1",
        "UPDATE remediation_events SET host = NULL WHERE number = 3",
        "DELETE FROM remediation_events WHERE number = 1",
        "DELETE FROM remediation_events WHERE number = 2",
        "UPDATE remediation_events SET number = number + 1 WHERE number = 3",
    ],
)
def test_what_was_changed_in_the_store_is_seen(store: Store, change: str) -> None:
    with store._database.writing() as raw:
        raw.execute(sa.text(change.replace(":", "\\:") + f" AND plan = '{PLAN}'"))
    with pytest.raises(StoreError, match="does not hold at event"):
        store.journal.events(PLAN)
    assert len(store.journal.events("b" * 64)) == 1


def test_an_event_is_on_the_disk_when_it_is_written(tmp_path: Path) -> None:
    for durable, wanted in ((True, 2), (False, 1)):
        store = Store(str(tmp_path / "other.sqlite"), durable=durable)
        with store._database.writing() as connection:  # sqlite.org/pragma: 2 is FULL, 1 NORMAL
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == wanted
        with store._database.writing(durable=True) as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        with store._database.writing() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == wanted
        store.close()


def test_an_event_has_a_longest_length(store: Store) -> None:
    with pytest.raises(StoreError, match="longer than is kept"):
        store.journal.append(PLAN, Happened.CAPTURED, at="", by="", data={"capsule": "x" * 9_000_000})
    assert len(store.journal.events(PLAN)) == 3
