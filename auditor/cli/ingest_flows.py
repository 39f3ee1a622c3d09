"""``auditor ingest flows``: who talked to whom by which remote-access product, from flow records."""

from argparse import ArgumentParser, Namespace

from auditor.errors import UsageError


def add_options(parser: ArgumentParser) -> None:
    """Add what only flows take."""
    parser.add_argument_group("flows")


def flows(options: Namespace) -> int:
    """Read the files and write the conversations; return the exit code."""
    raise UsageError(f"{options.files[0]}: flows are not read yet")
