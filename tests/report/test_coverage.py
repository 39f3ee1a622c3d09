"""Coverage is a result: of the scope and of the hosts reached, and whether it is what the policy wants."""

import pytest

from auditor.model.coverage import Coverage
from auditor.report.rows import coverage_row
from auditor.report.stored_run import coverage_of


def a_coverage(assessed: int, wanted: float, scope: int = 200, reached: int = 190) -> Coverage:
    return Coverage(scope=scope, reached=reached, assessed=assessed, wanted=wanted)


@pytest.mark.parametrize(
    ("coverage", "met"),
    [
        pytest.param(a_coverage(190, 0.95), True, id="exactly-as-many"),
        pytest.param(a_coverage(189, 0.95), False, id="one-host-fewer"),
        pytest.param(a_coverage(190, 1.0), False, id="all-that-were-reached-are-not-all"),
        pytest.param(a_coverage(0, 0.0), True, id="none-wanted"),
        pytest.param(a_coverage(7, 0.07, 100, 100), True, id="a-share-that-binary-fractions-miss"),
        pytest.param(a_coverage(55, 0.55, 100, 100), True, id="another"),
        pytest.param(a_coverage(333, 33.3 / 100, 1000, 1000), True, id="in-percent"),
        pytest.param(a_coverage(999_999, 1.0, 1_000_000, 1_000_000), False, id="one-of-a-million-is-missing"),
    ],
)
def test_the_threshold_is_of_the_scope(coverage: Coverage, met: bool) -> None:
    assert coverage.is_met is met


def test_every_whole_percent_of_a_hundred_hosts_is_met_by_as_many() -> None:
    for count in range(1, 101):
        assert a_coverage(count, float(f"{count}") / 100, 100, 100).is_met
        assert not a_coverage(count - 1, float(f"{count}") / 100, 100, 100).is_met


def test_both_shares_are_said() -> None:
    row = coverage_row(a_coverage(171, 0.9))
    assert (row["share"], row["share_of_reached"], row["met"]) == (0.855, 0.9, False)
    assert coverage_row(a_coverage(0, 0.9, reached=0))["share_of_reached"] is None


def test_a_run_that_an_earlier_version_kept_has_both() -> None:
    counted = {"scope": 4, "assessed": 1, "share": 0.25, "wanted": 0.5}
    outcomes = {"compliant": 1, "noncompliant": 0, "partial": 2, "unreachable": 1}
    coverage = coverage_of({"coverage": counted, "outcomes": outcomes})
    assert coverage == Coverage(scope=4, reached=3, assessed=1, wanted=0.5)
