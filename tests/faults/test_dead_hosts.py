"""Two thousand addresses at which nobody answers: each has its line in the ledger, and the run ends as it was told."""

import time
from collections import Counter

import pytest

from tests.simulated.conftest import Simulate, simulate

__all__ = ["simulate"]
pytestmark = pytest.mark.slow

HOSTS, SILENT = 2000, 500
WORKERS, CONNECT = 64, 0.5


def test_two_thousand_dead_hosts_are_two_thousand_lines(simulate: Simulate) -> None:
    fleet = simulate(hosts=HOSTS, refused=HOSTS - SILENT, silent=SILENT)
    pace = ["--workers", str(WORKERS), "--retries", "0", "--connect-timeout", str(CONNECT)]
    begun = time.monotonic()
    done = fleet.end(fleet.start(*pace), timeout=600)
    took = time.monotonic() - begun
    ledger = done.results["ledger"]
    assert [row["host"] for row in ledger] == [f"sim-{number:05}" for number in range(HOSTS)]
    assert Counter((row["outcome"], row["reason"]) for row in ledger) == {
        ("unreachable", "refused"): HOSTS - SILENT,
        ("unreachable", "timeout"): SILENT,
    }
    assert done.status == 3
    verdicts = {one["verdict"] for host in done.results["hosts"] for one in host["verdicts"]}
    assert verdicts <= {"unknown"}, "nobody passes by not answering"
    # What the policy says is the most it may cost; the rest is start-up, reports and a machine that others use too.
    assert took <= SILENT * CONNECT / WORKERS + 300
