"""What reports say of remediation where it cannot be known."""

from contextlib import closing
from pathlib import Path

from auditor.report.run_rows import RunRows
from auditor.run.report_rows import report_rows
from auditor.store.store import Store
from tests.report.conftest import sample
from tests.report.stored_rows import store_rows

__all__ = ["sample"]


def test_a_policy_of_another_version_is_no_plan_without_steps(sample: RunRows, tmp_path: Path) -> None:
    with closing(Store(str(store_rows(sample, tmp_path / "store.sqlite")))) as store:
        rows = report_rows(store, store.run(None))
        host = next(row for row in rows.hosts() if row["verdicts"])
        remedies = rows.remedies(host, [{"fingerprint": "f" * 64}])
    assert remedies is not None
    assert remedies["steps"] == []
    ((name, reason),) = ((one["fingerprint"], one["reason"]) for one in remedies["left_out"])
    assert (name, "cannot read the run's policy" in reason) == ("f" * 64, True)
