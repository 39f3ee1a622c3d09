"""``auditor listeners --connections``: the connections of a fleet, each with the process behind it."""

import ipaddress
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.catalogue.entry import catalogue_of
from auditor.catalogue.product import Catalogue
from auditor.cli.far_end import (
    FAR_COLUMNS,
    FAR_SHOWN,
    add_far_end_options,
    check_far_end_options,
    far_ends,
    with_far_end,
)
from auditor.cli.terminal import print_stream, say
from auditor.errors import PolicyError, UsageError
from auditor.policy.load import parse_policy
from auditor.report.visible import visible
from auditor.run.connections import CONNECTION_COLUMNS, HostConnections
from auditor.run.fleet_connections import connection_rules, fleet_connections
from auditor.run.readers import Readers
from auditor.store.record import RunRecord
from auditor.store.store import Store

Row = dict[str, Any]
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_COLUMNS = [
    "host", "process", "pid", "user", "protocol", "local_address", "local_port", "remote_address", "remote_port",
    "state", "product",
]  # fmt: skip
_STANDING = ("established", "unknown")
"""States that are listed unless all are asked for; unknown is what an old netstat says in its own language."""
_TOLD = 5


def add_connection_options(parser: ArgumentParser) -> None:
    """Add ``--connections`` and what narrows it down."""
    parser.add_argument("--connections", action="store_true", help="list connections in place of listening ports")
    parser.add_argument(
        "--remote", action="append", default=[], metavar="NETWORK",
        help="with --connections: whose far end is in this network only, such as 203.0.113.0/24",
    )  # fmt: skip
    parser.add_argument(
        "--all-states", action="store_true", help="with --connections: those too that are begun, ending or over"
    )
    add_far_end_options(parser)


def check_connection_options(options: Namespace) -> None:
    """Read the networks; UsageError for what is none, and for an option that says nothing of listening ports."""
    given_of = {"--remote": options.remote, "--all-states": options.all_states, "--far-end": options.far_end}
    given_of["--far-end-data"] = options.far_end_data
    for name, given in given_of.items():
        if given and not options.connections:
            raise UsageError(f"{name} is of connections: add --connections")
    check_far_end_options(options)
    try:
        options.remote = [ipaddress.ip_network(text) for text in options.remote]
    except ValueError as error:
        raise UsageError(f"--remote: {error}; write it as 203.0.113.0/24") from error


def list_connections(options: Namespace, store: Store, run: RunRecord, wanted: Callable[[str], bool]) -> int:
    """Print the connections that a run found on the hosts that are wanted, and what could not be seen."""
    rules = connection_rules(datetime.fromisoformat(run.as_of), catalogue_of(store.text(run.inputs["catalogue"])))
    with closing(Readers(min(2, os.cpu_count() or 1), rules)) as readers:
        show_connections(options, store, run, wanted, readers)
    return 0


def show_connections(
    options: Namespace, store: Store, run: RunRecord, wanted: Callable[[str], bool], readers: Readers
) -> None:
    """Print the connections of the hosts that are wanted, and what could not be seen."""
    catalogue = catalogue_of(store.text(run.inputs["catalogue"]))
    gaps: list[tuple[str, str]] = []
    found = fleet_connections(store, run, readers, wanted)
    with far_ends(options, _trusted(options, store, run, catalogue)) as asking:
        rows = with_far_end(_rows(found, options, gaps), ("remote_address",), asking)
        more, shown = ((), []) if asking is None else (FAR_COLUMNS, FAR_SHOWN)
        print_stream(rows, [*CONNECTION_COLUMNS, *more], [*_COLUMNS, *shown], options)
    hosts = dict(gaps)
    for host, gap in list(hosts.items())[:_TOLD]:
        say(options, f"{visible(host)}: not all is seen: {visible(gap)}")
    if len(hosts) > _TOLD:
        say(options, f"and {len(hosts) - _TOLD} hosts more of which not all is seen")


def _trusted(options: Namespace, store: Store, run: RunRecord, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the networks of the run's policy, about which nobody is asked; where it cannot be read, nobody is."""
    if not options.far_end:
        return ()
    products = [product.id for product in catalogue.products]
    try:
        policy = parse_policy(store.text(run.inputs["policy"]), Path("policy.yml"), products=products)
    except PolicyError as error:
        raise UsageError(
            f"the policy of run {run.id} cannot be read by this version, so which networks are yours is not known: "
            "leave --far-end out, or audit again"
        ) from error
    return policy.networks.trusted


def _rows(found: Iterable[HostConnections], options: Namespace, gaps: list[tuple[str, str]]) -> Iterator[Row]:
    for one in found:
        gaps += [(one.host, "; ".join(one.gaps))] if one.gaps else []
        for row in one.rows:
            if _is_asked_for(row, options):
                yield row


def _is_asked_for(row: Row, options: Namespace) -> bool:
    if not options.all_states and row["state"] not in _STANDING:
        return False
    if options.product and row["product"] not in options.product:
        return False
    if options.port and not {row["local_port"], row["remote_port"]} & set(options.port):
        return False
    return not options.remote or _is_in(row["remote_address"], options.remote)


def _is_in(text: str, networks: list[_Network]) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return any(address in network for network in networks if network.version == address.version)
