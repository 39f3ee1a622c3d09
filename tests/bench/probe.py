# ruff: noqa: T201 — a command prints
"""Measure what the probe costs a host: processor time of all that runs there, section by section. `make probe-bench`.

One lab host of profile `server`, asked over SSH by the auditor's own transport as root. All its processes are in a
control group, whose processor time is read before and after. An empty command tells what SSH itself costs there: it is
taken off every figure that is held to a goal, of the probe and of Ansible alike, and printed with it beside. It tells,
too, how slow this machine is today: the goal of 60 ms was set where an empty session costs the host 23.4 ms; here it is
as many empty sessions. Beside it stand two modules of Ansible that gather packages and listening ports, for which the
collection community.general is fetched (`constraints-bench.txt`).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from auditor.collect.collector import Collector
from auditor.collect.envelope import open_envelope
from auditor.collect.probe import assemble, sh_call
from auditor.collect.registry import collectors
from auditor.inventory.read import read_inventory
from auditor.model.host import Host as Target
from auditor.model.host import OsFamily
from auditor.model.probe import ProbeCall, ProbeLimits
from auditor.model.record import replace
from auditor.transport.choose import Transports
from tests.bench.cgroup import Meter, metered
from tests.bench.peers.environments import community_general
from tests.lab.fleet.fleet import down, up
from tests.lab.fleet.lock import holding
from tests.lab.fleet.places import Lab, lab_here

_REFERENCE_SESSION, _GOAL = 23.4, 60.0
_GOAL_SESSIONS = _GOAL / _REFERENCE_SESSION
_GOAL_OF_ANSIBLE = 20.0
_DEADLINE, _OUTPUT_LIMIT = 120.0, 100_000_000
_PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - package_facts:
    - community.general.listen_ports_facts:
"""

NULL, NONE, DEFAULT, ALL, ANSIBLE = "null", "none", "default", "all", "ansible"
"""Sessions beside those of the sections, which are named by their ids."""

Rounds = dict[str, list[float]]
"""What each kind of session cost in each round, in ms."""


def main() -> int:
    """Bring a host up, measure several rounds in which everything has its turn, and say whether the goals are met."""
    parser = argparse.ArgumentParser(prog="make probe-bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11, help="rounds to take the median of (default: 11)")
    parser.add_argument("--ansible", type=int, default=3, help="runs of Ansible (default: 3; 0 leaves it out)")
    parser.add_argument("--profile", default="server", help="what the host holds (default: server)")
    parser.add_argument("--section", action="append", help="measure this section by itself, and no other (repeatable)")
    parser.add_argument("--no-sections", action="store_true", help="measure the whole probe only")
    options = parser.parse_args()
    if os.geteuid():
        print("make probe-bench needs root: its host is made of namespaces", file=sys.stderr)
        return 2
    lab = lab_here()
    with holding(lab):
        try:
            (host,) = up(lab, 1, profile=options.profile, is_planted=False)
            with metered(host) as meter:
                rounds = _rounds(lab, meter, options)
        finally:
            down(lab)
    return _report(rounds, options)


def _rounds(lab: Lab, meter: Meter, options: argparse.Namespace) -> Rounds:
    """Return what each kind of session cost in each round, in ms; the first round fills caches and is not counted."""
    (target,) = read_inventory(str(lab.inventory("csv")))
    calls = {name: _call(chosen) for name, chosen in _probes(options).items()}
    calls[NULL] = replace(calls[ALL], launcher=":", stdin=b"", packed=b"", secret=None)
    rounds: Rounds = {name: [] for name in calls}

    def cost(act: Callable[[], None]) -> float:
        before = meter.seconds()
        act()
        return (meter.seconds() - before) * 1000

    for number in range(options.rounds + 1):
        for name, call in calls.items():
            spent = cost(partial(_ask, target, call))
            if number:
                rounds[name].append(spent)
        if number:
            said = f"an empty session {rounds[NULL][-1]:.1f} ms, with the default sections {rounds[DEFAULT][-1]:.1f} ms"
            print(f"round {number}: {said}", flush=True)
    if options.ansible:
        with tempfile.TemporaryDirectory(prefix="auditor-bench-") as place:
            play = _ansible(lab, Path(place))
            play()
            rounds[ANSIBLE] = [cost(play) for _ in range(options.ansible)]
    return rounds


def _probes(options: argparse.Namespace) -> dict[str, list[Collector]]:
    """Return what is asked: nothing, the default sections, all; and behind what it waits for, each section."""
    known = [one for one in collectors().values() if OsFamily.LINUX in one.systems]
    probes: dict[str, list[Collector]] = {NONE: [], DEFAULT: [one for one in known if not one.apart], ALL: known}
    for one in known:
        if options.no_sections or (options.section and one.id not in options.section):
            continue
        before = [collectors()[name] for name in one.after]
        # Right before it, since a machine that others use too is not as fast a minute later.
        probes[f"before {one.id}"] = before
        probes[one.id] = [*before, one]
    return probes


def _call(chosen: Iterable[Collector]) -> ProbeCall:
    return sh_call(
        limits=ProbeLimits(), deadline=_DEADLINE, output_limit=_OUTPUT_LIMIT, become=False, become_password=None,
        script=assemble(chosen),
    )  # fmt: skip


def _ask(target: Target, call: ProbeCall) -> None:
    answer = Transports().collect(target, call)
    if answer.exit_status != 0:
        raise SystemExit(f"the host did not answer: {answer.stderr[-300:]!r}")
    if call.stdin:
        open_envelope(stdout=answer.stdout, stderr=answer.stderr, token=call.token, limit=_OUTPUT_LIMIT)


def _ansible(lab: Lab, place: Path) -> Callable[[], None]:
    """Return what runs the two modules of Ansible; a run that fails is no measure."""
    playbook = Path(sys.executable).with_name("ansible-playbook")
    if not playbook.exists():
        raise SystemExit("ansible-core is not installed here: make .venv/test.stamp, or --no-ansible")
    community_general(lab.home / "collections")
    (place / "play.yml").write_text(_PLAY)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "ANSIBLE_COLLECTIONS_PATH": str(lab.home / "collections"),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_STDOUT_CALLBACK": "minimal",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "LC_ALL": "C.UTF-8",
    }
    words = [str(playbook), "-i", str(lab.inventory("yml")), str(place / "play.yml")]

    def act() -> None:
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, cwd=place)
        if done.returncode:
            raise SystemExit(f"Ansible failed: {(done.stdout + done.stderr)[-600:]}")

    return act


