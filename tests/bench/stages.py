# ruff: noqa: T201 — a command prints
"""What the auditor's own stages cost by the number of hosts: asking, `auditor collect`, `auditor audit` with reports.

Starting up costs the same however many hosts follow, so it is taken off: what one host costs is what so many hosts cost
more than a single one, over those more.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from auditor.run.open_bundle import Bundle
from tests.bench.cgroup import Meter, metered, metering
from tests.bench.compare import CLIENT, line
from tests.bench.peers import auditor
from tests.bench.peers.peer import Order
from tests.bench.spent import Command, Spent, settle, spend
from tests.lab.fleet.host import Host
from tests.lab.fleet.places import Lab

_GOOD = (0, 1, 3)
"""How an audit may end: what it found is not measured here."""

STAGES: Mapping[str, Callable[[Order], Command]] = {
    "ask": lambda order: auditor.asking(order, keep=False),
    "collect": auditor.collect,
    "audit": auditor.audit,
}
"""The whole probe put to hosts and what comes dropped; and sealed as evidence; and judged and reported."""


def stages(lab: Lab, hosts: Sequence[Host], counts: Iterable[int], runs: int) -> dict[str, dict[str, Any]]:
    """Measure each stage with so many hosts each, and with one; return by stage and count what each run spent."""
    sizes = [1, *counts]
    rows: dict[str, dict[str, Any]] = {name: {str(size): [] for size in sizes} for name in STAGES}
    with metering(CLIENT) as client, metered(*hosts) as on_hosts:
        for number in range(runs + 1):
            # The first round fills caches.
            for size in sizes if number else (1,):
                for name, command in STAGES.items():
                    spent = _run(lab, hosts[:size], command, client, on_hosts)
                    if number:
                        print(line(f"{name}, {size} hosts, {number}", spent, size), flush=True)
                        rows[name][str(size)].append(asdict(spent))
    return rows


def _run(lab: Lab, hosts: Sequence[Host], command: Callable[[Order], Command], client: Meter, on_hosts: Meter) -> Spent:
    """Run a stage once in a folder of its own; end the bench where it missed a host."""
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as place:
        order = Order(lab=lab, hosts=tuple(hosts), folder=Path(place))
        made = command(order)
        settle()
        spent = spend(made, client, on_hosts)
        said = (order.folder / "stderr").read_text(errors="replace")[-600:]
        # The command that only asks fails for a host that did not answer; the others leave a bundle.
        bundles = [manifest.parent for manifest in order.folder.glob("*/*/manifest.json")]
        reached = [answer.sha256 is not None for bundle in bundles for answer in Bundle(bundle).answers()]
        if spent.status not in _GOOD or (bundles and reached != [True] * len(hosts)) or (not bundles and spent.status):
            sys.exit(f"{made.words}: status {spent.status}, {sum(reached)} of {len(hosts)} hosts\n{said}")
    return spent
