"""How reports get into a run's folder: each format whole or not at all, everything else left alone."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from auditor.errors import OutputError
from auditor.report.format import Format
from auditor.report.run_rows import RunRows


def write_report(rows: RunRows, folder: Path, formats: Sequence[Format]) -> list[Path]:
    """Write the formats into the run's folder, one after the other, and return the files made.

    A format is written beside its place and moved there when it is complete: who opens a report while
    it is written again sees the old one or the new one. What a killed run left half-written is cleared
    away by the next. Raise OutputError where a place cannot be written; formats that were complete
    before stay, the one that failed leaves what was there before it.
    """
    made: list[Path] = []
    for one in formats:
        draft = folder / f".writing-{one.id}"
        place = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _remove(draft)
            draft.mkdir()
            place = draft
            files = one.write(rows, draft)
            place = folder
            for entry in sorted(draft.iterdir()):
                _move(entry, folder / entry.name)
            draft.rmdir()
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise OutputError(_sentence(one, folder, place, error)) from error
        made.extend(folder / file.relative_to(draft) for file in files)
    return made


def _move(new: Path, place: Path) -> None:
    """Put a finished file or folder in its place, the old one back when that fails."""
    if not new.is_dir():
        new.replace(place)
        return
    # A folder that is not empty cannot be replaced in one step: the old one steps aside first.
    old = place.with_name(f".old-{place.name}")
    _remove(old)
    stepped_aside = place.is_symlink() or place.exists()
    if stepped_aside:
        place.rename(old)
    try:
        new.rename(place)
    except OSError:
        if stepped_aside:
            old.rename(place)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sentence(one: Format, folder: Path, place: Path, error: OSError) -> str:
    """Say what could not be written, where, why, and what to do."""
    where = error.filename if isinstance(error.filename, str) and place is folder else str(folder)
    why = error.strerror or str(error)
    return (
        f"{where}: the {one.id} report cannot be written: {why}. "
        "Free space there or choose a folder you may write with -o, then write the report again "
        f"with `auditor report --format {one.id}`: the results themselves are in the store"
    )
