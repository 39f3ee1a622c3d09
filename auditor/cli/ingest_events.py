"""``auditor ingest events``: what other tools recorded of remote-access products."""

from argparse import ArgumentParser, Namespace

from auditor.errors import UsageError


def add_options(parser: ArgumentParser) -> None:
    """Add what only events take."""
    parser.add_argument_group("events")


def events(options: Namespace) -> int:
    """Read the files and write what they show; return the exit code."""
    raise UsageError(f"{options.files[0]}: events are not read yet")
