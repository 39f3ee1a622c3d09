# ruff: noqa: T201 — a command prints
"""The same three questions by every peer, runs interleaved, each run's result checked; and the round trips of each."""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.cgroup import Meter, metered, metering
from tests.bench.peers.peer import Order, Peer
from tests.bench.spent import Spent, settle, spend
from tests.lab.fleet import delays
from tests.lab.fleet.host import Host
from tests.lab.fleet.places import Lab

CLIENT = "auditor-bench-client"
DELAY = 200
"""Milliseconds that what a host sends is held back, for round trips."""

Rows = dict[str, list[dict[str, Any]]]
"""What each run of each peer spent."""


def compare(lab: Lab, hosts: Sequence[Host], peers: Iterable[Peer], runs: int) -> Rows:
    """Have every peer ask all hosts so many times, in turn; a first round fills caches and is not counted.

    Each round begins with another peer, and every second goes the other way about: none comes always after the one that
    leaves most behind.
    """
    rows: Rows = defaultdict(list)
    chosen = list(peers)
    with metering(CLIENT) as client, metered(*hosts) as on_hosts:
        for number in range(runs + 1):
            first = number % len(chosen)
            for peer in (*chosen[first:], *chosen[:first])[:: -1 if number % 2 else 1]:
                if number == 0 and peer.id == "ansible-default":
                    continue  # the hosts' caches are filled by the tuned one
                spent = checked(lab, hosts, peer, client, on_hosts)
                print(line(f"{peer.id} {number or 'warm-up'}", spent, len(hosts)), flush=True)
                if number:
                    rows[peer.id].append(asdict(spent))
    return dict(rows)


def round_trips(lab: Lab, host: Host, peers: Iterable[Peer], runs: int) -> dict[str, list[float]]:
    """Return the round trips of each peer to one host: how much longer it takes when each of them takes longer."""
    found: dict[str, list[float]] = defaultdict(list)
    chosen = list(peers)
    with metering(CLIENT) as client:
        for number in range(runs):
            near = {peer.id: checked(lab, [host], peer, client, None).wall for peer in chosen}
            with _far(lab, host):
                for peer in chosen:
                    far = checked(lab, [host], peer, client, None).wall
                    found[peer.id].append((far - near[peer.id]) * 1000 / DELAY)
                    print(f"{peer.id} {number + 1}: {found[peer.id][-1]:.1f} round trips", flush=True)
    return dict(found)


@contextmanager
def _far(lab: Lab, host: Host) -> Iterator[None]:
    delays.apply(lab, {host: DELAY})
    try:
        yield
    finally:
        delays.stop(lab)


def checked(lab: Lab, hosts: Sequence[Host], peer: Peer, client: Meter, on_hosts: Meter | None) -> Spent:
    """Run a peer once in a folder of its own; end the bench where it missed a host: that is no run."""
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as place:
        order = Order(lab=lab, hosts=tuple(hosts), folder=Path(place))
        settle()
        spent = spend(peer.command(order), client, on_hosts)
        seen = peer.seen(order)
        missing = [host.name for host in hosts if host.name not in seen or not seen[host.name].is_whole(host)]
        if missing:
            said = (order.folder / "stderr").read_text(errors="replace")[-600:]
            first = seen.get(missing[0])
            sys.exit(f"{peer.id}: {len(missing)} of {len(hosts)} hosts are not whole ({missing[0]}: {first})\n{said}")
    return spent


def line(name: str, spent: Spent, hosts: int) -> str:
    """Say what a run spent."""
    each = 1000 / hosts
    return (
        f"{name:26} {spent.wall:7.2f} s  {spent.cpu * each:7.1f} ms CPU/host  {spent.hosts * each:7.1f} on the host  "
        f"{spent.memory / 1e6:6.0f} MB  others {spent.others:5.2f} s"
    )
