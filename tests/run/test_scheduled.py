"""What becomes of an audit that is due: late, missed, waiting, interrupted, orphaned; and two services on one store."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import UsageError
from auditor.model.schedule import FireState
from auditor.run.calendar import calendar_of
from auditor.run.cron import parse_cron, rare_days
from auditor.run.scheduled import BUSY, lock_of, mark_of
from auditor.store.store import Store
from tests.run.simulated_calendar import Clock, Service, a_schedule, begun, finished, utc

DUE = utc("2028-03-01T06:00:00")
NEXT = utc("2028-04-01T06:00:00")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(str(tmp_path / "store.sqlite"))) as opened:
        opened.schedules.add(a_schedule(added=utc("2028-02-15T00:00:00")))
        yield opened


@pytest.fixture
def service(store: Store) -> Service:
    return Service(store=Path(store.url), clock=Clock(DUE))


def attended(service: Service, store: Store, *, resume: bool = False) -> list[tuple[FireState, bool]]:
    fires = service.attendant(store).attend("monthly", resume=resume)
    return [(fire.state, fire.late) for fire in fires]


@pytest.mark.parametrize(
    ("now", "changes", "expected"),
    [
        pytest.param("2028-03-01T05:59:59", {}, [], id="not-before"),
        pytest.param("2028-03-01T06:00:00", {}, [("done", False)], id="on-time"),
        pytest.param("2028-03-01T06:01:00", {}, [("done", False)], id="a-minute-is-no-delay"),
        pytest.param("2028-03-01T06:01:01", {}, [("done", True)], id="late"),
        pytest.param("2028-03-11T06:00:00", {}, [("done", True)], id="at-the-end-of-its-window"),
        pytest.param("2028-03-11T06:00:01", {}, [("missed", False)], id="after-its-window"),
        pytest.param(
            "2028-03-01T06:30:00", {"catch_up": False}, [("missed", False)], id="that-catches-up-with-nothing"
        ),
        pytest.param("2028-05-02T00:00:00", {}, [("missed", False), ("missed", False), ("done", True)], id="the-last"),
    ],
)
def test_when_it_is_begun(store: Store, service: Service, now: str, changes: dict[str, Any], expected: object) -> None:
    store.schedules.remove("monthly", at=DUE, by="o")
    store.schedules.add(a_schedule(added=utc("2028-02-15T00:00:00"), **changes))
    service.clock.now = utc(now)
    attended(service, store)
    fires = store.schedules.fires("monthly")[::-1]
    assert [(fire.state, fire.late) for fire in fires] == expected
    assert len(service.audits) == sum(fire.state == "done" for fire in fires)
    assert [fire.due for fire in service.told if fire.state == "missed"] == [
        f.due for f in fires if f.state == "missed"
    ]
    assert attended(service, store, resume=True) == []


@pytest.mark.parametrize(("code", "state"), [(0, "done"), (1, "done"), (3, "done"), (2, "failed"), (70, "failed")])
def test_its_end_is_written_down(store: Store, service: Service, code: int, state: str) -> None:
    service.ends = lambda _audit: code
    attended(service, store)
    (fire,) = store.schedules.fires("monthly")
    assert (fire.state, fire.exit_code, fire.reason) == (state, code, "last words" if state == "failed" else None)
    assert (fire.run is None, fire.ended) == (state == "failed", service.clock.now)
    assert attended(service, store, resume=True) == []


def test_two_services_begin_it_once(store: Store, service: Service) -> None:
    other = Service(store=service.store, clock=service.clock)
    with closing(Store(str(service.store))) as second:
        service.ends = lambda _audit: len(attended(other, second))  # the other looks while the first is at it
        attended(service, store)
        assert attended(other, second) == []
    assert (len(service.audits), len(other.audits)) == (1, 0)
    assert [fire.exit_code for fire in store.schedules.fires("monthly")] == [0]


def test_two_that_claim_the_same_instant_are_told_apart(store: Store, service: Service) -> None:
    attended(service, store)
    (fire,) = store.schedules.fires("monthly")
    with closing(Store(store.url)) as second:
        assert second.schedules.claim([fire]) == []


def test_an_interrupted_audit_goes_on_at_the_restart(store: Store, service: Service) -> None:
    service.ends = lambda audit: 0 if audit.resumed else 130
    assert attended(service, store) == [("interrupted", False)]
    assert attended(service, store) == []
    service.clock.pass_by(timedelta(days=2))
    assert attended(service, store, resume=True) == [("done", False)]
    (run,) = store.runs()
    assert [audit.resumed for audit in service.audits] == [None, run.id]


def test_what_does_not_go_on_in_its_window_stays_interrupted(store: Store, service: Service) -> None:
    service.ends = lambda _audit: 130
    attended(service, store)
    service.clock.pass_by(timedelta(days=11))
    assert attended(service, store, resume=True) == []
    (fire,) = store.schedules.fires("monthly")
    assert (fire.state, "window closed" in (fire.reason or "")) == ("interrupted", True)
    assert service.told[-1] == fire


def test_the_next_one_stands_above_an_interrupted_one(store: Store, service: Service) -> None:
    store.schedules.remove("monthly", at=DUE, by="o")
    store.schedules.add(a_schedule(added=utc("2028-02-15T00:00:00"), window=timedelta(days=31)))
    service.ends = lambda audit: 130 if audit.due == DUE else 0
    attended(service, store)
    service.clock.now = NEXT
    assert attended(service, store, resume=True) == [("done", False)]
    states = [(fire.due, fire.state) for fire in store.schedules.fires("monthly")]
    assert states == [(NEXT, "done"), (DUE, "interrupted")]
    assert len({audit.due for audit in service.audits}) == len(service.audits) == 2


def killed(store: Store, service: Service) -> None:
    """Leave behind what a service does that is killed once its audit has begun a run."""

    def ends(_audit: object) -> int:
        (fire,) = store.schedules.unended("monthly")
        begun(store, service.clock.now, schedule=mark_of(fire))
        raise KeyboardInterrupt

    service.ends = ends
    with pytest.raises(KeyboardInterrupt):
        attended(service, store)
    service.ends = lambda _audit: 0


def test_after_a_kill_it_goes_on_without_a_restart_of_the_other_service(store: Store, service: Service) -> None:
    killed(store, service)
    attendant = service.attendant(store)
    assert attendant.is_wanted(store.schedules.named("monthly"))
    assert attended(service, store) == [("done", False)]
    (run,) = store.runs()
    assert [audit.resumed for audit in service.audits] == [None, run.id]
    assert not attendant.is_wanted(store.schedules.named("monthly"))


def test_an_audit_that_outlived_its_service_is_not_begun_again(store: Store, service: Service) -> None:
    killed(store, service)
    (run,) = store.runs()
    finished(store, run.id, service.clock.now, violating=1)
    assert attended(service, store, resume=True) == []
    (fire,) = store.schedules.fires("monthly")
    assert (fire.state, fire.exit_code, fire.run, len(service.audits)) == ("done", 1, run.id, 1)


def test_it_waits_for_another_audit_of_the_same_hosts(store: Store, service: Service) -> None:
    codes = iter([BUSY, BUSY, 0])
    service.ends = lambda _audit: next(codes)
    assert attended(service, store) == [("done", False)]
    assert len(store.runs()) == 1


def test_it_is_skipped_when_the_other_does_not_end(store: Store, service: Service) -> None:
    service.ends, service.takes = lambda _audit: BUSY, timedelta(days=3)
    assert attended(service, store) == [("skipped", False)]
    (fire,) = store.schedules.fires("monthly")
    assert fire.reason == "its window closed while it waited: last words"
    assert store.runs() == []


def test_what_was_due_before_it_was_added_again_is_not_begun(store: Store, service: Service) -> None:
    store.schedules.remove("monthly", at=DUE, by="o")
    service.clock.now = DUE + timedelta(hours=1)
    assert attended(service, store) == []
    store.schedules.add(a_schedule(added=DUE + timedelta(minutes=5)))
    assert attended(service, store) == []
    with pytest.raises(UsageError, match="is there already"):
        store.schedules.add(a_schedule())
    assert [one.removed for one in store.schedules.all(removed=True)] == [DUE, None]


def test_a_lock_ends_with_its_holder(store: Store) -> None:
    lock = lock_of("monthly")
    with closing(Store(store.url)) as other, store.locks.held(lock, "me") as is_ours:
        with other.locks.held(lock) as is_theirs:
            assert (is_ours, is_theirs) == (True, False)
        assert (other.locks.is_free(lock), other.locks.holder(lock), other.locks.is_free("x")) == (False, "me", True)
    assert store.locks.is_free(lock)


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 0 * * 0", "2028-03-05 2028-03-12"),
        ("0 0 * * 7", "2028-03-05 2028-03-12"),
        ("0 0 * * sun", "2028-03-05 2028-03-12"),
        ("0 0 * * 1", "2028-03-06 2028-03-13"),
        ("0 0 * * 5-7", "2028-03-03 2028-03-04"),
        ("0 0 * * */3", "2028-03-01 2028-03-04"),
        ("0 0 13 * fri", "2028-03-03 2028-03-10"),
        ("0 0 13 * *", "2028-03-13 2028-04-13"),
        ("0 0 */10 * mon", "2028-05-01 2028-07-31"),
        ("0 0 29 2 *", "2032-02-29 2036-02-29"),
        ("0 0 31 * *", "2028-03-31 2028-05-31"),
        ("0 0 L feb-apr *", "2028-03-31 2028-04-30"),
        ("0 0 L,15 * *", "2028-03-15 2028-03-31"),
        ("@monthly", "2028-03-01 2028-04-01"),
        ("@weekly", "2028-03-05 2028-03-12"),
    ],
)
def test_cron_is_read_as_crontab_has_it(cron: str, days: str) -> None:
    dues = calendar_of(a_schedule(cron=cron)).dues(utc("2028-02-29T23:59:59"))
    assert [f"{next(dues):%F}", f"{next(dues):%F}"] == days.split()


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "* * 31 2 *",
     "0 0 30 2 *", "0 0 31 4,6,9,11 *", "1-0 * * * *", "*/0 * * * *", "5/10 * * * *", "a * * * *", "0 0 * * monday",
     "@reboot", "-1 * * * *", "1,,2 * * * *", "٣ * * * *", "0 0 * * 1#2", "x" * 2000],
)  # fmt: skip
def test_what_is_no_cron_is_refused(cron: str) -> None:
    with pytest.raises(UsageError, match="--cron"):
        parse_cron(cron)


def test_days_that_months_lack_are_named() -> None:
    assert rare_days(parse_cron("0 0 31 * *")) == (31,)
    assert [rare_days(parse_cron(f"0 0 {day}")) for day in ("28 * *", "31 1,3 *", "31,L * *", "31 * mon")] == [()] * 4


def test_a_delay_is_the_same_wherever_it_is_drawn() -> None:
    calendar = calendar_of(a_schedule(jitter=timedelta(hours=1)))
    starts = calendar.starts(DUE - timedelta(seconds=1))
    drawn = [next(starts) for _ in range(100)]
    delays = [(start - due).total_seconds() for due, start in drawn]
    assert drawn[0][0] == DUE
    assert delays[:3] == [839, 3162, 2188]
    assert all(0 <= delay <= 3600 for delay in delays)
    assert len(set(delays)) > 90
    other = calendar_of(a_schedule("weekly", jitter=timedelta(hours=1))).starts(DUE - timedelta(seconds=1))
    assert next(other)[1] != drawn[0][1]


def test_a_delay_never_reaches_the_next_instant() -> None:
    calendar = calendar_of(a_schedule(cron="*/15 * * * *", jitter=timedelta(days=2)))
    starts = calendar.starts(DUE)
    pairs = [next(starts) for _ in range(500)]
    assert all(start < following for (_, start), (following, _) in pairwise(pairs))
