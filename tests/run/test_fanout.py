"""Every host has exactly one outcome, whatever happens to the others."""

import threading
import time
from datetime import UTC, datetime

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.probe import RawOutput
from auditor.run.fanout import fan_out
from auditor.store.record import HostRecord

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def hosts(count: int) -> list[Host]:
    return [Host(name=f"h{number}", address="x") for number in range(count)]


def answer(host: Host) -> RawOutput:
    return RawOutput(stdout=host.name.encode(), stderr=b"", exit_status=0, started=NOW, finished=NOW)


def record(host: Host, answer_or_error: RawOutput | HostError) -> HostRecord:
    reason = answer_or_error.reason if isinstance(answer_or_error, HostError) else None
    return HostRecord(host=host.name, outcome="x", complete=True, inventoried=True, reason=reason, row="{}")


def test_each_host_comes_through_once() -> None:
    outcomes = list(fan_out(hosts(200), answer, record, workers=16))
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

    assert len(list(fan_out(hosts(40), slow, record, workers=4))) == 40
    assert most <= 4


def test_a_host_that_fails_is_a_record_like_any_other() -> None:
    def ask(host: Host) -> RawOutput:
        if host.name == "h3":
            raise HostError(Reason.REFUSED, "no")
        return answer(host)

    outcomes = {one.record.host: one.record.reason for one in fan_out(hosts(6), ask, record, workers=3)}
    assert outcomes == {f"h{number}": (Reason.REFUSED if number == 3 else None) for number in range(6)}


def test_a_reader_that_breaks_on_a_host_leaves_a_record_with_its_reason() -> None:
    def read(host: Host, got: RawOutput | HostError) -> HostRecord:
        if host.name == "h1" and isinstance(got, RawOutput):
            raise HostError(Reason.READER_LIMIT, "too much")
        return record(host, got)

    outcomes = {one.record.host: one.record.reason for one in fan_out(hosts(3), answer, read, workers=2)}
    assert outcomes == {"h0": None, "h1": Reason.READER_LIMIT, "h2": None}


def test_a_fault_of_ours_is_raised_and_no_thread_is_left() -> None:
    def broken(host: Host) -> RawOutput:
        raise ZeroDivisionError(host.name)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(fan_out(hosts(10), broken, record, workers=4))
    assert threading.active_count() == before


def test_stopping_early_starts_no_other_host() -> None:
    asked: list[str] = []

    def ask(host: Host) -> RawOutput:
        asked.append(host.name)
        time.sleep(0.01)
        return answer(host)

    iterator = fan_out(hosts(500), ask, record, workers=2)
    next(iterator)
    iterator.close()  # type: ignore[attr-defined]
    assert len(asked) < 20
