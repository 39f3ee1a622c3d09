"""What was to be shown, beside what was measured: each figure with its spread, met or not."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]
"""What was measured, by part."""

OURS = "auditor"
_FASTER = {"ansible-tuned": 30.0, "ansible-default": 33.0, "pyinfra": 1.3, "xargs": 2.0, "xargs-curve25519": 1.0}
_NO_SLOWER = {"asyncssh": 1.15, "parallel-ssh": 1.15}
_OF_THE_LIMIT = 1.3
_ASK_MS, _ALL_MS = 5.5, 16.0
_GAUGE, _GAUGE_MS = "asyncssh", 5.3
"""What a host cost the client asyncssh on the machine that goals in ms were set on: 100 hosts, start-up included."""
_ROUND_TRIPS = 11.0
_WITHIN = 1.1
_MEMORY = 600e6
BUSY = 0.1
"""Share of the cores that others may take before wall times say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    """The middle one."""
    low: float
    """The smallest."""
    high: float
    """The largest."""
    runs: int
    """How many."""

    def over(self, divisor: float) -> "Spread":
        """Return it divided."""
        low, high = self.low / divisor, self.high / divisor
        return Spread(median=self.median / divisor, low=low, high=high, runs=self.runs)

    def text(self, digits: int = 2) -> str:
        """Say it: the median, and from where to where."""
        if self.runs == 1:
            return f"{self.median:,.{digits}f} (1 run)"
        return f"{self.median:,.{digits}f} [{self.low:,.{digits}f}-{self.high:,.{digits}f}]"


