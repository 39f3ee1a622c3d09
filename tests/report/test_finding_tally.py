"""The lives of findings are counted as they are, whichever instant each is of."""

from auditor.report.earlier_runs import finding_counts
from auditor.report.finding_tally import FindingTally
from auditor.report.rows import Row

NOW, BEFORE = "2026-11-20T06:30:00Z", "2026-10-20T06:30:00Z"


def a_finding(state: str, first: str = BEFORE, failing: str | None = BEFORE, *, overdue: bool = False) -> Row:
    return {"state": state, "first_seen": first, "failing_since": failing, "overdue": overdue, "severity": "high"}


def test_each_finding_is_counted_for_what_it_is() -> None:
    findings = [
        a_finding("open", NOW, NOW),
        a_finding("open", BEFORE, NOW, overdue=True),
        a_finding("open"),
        a_finding("open"),
        a_finding("not_observable", overdue=True),
        a_finding("excepted"),
        a_finding("closed", BEFORE, None),
    ]
    tally = FindingTally(NOW)
    for one in findings:
        tally.add(one)
    assert tally.life == {"open": 4, "new": 1, "back": 1, "unseen": 1, "overdue": 2, "closed": 1}
    assert dict(tally.counts) == finding_counts(findings)