def _report(rounds: Rounds, options: argparse.Namespace) -> int:
    cost = {name: statistics.median(values) for name, values in rounds.items()}
    null, default = cost[NULL], cost[DEFAULT]
    print(f"\nprocessor time of the host, ms a session; medians of {options.rounds} rounds\n")
    print(f"{'an empty session (SSH alone)':52} {null:7.1f}")
    for name, says in (
        (NONE, "without any section"),
        (DEFAULT, "with the default sections"),
        (ALL, "with all sections"),
    ):
        print(f"{f'the probe {says}':52} {cost[name]:7.1f}   {cost[name] - null:+.1f}")
    if not options.no_sections:
        _print_sections(rounds)
    print(f"\n60 ms where an empty session costs {_REFERENCE_SESSION} ms are {_GOAL_SESSIONS:.2f} empty sessions.")
    is_met = _goal("of which the default sections cost", default / null - 1, _GOAL_SESSIONS, at_most=True)
    print(f"{'and with SSH itself':56} {default / null:7.2f}")
    if ANSIBLE in cost:
        print(f"{'Ansible, packages and listening ports, ms':56} {cost[ANSIBLE]:7.1f}")
        ratio = (cost[ANSIBLE] - null) / (default - null)
        is_met = _goal("times the default sections that Ansible costs", ratio, _GOAL_OF_ANSIBLE) and is_met
        print(f"{'and with SSH itself':56} {cost[ANSIBLE] / default:7.2f}")
    return 0 if is_met else 1


def _print_sections(rounds: Rounds) -> None:
    """Print each section by what it adds to a probe without it, dearest first, those apart in a list of their own."""
    added = {
        name: statistics.median(one - other for one, other in zip(rounds[name], rounds[f"before {name}"], strict=True))
        for name in rounds
        if name in collectors()
    }
    for title, is_apart in (("each default section alone", False), ("each section apart", True)):
        print(f"\n{title}: what it adds")
        for name in sorted(added, key=added.__getitem__, reverse=True):
            if collectors()[name].apart is is_apart:
                print(f"    {name:48} {added[name]:+7.1f}")


def _goal(name: str, value: float, goal: float, *, at_most: bool = False) -> bool:
    is_met = value <= goal if at_most else value >= goal
    says = f"at {'most' if at_most else 'least'} {goal:.2f}"
    print(f"{name:56} {value:7.2f}   goal: {says:14} {'met' if is_met else 'NOT MET'}")
    return is_met


if __name__ == "__main__":
    sys.exit(main())
