"""``auditor listeners``: list the listening ports found."""

from argparse import ArgumentParser, Namespace

from auditor.cli.command import Command
from auditor.cli.stored import add_run_option, add_store_option, open_store
from auditor.cli.terminal import add_format_option, print_rows
from auditor.report.stored_run import stored_run

_COLUMNS = ["host", "protocol", "address", "port", "process", "user", "container", "product", "reachability"]
_KEPT = ("protocol", "family", "address", "port", "namespace", "process", "executable", "user", "product")
_REACH = ("reachability", "sources", "rule", "approval")
# Runs that an earlier version kept in the store have none of these.
_OWNED = ("belongs", "container", "image", "published")


def _options(parser: ArgumentParser) -> None:
    add_run_option(parser)
    add_format_option(parser)
    add_store_option(parser)


def _run(options: Namespace) -> int:
    with open_store(options) as store:
        rows = [
            {
                "host": host["host"],
                **{name: listener[name] for name in (*_KEPT, *_REACH)},
                **{name: listener.get(name) for name in _OWNED},
            }
            for host in stored_run(store, store.run(options.run)).hosts()
            for listener in host["listeners"]
        ]
    print_rows(rows, _COLUMNS, options)
    return 0


COMMAND = Command(
    help="list the listening ports found",
    description="List every listening socket seen in a run, whose it is and who can reach it.",
    options=_options,
    run=_run,
)
