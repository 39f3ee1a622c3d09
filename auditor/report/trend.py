"""The trend over the runs of one scope: small charts, and what they are drawn from, which is sealed in its history."""

from collections.abc import Iterator, Mapping, Sequence

from auditor.model.record import Record
from auditor.report.rows import Row
from auditor.report.words import OUTCOMES, percent

_WIDTH, _HEIGHT = 300.0, 100.0
"""Units of a chart; a page stretches it to its own width."""
_WIDEST = 22.0
"""Width of a column where runs are few."""
_SHOWN = 0.75
"""Height below which a part that is there would not be seen."""
_KINDS = {"noncompliant": "fail", "partial": "unknown", "unreachable": "unreached", "compliant": "pass"}
_SEVERITIES = {"critical": "critical", "high": "fail", "medium": "unknown", "low": "not_applicable"}


class Point(Record, kw_only=True):
    """One run of the trend."""

    run: str
    """Its id."""
    as_of: str
    """The instant it judged at."""
    scope: int
    """Hosts in its scope."""
    outcomes: Mapping[str, int]
    """Hosts by outcome."""
    assessed: int
    """Hosts reached and without an unknown verdict."""
    wanted: float
    """Share of the scope that the policy wanted assessed."""
    findings: Mapping[str, int] | None
    """Findings by what is counted of them (``earlier_runs.COUNTS``); None where nobody counted them."""
    differs: tuple[str, ...] = ()
    """What it was judged by that the run before it was not."""
    is_this: bool = False
    """Whether it is the run that the report is of."""

    @property
    def share(self) -> float:
        """Return how much of the scope was fully assessed."""
        return self.assessed / self.scope if self.scope else 0.0


class Part(Record, kw_only=True):
    """One rectangle of a chart."""

    kind: str
    """What it stands for, which is its colour."""
    x: float
    y: float
    width: float
    height: float


class Chart(Record, kw_only=True):
    """One chart: columns, one a run."""

    title: str
    """What it shows."""
    latest: str
    """What it comes to in this run."""
    says: str
    """The same for whoever does not see it: from where to where it went."""
    top: str
    """What its full height stands for."""
    columns: tuple[tuple[str, tuple[Part, ...]], ...]
    """What each column says, and the parts that it is drawn from."""
    guide: float | None = None
    """Height of a line across it, where something is wanted."""
    key: tuple[tuple[str, str], ...] = ()
    """Colours and what each stands for."""


class Trend(Record, kw_only=True):
    """The runs of a scope, the oldest first and this one last."""

    points: tuple[Point, ...]
    """Every run."""
    charts: tuple[Chart, ...]
    """What is drawn of them."""


def trend_of(run: Row, outcomes: Mapping[str, int], findings: Mapping[str, int]) -> Trend | None:
    """Return the trend up to a run, of whose hosts and findings these are the counts.

    None where its sealed history says nothing of the runs before it.
    """
    earlier = run["history"].get("runs")
    if earlier is None:
        return None
    points = tuple(_points(earlier, run, outcomes, findings))
    return Trend(points=points, charts=() if len(points) == 1 else (_hosts(points), _coverage(points), _open(points)))


def _points(
    earlier: Sequence[Row], run: Row, outcomes: Mapping[str, int], findings: Mapping[str, int]
) -> Iterator[Point]:
    before: dict[str, str] | None = None
    for row in earlier:
        rules = {"policy": row["policy"], "auditor": row["tool_version"]}
        yield Point(
            run=row["run"],
            as_of=row["as_of"],
            scope=row["scope"]["count"],
            outcomes=row["outcomes"],
            assessed=row["coverage"]["assessed"],
            wanted=row["coverage"]["wanted"],
            findings=row["findings"],
            differs=_differs(before, rules),
        )
        before = rules
    yield Point(
        run=run["id"],
        as_of=run["as_of"],
        scope=run["scope"]["count"],
        outcomes={name: outcomes.get(name, 0) for name in _KINDS},
        assessed=run["coverage"]["assessed"],
        wanted=run["coverage"].get("wanted", 1.0),
        findings=dict(findings),
        differs=_differs(before, {"policy": run["policy"]["sha256"], "auditor": run["tool_version"]}),
        is_this=True,
    )


