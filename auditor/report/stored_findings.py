"""The findings of a run as the store keeps them, whichever version kept them."""

from auditor.report.rows import Row
from auditor.report.stored_rows import StoredRows
from auditor.store.record import RunRecord
from auditor.store.store import Store

_FIRST_LIFE: Row = {"closed_by": None, "overdue": False, "opened_by": None, "reopened": 0, "formerly": []}
"""What is said of a finding of a time when nothing was due and nobody counted how often one came back."""


def stored_findings(store: Store, record: RunRecord) -> StoredRows:
    """Return the findings of a run, sorted."""
    return StoredRows(
        lambda: (_FIRST_LIFE | row for row in store.findings(record.id)), lambda: store.count_findings(record.id)
    )
