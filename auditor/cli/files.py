"""The operator's files: read and written as a text, or a sentence that says why not."""

import os
import shutil
from pathlib import Path

from auditor.errors import OutputError, UsageError
from auditor.report.visible import visible
from auditor.run.on_disk import settle_names, write_settled


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text (byte {error.start})") from error


def write_whole(file: Path, text: str, mode: int | None = None) -> None:
    """Write a file as a whole or not at all; it is given a mode, else one that was there keeps its own.

    On return it has reached the disk. What a killed process left half-written of it is cleared away.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        _clear_drafts(file)
        if mode is not None:
            draft.touch(mode=mode)
        write_settled(draft, text.encode())
        if mode is None and file.exists():
            shutil.copymode(file, draft)
        draft.replace(file)
        settle_names(file.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OutputError(f"{visible(str(file))}: cannot be written: {error.strerror}") from error


def _clear_drafts(file: Path) -> None:
    """Remove drafts of a file whose writers are gone."""
    for draft in file.parent.iterdir():
        head, _, pid = draft.name.rpartition(".")
        if head == f".{file.name}" and pid.isascii() and pid.isdigit() and not Path(f"/proc/{pid}").exists():
            draft.unlink(missing_ok=True)
