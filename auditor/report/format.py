"""What a report format is: one file that reads rows and writes files."""

from collections.abc import Callable
from pathlib import Path

from auditor.model.record import Record
from auditor.report.run_rows import RunRows


class Format(Record, kw_only=True):
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
