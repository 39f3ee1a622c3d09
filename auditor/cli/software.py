"""``auditor software``: list the remote-access software found."""

from argparse import ArgumentParser, Namespace
from typing import Any

from auditor.cli.command import Command
from auditor.cli.stored import add_run_option, add_store_option, open_store
from auditor.cli.terminal import add_format_option, print_rows
from auditor.report.stored_run import stored_run

_COLUMNS = ["host", "product", "version", "state", "confidence", "tenant", "approval", "breaks"]
_KEPT = ("product", "name", "category", "role", "state", "confidence", "version", "tenant", "approval", "objection")


def _options(parser: ArgumentParser) -> None:
    add_run_option(parser)
    add_format_option(parser)
    add_store_option(parser)


def _of_approval(sighting: dict[str, Any]) -> dict[str, Any]:
    """Say who uses a product, and which approval is for it, kept or not."""
    breaches = sighting.get("breaches") or []
    return {
        "users": sighting.get("users"),
        "nearest_approval": next((one["approval"] for one in breaches), None),
        "breaks": [one["term"] for one in breaches],
    }


def _run(options: Namespace) -> int:
    with open_store(options) as store:
        rows = [
            {"host": host["host"], **{name: sighting[name] for name in _KEPT}, **_of_approval(sighting)}
            for host in stored_run(store, store.run(options.run)).hosts()
            for sighting in host["sightings"]
        ]
    print_rows(rows, _COLUMNS, options)
    return 0


COMMAND = Command(
    help="list the remote-access software found",
    description="List every remote-access product seen in a run, approved or not.",
    options=_options,
    run=_run,
)
