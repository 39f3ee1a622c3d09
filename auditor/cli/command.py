"""What a command is: its words, its options, and what it does."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from auditor.model.record import Record


class Command(Record, kw_only=True):
    """One command of the auditor."""

    help: str
    """What it does, one line."""
    description: str
    """What it does, for ``--help`` and the reference; paragraphs parted by an empty line."""
    options: Callable[[ArgumentParser], None]
    """Add its options to a parser."""
    run: Callable[[Namespace], int]
    """Do it and return the exit code; raises AuditorError."""
