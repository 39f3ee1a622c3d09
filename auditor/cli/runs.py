"""``auditor runs``: list the runs that the store keeps."""

from argparse import ArgumentParser, Namespace
from typing import Any

from auditor.cli.command import Command
from auditor.cli.stored import add_store_option, open_store
from auditor.cli.terminal import add_format_option, print_rows

_COLUMNS = ["sequence", "id", "started", "finished", "operator", "hosts", "assessed", "violating_hosts"]


def _options(parser: ArgumentParser) -> None:
    add_format_option(parser)
    add_store_option(parser)


def _run(options: Namespace) -> int:
    with open_store(options) as store:
        records = store.runs()
    rows: list[dict[str, Any]] = []
    for record in records:
        summary: dict[str, Any] = record.summary
        rows.append(
            {
                "sequence": record.sequence,
                "id": record.id,
                "started": record.started,
                "finished": record.finished,
                "operator": record.operator,
                "tool_version": record.tool_version,
                "hosts": record.scope_count,
                "assessed": summary["coverage"]["assessed"] if summary else None,
                "violating_hosts": summary["violating_hosts"] if summary else None,
                "source": record.scope_source,
            }
        )
    print_rows(rows, _COLUMNS, options)
    return 0


COMMAND = Command(
    help="list the runs that the store keeps",
    description="List the runs that the store keeps, newest first. A number that is missing is a run that is missing.",
    options=_options,
    run=_run,
)
