"""The trend is drawn from what is sealed of the runs before, says the same in words, and makes nothing up."""

from itertools import pairwise
from pathlib import Path

import pytest

from auditor.model.record import replace
from auditor.report.earlier_runs import COUNTS, finding_counts
from auditor.report.html import FORMAT
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.trend import Trend, trend_of

_NOW = {"noncompliant": 1, "partial": 1, "unreachable": 0, "compliant": 8}


def a_run(earlier: list[Row] | None, **more: object) -> Row:
    return {
        "id": "now",
        "as_of": "2026-11-20T06:30:00Z",
        "tool_version": "2",
        "policy": {"sha256": "b"},
        "scope": {"count": 10, "sha256": "s"},
        "coverage": {"assessed": 9, "wanted": 0.95},
        "history": {"sha256": "h", "runs": earlier},
    } | more


def an_earlier(number: int, open_findings: int | None = 4, **more: object) -> Row:
    findings = None if open_findings is None else dict.fromkeys(COUNTS, 0) | {"open": open_findings, "high": 1}
    return {
        "run": f"r{number}",
        "as_of": f"2026-{number:02}-01T00:00:00Z",
        "tool_version": "2",
        "policy": "b",
        "scope": {"count": 20},
        "coverage": {"assessed": 5, "wanted": 0.9},
        "findings": findings,
        "outcomes": {"noncompliant": 10, "partial": 5, "unreachable": 0, "compliant": 5},
    } | more


def drawn(earlier: list[Row]) -> Trend:
    made = trend_of(a_run(earlier), _NOW, finding_counts([]))
    assert made is not None
    return made


def test_the_parts_of_a_column_are_as_high_as_their_shares_and_stand_on_each_other() -> None:
    hosts, coverage, _ = drawn([an_earlier(1)]).charts
    (_, first), (_, now) = hosts.columns
    assert [(part.kind, part.y, part.height) for part in first] == [
        ("fail", 50.0, 50.0),
        ("unknown", 25.0, 25.0),
        ("pass", 0.0, 25.0),
    ]
    # Ten hosts now, where twenty were the most: half as high.
    assert [(part.kind, part.height) for part in now] == [("fail", 5.0), ("unknown", 5.0), ("pass", 40.0)]
    assert [part.height for _, (part,) in coverage.columns] == [25.0, 90.0]
    assert coverage.guide == pytest.approx(5.0)


def test_what_is_there_is_never_too_thin_to_see_and_no_column_is_higher_than_the_chart() -> None:
    many = {"noncompliant": 1, "partial": 1, "unreachable": 1, "compliant": 999_997}
    hosts, *_ = drawn([an_earlier(1, outcomes=many, scope={"count": 1_000_000})]).charts
    (_, parts), _ = hosts.columns
    assert [part.kind for part in parts] == ["fail", "unknown", "unreached", "pass"]
    assert min(part.height for part in parts) >= 0.75
    assert min(part.y for part in parts) >= 0.0


def test_columns_stand_side_by_side_however_many_there_are() -> None:
    for count in (1, 2, 30, 100):
        hosts, *_ = drawn([an_earlier(1 + number % 12) for number in range(count)]).charts
        edges = [(parts[0].x, parts[0].x + parts[0].width) for _, parts in hosts.columns]
        assert len(edges) == count + 1
        assert all(end <= begin for (_, end), (begin, _) in pairwise(edges))
        assert edges[0][0] >= 0
        assert edges[-1][1] <= 300


def test_a_run_whose_findings_nobody_counted_has_no_column_and_says_so() -> None:
    trend = drawn([an_earlier(1, None), an_earlier(2, 7)])
    *_, findings = trend.charts
    assert [(words, len(parts)) for words, parts in findings.columns] == [
        ("2026-01-01: not counted", 0),
        ("2026-02-01: 7 open, 0 overdue", 1),
        ("2026-11-20: 0 open, 0 overdue", 0),
    ]
    assert "Open findings: 7 in the first run that counted them, 0 in this one" in findings.says
    assert trend.points[0].findings is None


def test_other_rules_than_the_run_before_had_are_said() -> None:
    earlier = [an_earlier(1, policy="a", tool_version="1"), an_earlier(2, policy="a"), an_earlier(3)]
    assert [point.differs for point in drawn(earlier).points] == [(), ("auditor",), ("policy",), ()]


def test_nothing_is_drawn_of_what_is_not_known() -> None:
    assert trend_of(a_run(None), _NOW, finding_counts([])) is None
    assert trend_of(a_run([]) | {"history": {"sha256": "h"}}, _NOW, finding_counts([])) is None
    first = trend_of(a_run([]), _NOW, finding_counts([]))
    assert first is not None
    assert (len(first.points), first.charts) == (1, ())


def test_findings_are_counted_by_state_and_severity() -> None:
    rows = [
        {"state": "open", "severity": "critical", "overdue": True},
        {"state": "open", "severity": "of a newer version", "overdue": False},
        {"state": "excepted", "severity": "high", "overdue": False},
        {"state": "closed", "severity": "high", "overdue": False},
        {"state": "not_observable", "severity": "low", "overdue": True},
    ]
    counted = finding_counts(rows)
    assert counted == dict.fromkeys(COUNTS, 0) | {
        "open": 2,
        "critical": 1,
        "excepted": 1,
        "not_observable": 1,
        "overdue": 2,
    }


@pytest.mark.parametrize(
    ("runs", "sentence"),
    [
        pytest.param(None, "the sealed history of this run says nothing of the runs before it", id="not-sealed"),
        pytest.param([], "its store held no finished run of the same scope", id="the-first-of-its-scope"),
    ],
)
def test_a_page_without_a_trend_says_why(
    sample: RunRows, tmp_path: Path, runs: list[Row] | None, sentence: str
) -> None:
    history = {"history": sample.run["history"] | {"runs": runs}}
    FORMAT.write(replace(sample, run=sample.run | history), tmp_path)
    text = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    assert sentence in text
    assert '<figure class="chart">' not in text
