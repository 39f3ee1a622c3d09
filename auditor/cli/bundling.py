"""What every command does that leaves a run's folder behind: reports, what they rest on, and the manifest over all."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auditor.report.formats import FORMATS
from auditor.report.run_rows import RunRows
from auditor.report.writing import write_side_by_side
from auditor.run.bundle import evidence_format
from auditor.run.manifest import MANIFEST, write_manifest
from auditor.store.record import RunRecord
from auditor.store.store import Store


def write_bundle(store: Store, run: RunRecord, rows: RunRows, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the reports and what they rest on, seal the folder, and return the files made, those of reports first."""
    wanted = [FORMATS[name] for name in formats]
    made = write_side_by_side(rows, folder, [*wanted, evidence_format(store, run)], store.forked)
    previous = _previous(store, run)
    store.note(run.id, seal=write_manifest(folder, previous), previous=previous)
    return made


def refresh_manifest(folder: Path) -> None:
    """Name the files of a bundle anew after reports were added; its seal is over what they were made from."""
    file = folder / MANIFEST
    if file.is_file():
        write_manifest(folder, json.loads(file.read_bytes())["previous"])


def _previous(store: Store, run: RunRecord) -> dict[str, Any] | None:
    """Return the sealed run that this one follows in the store; the one it followed when it was sealed before."""
    if "previous" in run.summary:
        known: Any = run.summary["previous"]
        return None if known is None else dict(known)
    earlier = [one for one in store.runs() if one.sequence < run.sequence and "seal" in one.summary]
    return {"run": earlier[0].id, "seal": earlier[0].summary["seal"]} if earlier else None
