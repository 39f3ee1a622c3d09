"""Every host has exactly one outcome, whatever happens to the others."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.pacing import Pacing
from auditor.model.probe import RawOutput
from auditor.run import retries
from auditor.run.fanout import Course, Outcome, Stop, fan_out
from auditor.run.pacing import Standing, Turn
from auditor.run.retries import Window
from auditor.store.record import HostRecord, packed

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def hosts(count: int) -> list[Host]:
    return [Host(name=f"h{number}", address="x") for number in range(count)]


def answer(host: Host) -> RawOutput:
    return RawOutput(stdout=host.name.encode(), stderr=b"", exit_status=0, started=NOW, finished=NOW)


def record(turn: Turn, answer_or_error: RawOutput | HostError) -> HostRecord:
    reason = answer_or_error.reason if isinstance(answer_or_error, HostError) else None
    row = f"{turn.attempt} {turn.after}"
    return HostRecord(
        host=turn.host.name, outcome="x", complete=True, inventoried=True, reason=reason, packed_row=packed(row)
    )


def course(workers: int, **more: Any) -> Course:
    return Course(pacing=Pacing(workers=workers, retries=more.pop("retries", 0)), **more)


def test_each_host_comes_through_once() -> None:
    outcomes = list(fan_out(hosts(200), answer, record, course(16)))
    assert sorted(one.record.host for one in outcomes) == sorted(host.name for host in hosts(200))


def test_no_more_hosts_are_under_way_than_workers() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def slow(host: Host) -> RawOutput:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1
        return answer(host)

    assert len(list(fan_out(hosts(40), slow, record, course(4)))) == 40
    assert most <= 4


def test_no_more_hosts_of_a_subnet_are_under_way_than_its_budget() -> None:
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock = threading.Lock()

    def slow(host: Host) -> RawOutput:
        subnet = host.address.rpartition(".")[0]
        with lock:
            running[subnet] += 1
            most[subnet] = max(most[subnet], running[subnet])
        time.sleep(0.005)
        with lock:
            running[subnet] -= 1
        return answer(host)

    spread = [Host(name=f"h{number}", address=f"10.0.{number % 3}.{number}") for number in range(60)]
    bounded = Course(pacing=Pacing(workers=12, per_subnet=2))
    assert len(list(fan_out(spread, slow, record, bounded))) == 60
    assert all(count <= 2 for count in most.values())


def test_a_host_that_fails_is_a_record_like_any_other() -> None:
    def ask(host: Host) -> RawOutput:
        if host.name == "h3":
            raise HostError(Reason.REFUSED, "no")
        return answer(host)

    outcomes = {one.record.host: one.record.reason for one in fan_out(hosts(6), ask, record, course(3))}
    assert outcomes == {f"h{number}": (Reason.REFUSED if number == 3 else None) for number in range(6)}


def test_a_reader_that_breaks_on_a_host_leaves_a_record_with_its_reason() -> None:
    def read(turn: Turn, got: RawOutput | HostError) -> HostRecord:
        if turn.host.name == "h1" and isinstance(got, RawOutput):
            raise HostError(Reason.READER_LIMIT, "too much")
        return record(turn, got)

    outcomes = {one.record.host: one.record.reason for one in fan_out(hosts(3), answer, read, course(2))}
    assert outcomes == {"h0": None, "h1": Reason.READER_LIMIT, "h2": None}


def test_a_fault_of_ours_is_raised_and_no_thread_is_left() -> None:
    def broken(host: Host) -> RawOutput:
        raise ZeroDivisionError(host.name)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(fan_out(hosts(10), broken, record, course(4)))
    assert threading.active_count() == before


def test_stopping_early_starts_no_other_host() -> None:
    asked: list[str] = []

    def ask(host: Host) -> RawOutput:
        asked.append(host.name)
        time.sleep(0.01)
        return answer(host)

    iterator = fan_out(hosts(500), ask, record, course(2))
    next(iterator)
    iterator.close()  # type: ignore[attr-defined]
    assert len(asked) < 20


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let second tries come after a hundredth of a second."""
    monkeypatch.setattr(retries, "_BACKOFF", 0.01)


def ajar(length: float) -> Window:
    """Return a window of that many seconds, the first tenth of which is its first rest, and which never closes."""
    return Window(length=length, closes=math.inf)


def failing(times: int, reason: Reason, *, at_login: bool = False) -> tuple[Callable[[Host], RawOutput], list[str]]:
    """Return how to ask hosts that fail so often before they answer, and the list of whom it asked."""
    asked: list[str] = []

    def ask(host: Host) -> RawOutput:
        asked.append(host.name)
        if asked.count(host.name) <= times:
            error = HostError(reason, "not now")
            error.at_login = at_login
            raise error
        return answer(host)

    return ask, asked


