"""What the bench makes of its figures: run by run, start-up apart, and noise meets nothing."""

from dataclasses import asdict
from typing import Any

import pytest

from tests.bench import page
from tests.bench.goals import Goal, Spread, busy, each, goals, spread
from tests.bench.measure import Cost

MACHINE = {"processors": "2 cores of a kind", "memory": "4 GiB", "kernel": "Linux 6.1", "system": "Debian",
           "Python": "3.11", "OpenSSH": "OpenSSH_9.2", "day": "2027-01-01"}  # fmt: skip


def a_run(wall: float, cpu: float = 1.0, **more: float) -> dict[str, float]:
    return {"wall": wall, "cpu": cpu, "memory": 50e6, "hosts": 3.0, "kernel": 1.0, "others": 0.0, **more}


def a_part(rows: Any, **more: Any) -> dict[str, Any]:
    return {"machine": MACHINE, "hosts": 100, "versions": {}, "rows": rows, **more}


def found(results: dict[str, Any], name: str) -> Goal:
    (goal,) = [goal for goal in goals(results) if name in goal.name]
    return goal


def test_peers_are_compared_run_by_run() -> None:
    rows = {"auditor": [a_run(2), a_run(4), a_run(2.2)], "xargs": [a_run(5), a_run(10), a_run(4.4)]}
    goal = found({"peers": a_part(rows)}, "xargs")
    assert (goal.figure, goal.is_met) == (Spread(median=2.5, low=2.0, high=2.5, runs=3), True)
    limit = found({"peers": a_part(rows)}, "the limit")
    assert (limit.figure.median, limit.is_met) == (1.1, True)


@pytest.mark.parametrize(
    ("figures", "is_met"),
    [((10.9, 11.0, 12.0), True), ((11.1, 11.2, 5.0), False), ((-23.0, 9.0, 9.0), False), ((-1.0,), False)],
)
def test_round_trips_that_are_noise_meet_nothing(figures: tuple[float, ...], is_met: bool) -> None:
    part = a_part({"auditor": list(figures)})
    assert found({"round-trips": part}, "round trips").is_met is is_met


def test_a_host_costs_what_more_hosts_cost_more() -> None:
    stage = {"1": [a_run(1, cpu=0.5)], "101": [a_run(1, cpu=1.0)], "401": [a_run(1, cpu=2.6)]}
    assert each(stage, 101) == spread([5.0])
    ask = found({"stages": a_part({"ask": stage, "audit": stage})}, "asking, 401 hosts")
    assert (round(ask.figure.median, 3), ask.is_met) == (5.25, True)
    grown = found({"stages": a_part({"ask": stage, "audit": stage})}, "of 101 hosts with 401, asking")
    assert (round(grown.figure.median, 3), grown.is_met) == (1.05, True)


def test_ms_are_told_as_on_the_machine_that_the_goals_were_set_on() -> None:
    stage = {"1": [a_run(1, cpu=0.5)], "101": [a_run(1, cpu=1.5)]}
    peers = a_part({"auditor": [a_run(2)], "asyncssh": [a_run(2, cpu=1.06)]})
    results = {"peers": peers, "stages": a_part({"ask": stage, "audit": stage})}
    ask = found(results, "asking, 101 hosts")
    assert (round(ask.figure.median, 3), ask.is_met, "2.00" in ask.name) == (5.0, True, True)


def test_recorded_hosts_are_compared_by_processor_time() -> None:
    rows = {"10000": [a_run(60, cpu=100, main=1, disk=1)], "100000": [a_run(700, cpu=1200, main=1, disk=1)]}
    results = {"recorded": a_part(rows)}
    assert not found(results, "10,000 recorded hosts with 100,000").is_met
    assert found(results, "MB of memory").is_met


def test_the_page_says_when_the_machine_had_other_work() -> None:
    quiet = a_part({"auditor": [a_run(2)], "audit": [a_run(3)]})
    loaded = a_part({"auditor": [a_run(2, others=2.0)], "audit": [a_run(3, others=3.0)]})
    assert (busy(quiet), busy(loaded)) == (0.0, 0.5)
    assert "wall times are void" not in page.text({"peers": quiet}, goals({"peers": quiet}))
    assert "Other work took 50 % of the cores" in page.text({"peers": loaded}, goals({"peers": loaded}))


def test_the_memory_of_other_processes_is_no_load() -> None:
    cost = Cost(wall=60, cpu=100, own_cpu=20, memory=5, main=2, others=300_000_000, status=0, output="")
    assert busy(a_part({"10000": [asdict(cost)]})) is None


def test_the_page_says_what_was_not_measured() -> None:
    text = page.text({}, [])
    assert text.count("Not measured yet") == 4
