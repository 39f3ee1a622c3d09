"""What every command does that leaves a run's folder behind: reports, what they rest on, and the manifest over all."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from auditor.cli.summary import Summary
from auditor.report.formats import FORMATS
from auditor.report.run_rows import RunRows
from auditor.report.writing import write_side_by_side
from auditor.run.bundle import evidence_format
from auditor.run.manifest import MANIFEST, read_manifest, seal_manifest, settled, write_manifest
from auditor.run.report_rows import report_rows
from auditor.store.record import RunRecord
from auditor.store.store import Store


def write_and_print(store: Store, run: RunRecord, folder: Path, formats: Sequence[str], options: Namespace) -> None:
    """Leave the bundle of a run behind, and print what was found once all of it is sealed."""
    rows = report_rows(store, run)
    summary = Summary(rows, options)
    summary.print(write_bundle(store, run, rows, folder, formats, summary.gather))


def write_bundle(
    store: Store,
    run: RunRecord,
    rows: RunRows,
    folder: Path,
    formats: Sequence[str],
    meanwhile: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Write the reports and what they rest on, seal the folder, and return the files made, those of reports first.

    ``meanwhile`` is called while another process may be writing: see ``write_side_by_side``.
    """
    wanted = [FORMATS[name] for name in formats]
    made = write_side_by_side(rows, folder, [*wanted, evidence_format(store, run)], store.forked, meanwhile)
    # In this order a power cut leaves no manifest that names what is not there, and no seal in the store without one.
    stated = settled(folder, run.finished)
    store.seal(run.id, lambda previous: seal_manifest(folder, stated, previous))
    return made


def refresh_manifest(folder: Path) -> None:
    """Name the files of a bundle anew after reports were added; its seal is over what they were made from."""
    file = folder / MANIFEST
    if file.is_file():
        write_manifest(folder, read_manifest(folder)["previous"])