def spread(values: Iterable[float]) -> Spread:
    """Take measurements together."""
    all_of_them = list(values)
    return Spread(
        median=statistics.median(all_of_them), low=min(all_of_them), high=max(all_of_them), runs=len(all_of_them)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure that was to be reached."""

    name: str
    """What it is."""
    figure: Spread
    """What was measured."""
    goal: float
    """What it is to be."""
    at_most: bool
    """Whether it is a ceiling; else a floor."""

    @property
    def is_met(self) -> bool:
        """Compare the median; what is not above 0 in every run is noise, and meets nothing."""
        if self.figure.low <= 0:
            return False
        return self.figure.median <= self.goal if self.at_most else self.figure.median >= self.goal

    @property
    def wanted(self) -> str:
        """Say what is wanted."""
        return f"{'≤' if self.at_most else '≥'} {self.goal:,g}"

    @property
    def line(self) -> str:
        """Say it in a line."""
        return f"{self.name:72} {self.figure.text():28} {self.wanted:10} {'met' if self.is_met else 'NOT MET'}"


def busy(part: Mapping[str, Any]) -> float | None:
    """Return which share of the cores others took while a part was measured; None where that was not measured."""
    rows = part["rows"].values()
    runs = [run for one in rows for many in (one.values() if isinstance(one, Mapping) else [one]) for run in many]
    # Recorded hosts are measured by a ``Cost``, whose others are the memory of other processes.
    if not runs or not all(isinstance(run, Mapping) and {"others", "kernel"} <= set(run) for run in runs):
        return None
    return statistics.median(float(run["others"]) / float(run["wall"]) for run in runs) / cores(part)


def cores(part: Mapping[str, Any]) -> float:
    """Return how many processors a part was measured on."""
    return float(part["machine"]["processors"].split()[0])


def goals(results: Results) -> list[Goal]:
    """Hold what was measured to what was to be shown; what was not measured is left out."""
    return [
        *(_of_peers(results["peers"]) if "peers" in results else ()),
        *(_of_stages(results["stages"]["rows"], slowness(results)) if "stages" in results else ()),
        *(_of_round_trips(results["round-trips"]["rows"]) if "round-trips" in results else ()),
        *(_of_recorded(results["recorded"]["rows"]) if "recorded" in results else ()),
    ]


def _of_peers(part: Mapping[str, Any]) -> Iterator[Goal]:
    """Compare run by run: what ran side by side met the same machine."""
    rows = part["rows"]
    ours = [run["wall"] for run in rows[OURS]]
    for peer, goal in _FASTER.items():
        if peer in rows:
            ratio = spread(run["wall"] / mine for run, mine in zip(rows[peer], ours, strict=True))
            yield Goal(name=f"times faster than {peer} (wall)", figure=ratio, goal=goal, at_most=False)
    for peer, goal in _NO_SLOWER.items():
        if peer in rows:
            ratio = spread(mine / run["wall"] for run, mine in zip(rows[peer], ours, strict=True))
            yield Goal(name=f"times the wall time of {peer}", figure=ratio, goal=goal, at_most=True)
    yield Goal(
        name="times the limit: processor time of hosts and kernel over the cores (wall)",
        figure=spread(run["wall"] / limit(run, cores(part)) for run in rows[OURS]),
        goal=_OF_THE_LIMIT,
        at_most=True,
    )


def limit(run: Mapping[str, float], processors: float) -> float:
    """Return the seconds that a run would take if asking cost nothing: hosts and kernel alone on all cores."""
    return (run["hosts"] + run["kernel"]) / processors


def each(stage: Mapping[str, Sequence[Mapping[str, float]]], count: int) -> Spread:
    """Return the processor time of one host in ms, start-up taken off: run by run what more hosts cost more."""
    pairs = zip(stage[str(count)], stage["1"], strict=True)
    return spread(1000 * (many["cpu"] - one["cpu"]) / (count - 1) for many, one in pairs)


def slowness(results: Results) -> float:
    """Return how many times as long the machine takes as the one that goals in ms were set on; 1 where nobody knows."""
    part = results.get("peers")
    if part is None or _GAUGE not in part["rows"]:
        return 1.0
    return spread(1000 * run["cpu"] / part["hosts"] for run in part["rows"][_GAUGE]).median / _GAUGE_MS


def sizes(stage: Mapping[str, object]) -> list[int]:
    """Return the numbers of hosts that a stage was measured with, the single one apart."""
    return sorted(int(count) for count in stage if count != "1")


def _of_stages(rows: Mapping[str, Any], slower: float) -> Iterator[Goal]:
    counts = sizes(rows["ask"])
    most = counts[-1]
    for name, says, goal in (("ask", "asking", _ASK_MS), ("audit", "all stages with reports", _ALL_MS)):
        figure = each(rows[name], most)
        yield Goal(
            name=f"ms of processor time a host, {says}, {most} hosts, start-up apart{_by(slower)}",
            figure=figure.over(slower),
            goal=goal,
            at_most=True,
        )
        if len(counts) > 1:
            ratio = figure.over(each(rows[name], counts[0]).median)
            of = f"times the processor time a host of {counts[0]} hosts with {most}, {says}"
            yield Goal(name=of, figure=ratio, goal=_WITHIN, at_most=True)


def _by(slower: float) -> str:
    return "" if slower == 1.0 else f", over {slower:.2f} that {_GAUGE} takes times as long as where the goal was set"


def _of_round_trips(rows: Mapping[str, Sequence[float]]) -> Iterator[Goal]:
    for name in ("auditor", "audit"):
        if name in rows:
            yield Goal(name=f"round trips a host, {name}", figure=spread(rows[name]), goal=_ROUND_TRIPS, at_most=True)


def _of_recorded(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> Iterator[Goal]:
    counts = sorted(int(count) for count in rows)
    fewest, most = rows[str(counts[0])], rows[str(counts[-1])]
    yield Goal(
        name=f"MB of memory, {counts[-1]:,} recorded hosts judged and reported",
        figure=spread(run["memory"] / 1e6 for run in most),
        goal=_MEMORY / 1e6,
        at_most=True,
    )
    if len(counts) > 1:
        fewer = statistics.median(run["cpu"] for run in fewest) / counts[0]
        yield Goal(
            name=f"times the processor time a host of {counts[0]:,} recorded hosts with {counts[-1]:,}",
            figure=spread(run["cpu"] / counts[-1] / fewer for run in most),
            goal=_WITHIN,
            at_most=True,
        )
