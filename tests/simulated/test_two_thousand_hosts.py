"""Two thousand hosts, four hundred of them dead: nothing grows, the ledger adds up, the policy bounds the time."""

import time
from collections import Counter

import pytest

from tests.simulated.conftest import Simulate
from tests.simulated.watch import Watch, thirds

pytestmark = pytest.mark.slow

HOSTS, REFUSED, SILENT = 2000, 200, 200
WORKERS, RETRIES, CONNECT, DEADLINE = 32, 1, 1.0, 20.0


def test_memory_and_descriptors_stay_flat_and_every_host_stands_in_the_ledger_once(simulate: Simulate) -> None:
    fleet = simulate(hosts=HOSTS, refused=REFUSED, silent=SILENT)
    pace = ["--workers", str(WORKERS), "--retries", str(RETRIES), "--connect-timeout", str(CONNECT)]
    begun = time.monotonic()
    audit = fleet.start(*pace, "--deadline", str(DEADLINE))
    watch = Watch(audit, fleet.folder / "store.sqlite")
    done = fleet.end(audit, timeout=900)
    took = time.monotonic() - begun
    samples = watch.end()

    ledger = done.results["ledger"]
    assert [row["host"] for row in ledger] == sorted(f"sim-{number:05}" for number in range(HOSTS))
    reasons = Counter((row["reason"], row["attempts"], row["retried_after"]) for row in ledger)
    alive = HOSTS - REFUSED - SILENT
    assert reasons == {
        (None, 1, None): alive,
        ("refused", 2, "refused"): REFUSED,
        ("timeout", 2, "timeout"): SILENT,
    }
    outcomes = Counter(row["outcome"] for row in ledger)
    assert (sum(outcomes.values()), outcomes["unreachable"]) == (HOSTS, REFUSED + SILENT)
    assert len({row["evidence"]["sha256"] for row in done.results["hosts"] if row["evidence"]}) == alive
    assert sorted(fleet.asked()) == [row["host"] for row in ledger if row["reason"] is None]
    assert done.status == 3

    memory = thirds(samples, HOSTS, lambda sample: sample.memory)
    descriptors = thirds(samples, HOSTS, lambda sample: sample.descriptors)
    threads = thirds(samples, HOSTS, lambda sample: sample.threads)
    print(f"{took:.1f} s; memory {[round(part / 1e6, 1) for part in memory]} MB; {descriptors=}; {threads=}")  # noqa: T201
    # Caches, which end, take up to 11 KB a host meanwhile. To keep what is sent to a host (57 KB), what it answers
    # (16 KB) or what a reader makes of it (40 KB) would be beyond that.
    assert memory[2] - memory[1] < 16_000 * HOSTS / 3
    # A worker has one connection at most, and a thread of paramiko's for it; the rest is the store's and the readers'.
    # Second tries wait behind the first: towards the end, more workers hold a connection that does not come about.
    assert max(sample.descriptors for sample in samples) <= 2 * WORKERS
    assert max(sample.threads for sample in samples) <= 2 * WORKERS + 8

    # What the policy says is the most it may cost, whatever the machine: list scheduling over the workers.
    worst = alive * DEADLINE + (REFUSED + SILENT) * (1 + RETRIES) * CONNECT
    assert took <= worst / WORKERS + DEADLINE + 60