def rows(outcomes: Iterator[Outcome]) -> dict[str, tuple[str, str | None]]:
    return {one.record.host: (one.record.row, one.record.reason) for one in outcomes}


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("reason", [Reason.REFUSED, Reason.RESET, Reason.TIMEOUT])
def test_what_may_pass_is_tried_again_and_is_one_outcome(reason: Reason) -> None:
    ask, asked = failing(1, reason)
    done = rows(fan_out(hosts(3), ask, record, course(2, retries=1)))
    assert done == {f"h{number}": (f"2 {reason}", None) for number in range(3)}
    assert len(asked) == 6


@pytest.mark.usefixtures("soon")
def test_the_last_try_is_the_outcome() -> None:
    ask, asked = failing(9, Reason.REFUSED)
    done = rows(fan_out(hosts(1), ask, record, course(2, retries=2)))
    assert (done, len(asked)) == ({"h0": ("3 refused", Reason.REFUSED)}, 3)


@pytest.mark.parametrize(
    "reason",
    [
        Reason.AUTH,
        Reason.DEADLINE,
        Reason.STALLED,
        Reason.VANISHED,
        Reason.HOST_KEY_CHANGED,
        Reason.NO_BANNER,
        Reason.DNS,
        Reason.CREDENTIAL_STOPPED,
    ],
)
def test_what_does_not_pass_is_not_tried_again(reason: Reason) -> None:
    ask, asked = failing(9, reason)
    done = rows(fan_out(hosts(1), ask, record, course(2, retries=5)))
    assert (done, len(asked)) == ({"h0": ("1 None", reason)}, 1)


@pytest.mark.parametrize("reason", [Reason.RESET, Reason.TIMEOUT])
def test_a_host_that_failed_at_the_login_is_not_tried_again(reason: Reason) -> None:
    ask, asked = failing(9, reason, at_login=True)
    window = ajar(0.1)
    done = rows(fan_out(hosts(1), ask, record, course(2, retries=5, window=window)))
    assert (done, len(asked)) == ({"h0": ("1 None", reason)}, 1)


def test_a_window_waits_for_hosts_that_are_off() -> None:
    ask, asked = failing(4, Reason.NO_ROUTE)
    window = ajar(0.1)
    done = rows(fan_out(hosts(2), ask, record, course(2, window=window)))
    assert done == {f"h{number}": ("5 no_route", None) for number in range(2)}
    assert len(asked) == 10


def test_a_window_that_closes_leaves_each_host_its_last_failure() -> None:
    ask, asked = failing(10_000, Reason.TIMEOUT)
    window = Window(length=0.4, closes=time.monotonic() + 0.4)
    done = rows(fan_out(hosts(2), ask, record, course(2, window=window)))
    assert {reason for _, reason in done.values()} == {Reason.TIMEOUT}
    assert len(asked) >= 4


def test_hosts_under_way_come_out_after_a_stop_and_no_other_begins() -> None:
    stop, release, begun = Stop(), threading.Event(), threading.Barrier(3)

    def ask(host: Host) -> RawOutput:
        begun.wait(10)
        release.wait(10)
        return answer(host)

    def interrupt() -> None:
        begun.wait(10)
        stop.ask()
        release.set()

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    outcomes = list(fan_out(hosts(50), ask, record, course(2, stop=stop)))
    interrupter.join()
    assert sorted(one.record.host for one in outcomes) == ["h0", "h1"]


def test_a_stop_wakes_a_window_that_only_waits() -> None:
    ask, asked = failing(9, Reason.TIMEOUT)
    stop = Stop()

    def interrupt() -> None:
        while not asked:
            time.sleep(0.001)
        stop.ask()

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    window = ajar(1e6)
    assert list(fan_out(hosts(1), ask, record, course(2, stop=stop, window=window))) == []
    interrupter.join()


def test_whoever_watches_sees_the_next_try_come() -> None:
    ask, _ = failing(1, Reason.NO_ROUTE)
    seen: list[Standing] = []
    window = ajar(1.0)
    list(fan_out(hosts(1), ask, record, course(2, window=window, watch=seen.append)))
    assert any(one.next_try is not None and not one.under_way for one in seen)
    assert (seen[0].under_way, seen[0].resting, seen[0].next_try) == (1, {}, None)
    assert {Reason.NO_ROUTE: 1} in [one.resting for one in seen]


def test_a_slow_consumer_slows_the_beginnings_down() -> None:
    asked: list[str] = []

    def ask(host: Host) -> RawOutput:
        asked.append(host.name)
        return answer(host)

    for taken, _ in enumerate(fan_out(hosts(300), ask, record, course(4)), 1):
        time.sleep(0.001)
        assert len(asked) <= taken + 3 * 4
