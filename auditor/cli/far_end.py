"""Options and columns of the commands that can say who is at the far end of a connection."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.catalogue.cache import user_cache
from auditor.cli.terminal import say
from auditor.errors import UsageError
from auditor.far_end.ask import Asking
from auditor.far_end.data_file import DataFile
from auditor.far_end.kept import Kept
from auditor.far_end.rdap import Bootstrap

Row = dict[str, Any]
FAR_COLUMNS = ("far_name", "far_organisation", "far_network", "far_country", "far_source", "far_problem")
"""Members that a row gets, in their order."""
FAR_SHOWN = ["far_name", "far_organisation", "far_country"]
"""Those of a table."""


def add_far_end_options(parser: ArgumentParser) -> None:
    """Add what asks for the far ends; nothing of it is on by itself."""
    group = parser.add_argument_group("who is at the far end (docs/far-end.md says what leaves the network)")
    group.add_argument(
        "--far-end",
        action="store_true",
        help="ask reverse DNS, and RDAP where --rdap-bootstrap is given, about public addresses outside the policy's "
        "networks",
    )
    group.add_argument(
        "--far-end-data", action="append", type=Path, default=[], metavar="FILE",
        help="CSV or JSON with network, organisation, country: looked up first, nothing leaves for it",
    )  # fmt: skip
    group.add_argument(
        "--rdap-bootstrap", action="append", type=Path, default=[], metavar="FILE",
        help="which server of RDAP has which network: IANA's ipv4.json, ipv6.json",
    )  # fmt: skip
    group.add_argument(
        "--far-end-age", type=int, default=30, metavar="DAYS", help="how old a kept answer may be (default: 30)"
    )
    group.add_argument(
        "--far-end-most", type=int, default=200, metavar="N", help="addresses to ask about at most (default: 200)"
    )


def check_far_end_options(options: Namespace) -> None:
    """Refuse what would ask nobody, or without bounds; UsageError says so before anything is read."""
    if options.rdap_bootstrap and not options.far_end:
        raise UsageError("--rdap-bootstrap says whom to ask: add --far-end to ask")
    if options.far_end_age < 0 or options.far_end_most < 0:
        raise UsageError("--far-end-age and --far-end-most take 0 or more")


@contextmanager
def far_ends(options: Namespace, trusted: Sequence[str]) -> Iterator[Asking | None]:
    """Hand out what answers, None where nobody asked for it; what was answered is kept at the end."""
    if not options.far_end and not options.far_end_data:
        yield None
        return
    folder = user_cache(os.environ)
    kept = Kept(
        file=None if folder is None or not options.far_end else folder / "far-end.json",
        now=datetime.now(UTC).replace(microsecond=0),
        age=timedelta(days=options.far_end_age),
    )
    kept.load()
    asking = Asking(
        trusted=tuple(trusted),
        files=[DataFile(file) for file in options.far_end_data],
        bootstrap=Bootstrap(options.rdap_bootstrap) if options.rdap_bootstrap else None,
        asks_names=options.far_end,
        kept=kept,
        most=options.far_end_most,
    )
    if options.far_end and not options.rdap_bootstrap:
        say(options, "reverse DNS alone is asked: --rdap-bootstrap names servers that know organisations")
    try:
        yield asking
    finally:
        kept.save()


def with_far_end(rows: Iterable[Row], members: Sequence[str], asking: Asking | None) -> Iterator[Row]:
    """Yield rows with what is said of the first address that is asked about, of those in some of their members."""
    for row in rows:
        yield row if asking is None else row | _said([row[member] for member in members], asking)


def _said(addresses: Iterable[str | None], asking: Asking) -> Row:
    asked = (asking.about(address) for address in addresses if address is not None)
    told = next((one for one in asked if one is not None), None)
    if told is None:
        return dict.fromkeys(FAR_COLUMNS)
    found = told.registered
    return {
        "far_name": told.name or None,
        "far_organisation": None if found is None else found.organisation or None,
        "far_network": None if found is None else found.network,
        "far_country": None if found is None else found.country or None,
        "far_source": None if found is None else found.source,
        "far_problem": told.problem or None,
    }
