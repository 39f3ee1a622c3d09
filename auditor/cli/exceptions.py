"""``auditor exceptions``: the register of exceptions and accepted limits as a run found it."""

from argparse import ArgumentParser, Namespace

from auditor.cli.command import Command
from auditor.cli.stored import add_run_option, add_store_option, open_store
from auditor.cli.terminal import add_format_option, print_rows
from auditor.report.exception_register import register_rows
from auditor.report.stored_run import stored_run

_COLUMNS = ["id", "control", "state", "standing", "end", "covers", "requested_by", "approved_by", "note"]


def _options(parser: ArgumentParser) -> None:
    add_run_option(parser)
    add_format_option(parser)
    add_store_option(parser)
    parser.add_argument("--attention", action="store_true", help="only those that somebody has to look at")


def _run(options: Namespace) -> int:
    with open_store(options) as store:
        rows = register_rows(stored_run(store, store.run(options.run)))
    print_rows([row for row in rows if row["note"] or not options.attention], _COLUMNS, options)
    return 0


COMMAND = Command(
    help="list the exceptions, what shows them, and what they cover",
    description="List every exception and accepted limit of a run with all of its fields: whether it holds, who signed "
    "it, what it covers, and what needs attention: ended or void, ending within 30 days, needed by nobody, or accepted "
    "twice.",
    options=_options,
    run=_run,
)
