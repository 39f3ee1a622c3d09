"""What a report format is: one file that reads rows and writes files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auditor.report.run_rows import RunRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write the results of a run."""

    id: str
    """Word for ``--format``, for ever."""
    title: str
    """What a reader gets, one phrase for the help text."""
    write: Callable[[RunRows, Path], list[Path]]
    """Write into an empty folder and return the files made, the one to open first at the head.

    What stands at the top of that folder is put into the run's folder under the same names once all
    of it is there, so names must not clash with another format's. Raise nothing but OSError.
    """
