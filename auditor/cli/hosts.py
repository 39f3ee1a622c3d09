"""``auditor hosts``: list the hosts of a run and what became of them."""

from argparse import ArgumentParser, Namespace

from auditor.cli.command import Command
from auditor.cli.stored import add_run_option, add_store_option, open_store
from auditor.cli.terminal import add_format_option, print_rows
from auditor.report.stored_run import stored_run

_COLUMNS = ["host", "outcome", "complete", "os", "owner", "site", "reason", "detail"]


def _options(parser: ArgumentParser) -> None:
    add_run_option(parser)
    add_format_option(parser)
    add_store_option(parser)


def _run(options: Namespace) -> int:
    with open_store(options) as store:
        rows = [
            {
                "host": host["host"],
                "outcome": host["outcome"],
                "complete": host["complete"],
                "os": None if host["os"] is None else host["os"]["name"],
                "owner": host["owner"],
                "site": host["site"],
                "groups": host["groups"],
                "rights": host["rights"],
                "collected_at": host["collected_at"],
                "reason": host["reason"],
                "detail": host["detail"],
                "attempts": host["attempts"],
                "retried_after": host["retried_after"],
            }
            for host in stored_run(store, store.run(options.run)).hosts()
        ]
    print_rows(rows, _COLUMNS, options)
    return 0


COMMAND = Command(
    help="list the hosts of a run and what became of them",
    description="List every host of a run with its outcome; for a host that was not assessed, why.",
    options=_options,
    run=_run,
)
