# ruff: noqa: T201 — a command prints
"""Measure the auditor beside its peers on the lab's fleet, and its stages by number of hosts. `make bench`, as root.

    make bench                                         peers, round trips, stages
    make bench ARGS='--only peers --hosts 20'          one part, with fewer hosts
    make bench ARGS='--only asyncssh,xargs'            some peers, beside the auditor
    make bench ARGS='--only recorded'                  10,000 and 100,000 recorded hosts, without a fleet
    make bench ARGS='--only none --write'              docs/performance.md again, from what was measured before

Each part is kept in the user's cache folder when it is at its end; goals and page are made of the newest of each. The
fleet's SSH servers share this machine's cores with whoever asks them, so wall time says as much of them: what others
took of the machine meanwhile is measured beside it. Peers are installed in the cache folder, each in an environment of
its own, by pinned versions and hashes; delete the folder at any time.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench import page
from tests.bench.compare import compare, round_trips
from tests.bench.goals import BUSY, busy, goals
from tests.bench.machine import machine
from tests.bench.peers.all_peers import PEERS
from tests.bench.peers.environments import cache
from tests.bench.peers.peer import Peer
from tests.bench.recorded import recorded
from tests.bench.stages import stages
from tests.lab.fleet.fleet import down, up
from tests.lab.fleet.host import Host
from tests.lab.fleet.lock import holding
from tests.lab.fleet.places import Lab, lab_here

_ON_THE_LAB = ("peers", "round-trips", "stages")
_PARTS = (*_ON_THE_LAB, "recorded", "none")
_PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def main() -> int:
    """Measure what is asked for, say which goals are met, and write the page if that is wanted; 1 when one is not."""
    options = _options()
    parts, peers = _chosen(options.only)
    if os.geteuid() and parts & set(_ON_THE_LAB):
        print("make bench needs root: its fleet is made of network namespaces", file=sys.stderr)
        return 2
    versions = {peer.id: peer.version() for peer in peers} if parts & {"peers", "round-trips"} else {}
    if "peers" in parts:
        _measured("peers", options.hosts, lambda lab, hosts: compare(lab, hosts, peers, options.runs), versions)
    if "round-trips" in parts:
        _measured("round-trips", 1, lambda lab, hosts: round_trips(lab, hosts[0], peers, options.runs), versions)
    if "stages" in parts:
        counts = options.stages
        _measured("stages", max(counts), lambda lab, hosts: stages(lab, hosts, counts, options.runs), {})
    if "recorded" in parts:
        _keep("recorded", 0, recorded(options.recorded), {})
    results = _kept()
    judged = goals(results)
    for goal in judged:
        print(goal.line)
    for name, part in results.items():
        share = busy(part)
        if share is not None and share > BUSY:
            print(f"{name}: others took {100 * share:.0f} % of the cores: wall times are void, measure again alone")
    if options.write:
        _PAGE.write_text(page.text(results, judged), encoding="utf-8")
        print(f"wrote docs/{_PAGE.name}")
    return 0 if all(goal.is_met for goal in judged) else 1


def _options() -> argparse.Namespace:
    def counts(text: str) -> list[int]:
        return sorted(int(word) for word in text.split(","))

    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=100, help="hosts that peers ask (default: 100)")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each (default: 3)")
    parser.add_argument("--only", default=",".join(_ON_THE_LAB), metavar="NAME,…", help="parts or peers, see above")
    parser.add_argument("--stages", type=counts, default=[100, 400], metavar="N,…", help="hosts of the stages")
    parser.add_argument("--recorded", type=counts, default=[10_000, 100_000], metavar="N,…", help="recorded hosts")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md from what was measured")
    return parser.parse_args()


def _chosen(only: str) -> tuple[set[str], Sequence[Peer]]:
    """Return the parts and the peers that are asked for; peers that are named are those of the part with peers."""
    known = {peer.id: peer for peer in PEERS}
    names = set(only.split(","))
    unknown = names - set(_PARTS) - set(known)
    if unknown:
        sys.exit(f"--only {','.join(sorted(unknown))}: there are {', '.join((*_PARTS, *known))}")
    parts = names & set(_PARTS)
    named = names & set(known)
    if not named:
        return parts, PEERS
    return parts or {"peers"}, [peer for peer in PEERS if peer.is_ours or peer.id in named]


def _measured(part: str, count: int, measure: Callable[[Lab, Sequence[Host]], Any], versions: dict[str, str]) -> None:
    """Measure a part with so many hosts and keep what came of it."""
    lab = lab_here()
    with holding(lab):
        try:
            hosts = up(lab, count, profile="server", is_planted=False)
            rows = measure(lab, hosts)
        finally:
            down(lab)
    _keep(part, count, rows, versions)


def _keep(part: str, hosts: int, rows: Any, versions: dict[str, str]) -> None:
    place = cache() / "results"
    place.mkdir(parents=True, exist_ok=True)
    whole = {"machine": machine(), "hosts": hosts, "versions": versions, "rows": rows}
    (place / f"{part}.json").write_text(json.dumps(whole, indent=1))


def _kept() -> dict[str, Any]:
    """Return the newest results of each part."""
    return {file.stem: json.loads(file.read_text()) for file in sorted((cache() / "results").glob("*.json"))}


if __name__ == "__main__":
    sys.exit(main())
