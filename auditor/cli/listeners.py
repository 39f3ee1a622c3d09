"""``auditor listeners``: list the listening ports found, or the connections."""

from argparse import ArgumentParser, Namespace
from fnmatch import fnmatchcase

from auditor.catalogue.entry import catalogue_of
from auditor.cli.catalogue import find_product
from auditor.cli.command import Command
from auditor.cli.connections import add_connection_options, check_connection_options, list_connections
from auditor.cli.live_connections import add_live_options, check_live_options, list_live
from auditor.cli.stored import add_run_option, add_store_option, open_store
from auditor.cli.terminal import add_format_option, print_rows
from auditor.errors import UsageError, did_you_mean
from auditor.report.stored_run import stored_run
from auditor.store.record import RunRecord
from auditor.store.store import Store

_COLUMNS = ["host", "protocol", "address", "port", "process", "user", "container", "product", "reachability"]
_KEPT = ("protocol", "family", "address", "port", "namespace", "process", "executable", "user", "product")
_REACH = ("reachability", "sources", "rule", "approval")
# Runs that an earlier version kept in the store have none of these.
_OWNED = ("belongs", "container", "image", "published")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="of this host only; `*` stands for any characters"
    )
    parser.add_argument("--product", action="append", default=[], metavar="ID", help="of this product only")
    parser.add_argument(
        "--port", action="append", type=int, default=[], metavar="PORT", help="with this port only, at either end"
    )
    add_connection_options(parser)
    add_live_options(parser)
    add_run_option(parser)
    add_format_option(parser)
    add_store_option(parser)


def _run(options: Namespace) -> int:
    check_connection_options(options)
    check_live_options(options)
    if options.live:
        return list_live(options, _is_wanted)
    with open_store(options) as store:
        run = store.run(options.run)
        _check_filters(options, store, run)
        if options.connections:
            return list_connections(options, store, run, lambda host: _is_wanted(host, options.host))
        rows = [
            {
                "host": host["host"],
                **{name: listener[name] for name in (*_KEPT, *_REACH)},
                **{name: listener.get(name) for name in _OWNED},
            }
            for host in stored_run(store, run).hosts()
            if _is_wanted(host["host"], options.host)
            for listener in host["listeners"]
            if (not options.port or listener["port"] in options.port)
            and (not options.product or listener["product"] in options.product)
        ]
    print_rows(rows, _COLUMNS, options)
    return 0


def _is_wanted(host: str, patterns: list[str]) -> bool:
    return not patterns or any(fnmatchcase(host, pattern) for pattern in patterns)


def _check_filters(options: Namespace, store: Store, run: RunRecord) -> None:
    """Refuse a host, product or port that no row could have: an empty list would read as nothing found."""
    if options.host:
        known = [str(row["name"]) for row in store.facts(run.id)]
        for pattern in options.host:
            if not any(fnmatchcase(name, pattern) for name in known):
                raise UsageError(f"--host: run {run.id} has no host {pattern!r}{did_you_mean(pattern, known)}")
    if options.product:
        catalogue = catalogue_of(store.text(run.inputs["catalogue"]))
        options.product = [find_product(catalogue, name).id for name in options.product]


COMMAND = Command(
    help="list the listening ports found",
    description="List every listening socket seen in a run, whose it is and who can reach it.\n\n"
    "With --connections: every connection that stood when the host was audited, with the process behind it, its user "
    "and program, both ends and the product; read from the sealed evidence of the run. Those that were established, "
    "unless --all-states is given. Of hosts whose sockets or processes could not all be seen it is said.\n\n"
    "With --live: hosts are asked now, as an audit asks them, and nothing is kept. Exit code 3 when hosts did not "
    "answer: each is named with the reason.",
    options=_options,
    run=_run,
)
