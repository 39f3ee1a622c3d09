"""Hosts that are off: tried again until the window closes, and nothing is lost when the run ends before."""

import signal
import time
from collections.abc import Callable

import pytest

from tests.simulated.conftest import Running, Simulate
from tests.simulated.watch import kept

pytestmark = pytest.mark.slow


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.02)


def off(fleet: Running) -> list[str]:
    """Return the hosts that refuse: all that the probe was not put to."""
    names = [line.split(",")[0] for line in (fleet.folder / "hosts.csv").read_text().splitlines()[1:]]
    return sorted(set(names) - set(fleet.asked()))


def test_a_host_that_comes_back_is_assessed_and_one_that_does_not_has_its_last_failure(simulate: Simulate) -> None:
    fleet = simulate(hosts=8, refused=2)
    audit = fleet.start("--window", "10s", "--retries", "0")
    until(lambda: kept(fleet.folder / "store.sqlite") == 6)
    comes, stays = off(fleet)
    fleet.wake(comes)
    done = fleet.end(audit)
    ledger = {row["host"]: row for row in done.results["ledger"]}
    assert (len(ledger), done.results["run"]["scope"]["count"]) == (8, 8)
    assert (ledger[comes]["reason"], ledger[comes]["retried_after"]) == (None, "refused")
    assert ledger[comes]["attempts"] > 1
    assert (ledger[stays]["outcome"], ledger[stays]["reason"]) == ("unreachable", "refused")
    assert ledger[stays]["attempts"] >= ledger[comes]["attempts"]
    assert sorted(fleet.asked()) == sorted(set(ledger) - {stays})
    assert "\r" not in done.said


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_ends_in_its_window_goes_on_and_asks_nobody_twice(simulate: Simulate, end: signal.Signals) -> None:
    fleet = simulate(hosts=8, refused=2)
    store = fleet.folder / "store.sqlite"
    audit = fleet.start("--window", "40s")
    until(lambda: kept(store) == 6)
    audit.send_signal(end)
    _, said = audit.communicate(timeout=10)
    if end is signal.SIGINT:
        assert audit.returncode == 130
        assert "6 of 8 hosts are kept; go on with --resume" in said
        assert "window closes in" in said
    assert kept(store) == 6
    for name in off(fleet):
        fleet.wake(name)
    done = fleet.end(fleet.start("--resume", "20"))
    assert "2 of 8 hosts have no outcome yet; its window closes in" in done.said
    assert {row["reason"] for row in done.results["ledger"]} == {None}
    assert sorted(fleet.asked()) == [row["host"] for row in done.results["ledger"]]


def test_the_first_interrupt_keeps_what_is_under_way(simulate: Simulate) -> None:
    fleet = simulate(hosts=30, pause=0.5)
    audit = fleet.start("--workers", "4")
    until(lambda: kept(fleet.folder / "store.sqlite") >= 4)
    audit.send_signal(signal.SIGINT)
    _, said = audit.communicate(timeout=30)
    assert audit.returncode == 130
    assert "Ctrl-C again ends at once" in said
    assert len(fleet.asked()) == kept(fleet.folder / "store.sqlite") < 30
    done = fleet.end(fleet.start("--resume", "20"))
    assert sorted(fleet.asked()) == [row["host"] for row in done.results["ledger"]]
    assert len(done.results["ledger"]) == 30


def test_the_second_interrupt_ends_at_once(simulate: Simulate) -> None:
    fleet = simulate(hosts=3, pause=600)
    audit = fleet.start("--deadline", "600")
    until(lambda: len(fleet.asked()) == 3)
    audit.send_signal(signal.SIGINT)
    assert audit.stderr is not None
    assert "Ctrl-C again ends at once" in audit.stderr.readline()
    audit.send_signal(signal.SIGINT)
    audit.communicate(timeout=30)
    assert audit.returncode == 130
    assert kept(fleet.folder / "store.sqlite") == 0
