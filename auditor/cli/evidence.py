"""A folder of sealed evidence alone: no policy, no verdicts."""

from pathlib import Path

from auditor.model.record import replace
from auditor.report.run_rows import RunRows
from auditor.report.writing import write_report
from auditor.run.bundle import evidence_format
from auditor.run.manifest import write_manifest
from auditor.store.record import RunRecord
from auditor.store.store import Store

_NO_ROWS = RunRows(run={}, controls={}, ledger=(), findings=(), hosts=lambda: iter(()), host_lines=lambda: iter(()))


def write_evidence(store: Store, run: RunRecord, folder: Path) -> None:
    """Write what the hosts of a run answered, and the manifest; what they are judged by is another's to say."""
    write_report(_NO_ROWS, folder, [evidence_format(store, replace(run, inputs={}))])
    write_manifest(folder, None, finished=run.finished)
