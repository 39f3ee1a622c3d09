"""``auditor findings``: list the violations of a run."""

from argparse import ArgumentParser, Namespace

from auditor.cli.command import Command
from auditor.cli.stored import add_run_option, add_store_option, open_store
from auditor.cli.terminal import add_format_option, print_rows
from auditor.report.stored_run import stored_run

_COLUMNS = ["fingerprint", "host", "control", "severity", "state", "failing_since", "reason"]
_SHORT = 12


def _options(parser: ArgumentParser) -> None:
    add_run_option(parser)
    add_format_option(parser)
    add_store_option(parser)
    parser.add_argument("--all", action="store_true", help="closed ones too")


def _run(options: Namespace) -> int:
    with open_store(options) as store:
        found = stored_run(store, store.run(options.run)).findings
    rows = [row for row in found if options.all or row["state"] != "closed"]
    if options.format == "table":
        rows = [{**row, "fingerprint": row["fingerprint"][:_SHORT]} for row in rows]
    print_rows(rows, _COLUMNS, options)
    return 0


COMMAND = Command(
    help="list the violations of a run",
    description="List the violations of a run as findings that are followed from run to run.",
    options=_options,
    run=_run,
)
