"""``auditor ingest flows``: who talked to whom by which remote-access product, from flow records."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from auditor import __version__
from auditor.catalogue.applications import applications
from auditor.catalogue.load import load_catalogue
from auditor.cli.audit import check_writable
from auditor.cli.catalogue import find_product
from auditor.cli.far_end import FAR_SHOWN, check_far_end_options, far_ends, with_far_end
from auditor.cli.files import read_text, write_whole
from auditor.cli.fleet import known_fleet
from auditor.cli.terminal import print_stream, say
from auditor.errors import UsageError
from auditor.ingest.document import sealed
from auditor.ingest.flows.conversations import MOST
from auditor.ingest.flows.layouts import named_columns
from auditor.ingest.flows.reading import FlowFile, Ways
from auditor.ingest.flows.record import LAST_PORT
from auditor.model.outside import Origin, OutsideRecord, bounded
from auditor.model.record import asdict
from auditor.policy.load import parse_policy
from auditor.policy.locate import locate
from auditor.report.conversations import COLUMNS, conversations_csv, conversations_html, flat
from auditor.report.visible import visible
from auditor.run.conversations import Known, row_of, sightings_of
from auditor.run.flow_reading import Filters, FlowsRead, read_flows

_SHOWN = [
    "source", "source_host", "destination", "destination_host", "destination_port", "product", "confidence", "approved",
    "bytes", "first_seen", "last_seen",
]  # fmt: skip
_NOT_WHOLE = 3
"""Exit code where records were refused, or a file is cut short: what was read is written all the same."""


def add_options(parser: ArgumentParser) -> None:
    """Add what only flows take."""
    group = parser.add_argument_group("flows")
    group.add_argument(
        "--port", action="append", default=[], metavar="PORT", help="conversations on this port only; may be repeated"
    )
    group.add_argument(
        "--network", action="append", default=[], metavar="CIDR", help="of this network only; may be repeated"
    )
    group.add_argument("--all", action="store_true", help="conversations of no product too")
    group.add_argument(
        "--inside",
        action="append",
        default=[],
        metavar="CIDR",
        help="a network of ours beside the policy's trusted ones: what its devices use is put down as sightings "
        "(default where none is named: private addresses)",
    )
    group.add_argument(
        "--columns",
        action="append",
        default=[],
        metavar="FIELD=NAME,…",
        help="columns of a CSV of another make: source=srcaddr,source_port=srcport,…",
    )
    group.add_argument(
        "--time-zone", metavar="NAME", help="where clocks stand that do not say it, such as nfdump's (default: UTC)"
    )


def flows(options: Namespace) -> int:
    """Read the files and write the conversations; return the exit code."""
    files = _files(options)
    catalogue = load_catalogue()
    file = locate("policy.yml", options.policy)
    known = Known(
        applications=applications(catalogue),
        catalogue=catalogue,
        policy=parse_policy(read_text(file), file, products=[product.id for product in catalogue.products]),
        fleet=known_fleet(options, catalogue),
        inside=tuple(str(_network(text, "--inside")) for text in options.inside),
    )
    filters = Filters(
        ports=frozenset(map(_port, options.port)),
        products=frozenset(find_product(catalogue, name).id for name in options.product),
        hosts=tuple(options.host),
        networks=tuple(_network(text, "--network") for text in options.network),
        everything=options.all,
    )
    check_far_end_options(options)
    folder: Path = options.output or Path("flows")
    check_writable(folder)
    read = read_flows(files, known, filters)
    for one in files:
        for problem in one.tally.problems:
            say(options, visible(f"{one.path}: {problem}"))
        if one.tally.refused > len(one.tally.problems):
            say(options, f"{visible(str(one.path))}: {one.tally.refused} records were refused in all")
    return _written(folder, read, files, known, filters, options)


def _files(options: Namespace) -> list[FlowFile]:
    """Return the files, each once, none read yet."""
    try:
        zone = UTC if options.time_zone is None else ZoneInfo(options.time_zone)
    except (ValueError, OSError, KeyError) as error:
        raise UsageError(f"--time-zone {options.time_zone}: a name such as Europe/Berlin is wanted") from error
    ways = Ways(columns=named_columns(options.columns), zone=zone)
    paths: dict[Path, None] = {}
    for path in options.files:
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file")
        if path.resolve() in paths:
            raise UsageError(f"{path}: is named twice: its records would count twice")
        paths[path.resolve()] = None
    return [FlowFile(path=path, ways=ways) for path in options.files]


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= LAST_PORT:
        raise UsageError(f"--port {text}: a number from 1 to {LAST_PORT} is wanted")
    return int(text)


def _network(text: str, option: str) -> Any:  # noqa: ANN401 — one of two classes without a common one
    try:
        return ip_network(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: a network such as 192.0.2.0/24 is wanted: {error}") from error


def _written(
    folder: Path, made: FlowsRead, files: Sequence[FlowFile], known: Known, filters: Filters, options: Namespace
) -> int:
    found = made.conversations
    with far_ends(options, known.policy.networks.trusted) as asking:
        rows = list(with_far_end((row_of(one, known) for one in found), ("destination", "source"), asking))
    sightings, left_out = bounded([sighting for one in found for sighting in sightings_of(one, known)])
    told = sorted((one.told for one in files), key=lambda one: (one.sha256, one.name))
    record = OutsideRecord(
        origin=Origin.FLOW,
        tool_version=__version__,
        catalogue_sha256=known.catalogue.sha256,
        files=tuple(told),
        sightings=sightings,
        left_out=left_out,
    )
    read, refused = sum(one.read for one in told), sum(one.refused for one in told)
    notes = list(_notes(made, files, left_out))
    head = {
        "files": [asdict(one) for one in told], "read": read, "refused": refused, "filters": filters.words,
        "notes": notes, "run": options.joined_run,
    }  # fmt: skip
    write_whole(folder / "conversations.csv", conversations_csv(rows))
    write_whole(folder / "conversations.html", conversations_html(rows, head))
    write_whole(folder / "sightings.json", sealed(record))
    shown = _SHOWN if asking is None else [*_SHOWN, *FAR_SHOWN]
    print_stream(map(flat, rows), COLUMNS, shown, options)
    say(options, f"{read} records read, {refused} refused; {len(rows)} conversations, {len(sightings)} sightings")
    say(options, f"{visible(str(folder))} has them as table, page and sealed sightings")
    for note in notes:
        say(options, note)
    return _NOT_WHOLE if refused or any(one.is_cut_short for one in told) else 0


def _notes(made: FlowsRead, files: Sequence[FlowFile], left_out: int) -> list[str]:
    """Say what was read and stands in no row."""
    tallies = [one.tally for one in files]
    counted = (
        (sum(one.passed_over for one in tallies), "records concern no product and no filter"),
        (sum(one.denied for one in tallies), "records are of packets that a filter let not through"),
        (sum(one.empty for one in tallies), "records say that nothing was recorded"),
        (made.beyond, f"records are of conversations beyond the {MOST} that are told apart: filter them"),
        (left_out, "sightings are beyond what a file of them may hold: filter them"),
        (
            sum(bool(one.sampled) for one in made.conversations),
            "conversations are of sampled packets: their bytes and packets are those of the sample (column sampled)",
        ),
        (sum(one.is_cut_short for one in tallies), "files are cut short: what came after is not known"),
    )
    return [f"{count} {words}." for count, words in counted if count]
