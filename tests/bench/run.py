# ruff: noqa: T201 — a command prints
"""Measure an audit of lab hosts as root: hosts a second, processor time a host, memory. `make bench`.

The fleet's SSH servers share this machine's cores with the auditor, so wall time says as much of them as of it;
processor time a host is the auditor's own, all stages, all processes, start-up included. Every run's result is
checked: a run that is fast because it missed a host is no run. Between the audits the same hosts are asked nothing
at all over SSH: that is the floor, and how many times an audit takes it tells more of the auditor than of the machine.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import Cost, measure
from tests.lab.fleet.fleet import down, up
from tests.lab.fleet.lock import holding
from tests.lab.fleet.places import Lab, lab_here

_GOAL_RATE, _GOAL_CPU, _GOAL_MEMORY = 25.0, 25.0, 200.0


def main() -> int:
    """Bring a fleet up, audit it several times, print what that cost, and say whether the goals are met."""
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=100, help="hosts in the fleet (default: 100)")
    parser.add_argument("--runs", type=int, default=3, help="audits to measure (default: 3)")
    parser.add_argument("--workers", type=int, default=32, help="hosts asked at once (default: 32)")
    parser.add_argument("--profile", default="server", help="what a host holds (default: server)")
    options = parser.parse_args()
    if os.geteuid():
        print("make bench needs root: its fleet is made of network namespaces", file=sys.stderr)
        return 2
    lab = lab_here()
    with holding(lab):
        try:
            up(lab, options.hosts, profile=options.profile, is_planted=False)
            rounds = [(_audit(lab, options), _floor(lab, options)) for _ in range(options.runs + 1)]
        finally:
            down(lab)
    # The first one fills caches: it is printed and not counted.
    return _report([audit for audit, _ in rounds[1:]], [floor for _, floor in rounds[1:]], options.hosts)


def _audit(lab: Lab, options: argparse.Namespace) -> Cost:
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as place:
        words = [
            *(sys.executable, "-m", "auditor.cli.main", "audit", "-i", str(lab.inventory("csv"))),
            *("--store", f"{place}/store.sqlite", "-o", f"{place}/reports", "--workers", str(options.workers)),
        ]
        cost = measure(words)
        results = json.loads(next(Path(place, "reports").glob("*/results.json")).read_text())
    reached = sum(1 for row in results["ledger"] if row["reason"] is None)
    if reached != options.hosts:
        reasons = sorted({f"{row['reason']}: {row['detail']}" for row in results["ledger"] if row["reason"]})
        raise SystemExit(f"{reached} of {options.hosts} hosts were assessed; {reasons[:5]}")
    print(_line("audit", cost, options.hosts))
    return cost


def _floor(lab: Lab, options: argparse.Namespace) -> Cost:
    words = [sys.executable, "-m", "tests.bench.floor", str(lab.inventory("csv")), "--workers", str(options.workers)]
    cost = measure(words)
    if cost.status != 0:
        raise SystemExit("a host did not answer a command that does nothing")
    print(_line("floor", cost, options.hosts))
    return cost


def _line(name: str, cost: Cost, hosts: int) -> str:
    return (
        f"{name:10} {cost.wall:6.2f} s  {hosts / cost.wall:6.1f} hosts/s  {cost.cpu / hosts * 1000:6.1f} ms CPU/host  "
        f"{cost.memory / 1e6:6.0f} MB"
    )


def _report(audits: list[Cost], floors: list[Cost], hosts: int) -> int:
    wall = statistics.median(cost.wall for cost in audits)
    rate = hosts / wall
    cpu = statistics.median(cost.cpu for cost in audits) / hosts * 1000
    memory = max(cost.memory for cost in audits) / 1e6
    floor = statistics.median(cost.wall for cost in floors)
    floor_cpu = statistics.median(cost.cpu for cost in floors) / hosts * 1000
    print()
    print(f"floor (median): {hosts / floor:.1f} hosts/s and {floor_cpu:.1f} ms of our CPU a host for an empty command")
    print(f"an audit takes {wall / floor:.2f} times the floor's wall time, {cpu / floor_cpu:.2f} times its CPU\n")
    met = True
    for name, value, goal, is_met in (
        ("hosts a second (median)", rate, f"at least {_GOAL_RATE:.0f}", rate >= _GOAL_RATE),
        ("ms of CPU a host (median)", cpu, f"at most {_GOAL_CPU:.0f}", cpu <= _GOAL_CPU),
        ("MB of memory (highest)", memory, f"at most {_GOAL_MEMORY:.0f}", memory <= _GOAL_MEMORY),
    ):
        met = met and is_met
        print(f"{name:28} {value:7.1f}   goal: {goal:12} {'met' if is_met else 'NOT MET'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
