"""How reports get into a run's folder: each format whole or not at all, everything else left alone."""

import json
import os
import shutil
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from auditor.errors import OutputError
from auditor.report.format import Format
from auditor.report.run_rows import RunRows

_BOTH, _MANY = 2, 20
"""Formats and hosts from which on a second process is worth its start."""


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


def write_side_by_side(
    rows: RunRows,
    folder: Path,
    formats: Sequence[Format],
    forked: Callable[[], None],
    meanwhile: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Do what ``write_report`` does on two processors: the first format is written by a process of its own.

    ``forked`` is called there first; it must see to it that the rows are read over a connection of its own. Where
    other threads run, which a process cannot be parted from, and for few hosts, it is written here. ``meanwhile`` is
    called here, when all that is written here is: the other process may be at work yet.
    """
    if len(formats) < _BOTH or len(rows.ledger) < _MANY or threading.active_count() > 1:
        made = write_report(rows, folder, formats)
        meanwhile()
        return made
    said, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(said)
        _write_and_tell(rows, folder, formats[0], forked, says)
    os.close(says)
    try:
        others = write_report(rows, folder, formats[1:])
        meanwhile()
    finally:
        with os.fdopen(said, encoding="utf-8") as stream:
            text = stream.read()
        os.waitpid(pid, 0)
    if not text:
        raise RuntimeError(f"the process that wrote the {formats[0].id} report ended early")
    answer = json.loads(text)
    if "error" in answer:
        raise OutputError(answer["error"])
    return [*map(Path, answer["made"]), *others]


def _write_and_tell(rows: RunRows, folder: Path, one: Format, forked: Callable[[], None], says: int) -> NoReturn:
    """Write a format in a process that was forked for it, tell the parent what came of it, and end."""
    status = 1
    try:
        forked()
        try:
            answer: dict[str, object] = {"made": [str(file) for file in write_report(rows, folder, [one])]}
        except OutputError as error:
            answer = {"error": str(error)}
        with os.fdopen(says, "w", encoding="utf-8") as stream:
            json.dump(answer, stream)
        status = 0
    except Exception:  # noqa: BLE001 — this process ends here: a fault of ours is shown, and its parent told by silence
        traceback.print_exc()
    finally:
        os._exit(status)


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
