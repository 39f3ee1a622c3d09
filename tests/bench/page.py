"""docs/performance.md, made of what was measured: figures with their spread, the machine, the load, the versions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.bench.compare import DELAY
from tests.bench.goals import BUSY, OURS, Goal, Results, busy, cores, each, limit, sizes, spread
from tests.bench.peers.all_peers import PEERS

_HEAD = """\
# Performance

Written by `make bench ARGS=--write`; not edited by hand. Each figure is the median, with the smallest and the largest \
run in brackets, of runs that took turns with those of the others. Every run was checked: every host answered in whole.

Clients and the SSH servers of all hosts share one machine, so **wall time is bound by what the servers need**. \
Processor time is read from control groups: the client's with all that it starts, and that of everything on the hosts.
"""
_TITLES = {
    "peers": "Peers, the same work",
    "stages": "Stages by number of hosts",
    "round-trips": "Round trips",
    "recorded": "Recorded hosts",
}
_BARE = "asyncssh"
"""The peer whose hosts run the three commands and nothing else."""
_STAGE_NAMES = {
    "ask": "asking: the whole probe put to a host, and what comes dropped",
    "collect": "`auditor collect`: asked, read, redacted, sealed, written",
    "audit": "`auditor audit`: all of it, verdicts, HTML, CSV and JSON",
}


def text(results: Results, goals: Sequence[Goal]) -> str:
    """Return the page."""
    parts = {"peers": _peers, "stages": _stages, "round-trips": _round_trips, "recorded": _recorded}
    bodies = [_HEAD, "## Goals\n\n" + _table(("figure", "measured", "goal", ""), map(_goal, goals))]
    for name, body in parts.items():
        if name in results:
            bodies.append(f"## {_TITLES[name]}\n\n{body(results[name])}\n{_machine(results[name])}")
        else:
            bodies.append(f"## {_TITLES[name]}\n\nNot measured yet: `make bench ARGS='--only {name}'`.\n")
    return "\n".join(bodies)


def _goal(goal: Goal) -> Sequence[str]:
    return (goal.name, goal.figure.text(), goal.wanted, "met" if goal.is_met else "**NOT MET**")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _machine(part: Mapping[str, Any]) -> str:
    told, share = part["machine"], busy(part)
    load = ""
    if share is not None:
        quiet = (
            "wall times mean what they say"
            if share <= BUSY
            else "**wall times are void, and processor time is too high**"
        )
        load = f" Other work took {100 * share:.0f} % of the cores meanwhile: {quiet}."
    return (
        f"On {told['day']}: {told['processors']}, {told['memory']}, {told['kernel']}, {told['system']}, "
        f"Python {told['Python']}, {told['OpenSSH']} on both sides.{load}\n"
    )


def _peers(part: Mapping[str, Any]) -> str:
    hosts, rows = part["hosts"], part["rows"]
    work = (
        f"{hosts} hosts of the lab's profile `server` are asked for their installed packages, their listening sockets "
        "with processes, and their nftables ruleset. The auditor does it by its transport and fan-out with a probe of "
        "these three sections, and writes what comes as it came, as the others do; below stands what a whole audit "
        "costs, which asks for much more. The limit is what hosts and kernel alone need on all cores. "
        "The last column tells what else ran on the machine: where it is not near 0, wall times say little.\n\n"
    )
    head = ("client", "version", "wall, s", "times the limit", "client CPU, ms a host", "hosts' CPU, ms a host",
            "client memory, MB", "others, share of the cores")  # fmt: skip
    known = [peer for peer in PEERS if peer.id in rows]
    floor = spread(limit(run, cores(part)) for run in rows[OURS]).median

    def row(peer_id: str, title: str) -> Sequence[str]:
        runs = rows[peer_id]
        return (
            title,
            part["versions"].get(peer_id, ""),
            spread(run["wall"] for run in runs).text(),
            f"{spread(run['wall'] for run in runs).median / floor:.2f}",
            spread(1000 * run["cpu"] / hosts for run in runs).text(1),
            spread(1000 * run["hosts"] / hosts for run in runs).text(1),
            spread(run["memory"] / 1e6 for run in runs).text(0),
            spread(run["others"] / run["wall"] / cores(part) for run in runs).text(),
        )

    notes = (
        f"\nThe limit was {floor:.2f} s. parallel-ssh checks no host key, all others do. Ansible's modules are "
        "programs that each host runs; the others have a host run three commands.\n"
    )
    if _BARE in rows:
        cost = [spread(1000 * run["hosts"] / hosts for run in rows[one]).median for one in (OURS, _BARE)]
        notes += (
            f"\nA host takes {cost[0] - cost[1]:.1f} ms more for the auditor than for {_BARE}, whose shell has to run "
            "three commands and no more: a clock that ends a section that hangs, marks that content cannot forge, "
            "standard error kept apart, the answer packed; and every connection and network namespace, not only what "
            "listens. Where hosts have processors of their own, as in any real fleet, that is no part of the client's "
            "time, and the client's processor time is what bounds it.\n"
        )
    return work + _table(head, (row(peer.id, peer.title) for peer in known)) + notes


def _stages(part: Mapping[str, Any]) -> str:
    rows = part["rows"]
    counts = sizes(rows["ask"])
    head = ("stage", "start-up and one host, s of CPU", *(f"{count} hosts, ms of CPU a host" for count in counts))
    said = (
        "Processor time of the auditor, all processes. A host costs what so many hosts cost more than a single one, "
        "over those more: start-up is apart. Goals in ms were set on another machine: above, what was "
        "measured is divided by how many times as long asyncssh takes here as there.\n\n"
    )

    def line(name: str) -> Iterator[str]:
        yield _STAGE_NAMES[name]
        yield spread(run["cpu"] for run in rows[name]["1"]).text()
        for count in counts:
            yield each(rows[name], count).text()

    memory = [
        f"{spread(run['memory'] / 1e6 for run in rows['audit'][str(count)]).text(0)} MB with {count}"
        for count in counts
    ]
    return said + _table(head, (list(line(name)) for name in rows)) + f"\nAn audit holds {', '.join(memory)} hosts.\n"


def _round_trips(part: Mapping[str, Any]) -> str:
    said = f"One host whose packets are held back for {DELAY} ms: how much longer a client takes, over the delay.\n\n"
    known = [peer for peer in PEERS if peer.id in part["rows"]]
    return said + _table(
        ("client", "round trips"), ((peer.title, spread(part["rows"][peer.id]).text(1)) for peer in known)
    )


def _recorded(part: Mapping[str, Any]) -> str:
    head = ("hosts", "minutes", "CPU, ms a host", "memory, MB", "of which the main process", "on the disk, MB")
    said = (
        "`auditor assess` of sealed evidence with HTML, CSV and JSON. Every host is a recorded one under a name of its "
        "own, with processes, packages and interfaces that no other has.\n\n"
    )

    def line(count: int) -> Sequence[str]:
        runs = part["rows"][str(count)]
        return (
            f"{count:,}",
            spread(run["wall"] / 60 for run in runs).text(1),
            spread(1000 * run["cpu"] / count for run in runs).text(1),
            spread(run["memory"] / 1e6 for run in runs).text(0),
            spread(run["main"] / 1e6 for run in runs).text(0),
            spread(run["disk"] / 1e6 for run in runs).text(0),
        )

    return said + _table(head, (line(count) for count in sorted(int(name) for name in part["rows"])))