def _differs(before: Mapping[str, str] | None, now: Mapping[str, str]) -> tuple[str, ...]:
    return () if before is None else tuple(name for name in now if now[name] != before[name])


def _hosts(points: Sequence[Point]) -> Chart:
    most = max(point.scope for point in points) or 1
    first, last = points[0], points[-1]
    return Chart(
        title="Hosts by outcome",
        latest=f"{last.outcomes['noncompliant']:,} noncompliant of {last.scope:,}",
        says=f"Noncompliant hosts: {first.outcomes['noncompliant']:,} of {first.scope:,} in the first of "
        f"{len(points)} runs, {last.outcomes['noncompliant']:,} of {last.scope:,} in this one.",
        top=f"{most:,} hosts",
        columns=_columns(
            points,
            [[(kind, point.outcomes[name] / most) for name, kind in _KINDS.items()] for point in points],
            [", ".join(f"{point.outcomes[name]:,} {OUTCOMES[name].lower()}" for name in _KINDS) for point in points],
        ),
        key=(
            ("fail", "noncompliant"),
            ("unknown", "partly assessed"),
            ("unreached", "not reached"),
            ("pass", "compliant"),
        ),
    )


def _coverage(points: Sequence[Point]) -> Chart:
    first, last = points[0], points[-1]
    return Chart(
        title="Coverage of the scope",
        latest=percent(last.share),
        says=f"Fully assessed: {percent(first.share)} of the scope in the first of {len(points)} runs, "
        f"{percent(last.share)} in this one; the policy wants {percent(last.wanted)}.",
        top="100 %",
        columns=_columns(points, [[("pass", point.share)] for point in points], [percent(one.share) for one in points]),
        guide=round(_HEIGHT * (1 - last.wanted), 2),
        key=(("pass", "fully assessed"), ("guide", f"wanted: {percent(last.wanted)}")),
    )


def _open(points: Sequence[Point]) -> Chart:
    counted = [point.findings for point in points]
    known = [one for one in counted if one is not None]
    most = max(one["open"] for one in known) or 1
    first, last = known[0], known[-1]
    return Chart(
        title="Open findings",
        latest=f"{last['open']:,} open, {last['overdue']:,} overdue",
        says=f"Open findings: {first['open']:,} in the first run that counted them, {last['open']:,} in this one, of "
        f"these {last['critical']:,} critical and {last['high']:,} high; {last['overdue']:,} are overdue.",
        top=f"{most:,} findings",
        columns=_columns(
            points,
            [
                [] if one is None else [(kind, one[name] / most) for name, kind in _SEVERITIES.items()]
                for one in counted
            ],
            ["not counted" if one is None else f"{one['open']:,} open, {one['overdue']:,} overdue" for one in counted],
        ),
        key=(("critical", "critical"), ("fail", "high"), ("unknown", "medium"), ("not_applicable", "low")),
    )


def _columns(
    points: Sequence[Point], shares: Sequence[Sequence[tuple[str, float]]], words: Sequence[str]
) -> tuple[tuple[str, tuple[Part, ...]], ...]:
    """Stack the parts of each run upwards from the ground, the gravest lowest."""
    slot = _WIDTH / len(points)
    width = min(slot * 0.72, _WIDEST)
    made = []
    for number, (point, parts) in enumerate(zip(points, shares, strict=True)):
        x, ground, drawn = slot * number + (slot - width) / 2, _HEIGHT, list[Part]()
        for kind, share in parts:
            if share <= 0:
                continue
            height = min(max(share * _HEIGHT, _SHOWN), ground)
            ground -= height
            drawn.append(
                Part(kind=kind, x=round(x, 2), y=round(ground, 2), width=round(width, 2), height=round(height, 2))
            )
        made.append((f"{point.as_of[:10]}: {words[number]}", tuple(drawn)))
    return tuple(made)
