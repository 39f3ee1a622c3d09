"""``auditor ingest events``: what other tools recorded of remote-access products."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from auditor import __version__
from auditor.catalogue.load import load_catalogue
from auditor.cli.catalogue import find_product
from auditor.cli.event_files import write_events
from auditor.cli.far_end import FAR_COLUMNS, FAR_SHOWN, check_far_end_options, far_ends, with_far_end
from auditor.cli.files import read_text
from auditor.cli.inventory import hosts_of, kept_vault
from auditor.cli.terminal import print_stream, say
from auditor.errors import UsageError
from auditor.hunt.matching import Matcher
from auditor.ingest.document import sealed
from auditor.model.host import Host, host_facts
from auditor.model.outside import OutsideSighting
from auditor.model.policy import Approval
from auditor.model.suppression import Suppression
from auditor.policy.applies import applies_to
from auditor.policy.load import parse_policy
from auditor.policy.load_suppressions import parse_suppressions
from auditor.policy.locate import locate
from auditor.policy.suppress import coverer
from auditor.report.rows import instant
from auditor.report.visible import visible
from auditor.run.event_reading import EventFile, read_events
from auditor.run.event_sightings import EventSightings
from auditor.store.store import digest

Row = dict[str, Any]

EVENT_COLUMNS = (
    "host", "device", "product", "strength", "signs", "source", "side", "destination", "port", "protocol", "process",
    "user", "first_seen", "last_seen", "count", "approval", "suppressed_by", "suppression_reason", "suppression_owner",
    "suppression_end", "proof",
)  # fmt: skip
"""Members of a row, in their order."""
_COLUMNS = [
    "device", "product", "strength", "signs", "destination", "port", "process", "first_seen", "last_seen", "count",
    "approval", "suppressed_by",
]  # fmt: skip
_DAMAGED = 3


def add_options(parser: ArgumentParser) -> None:
    """Add what only events take."""
    group = parser.add_argument_group("events")
    group.add_argument(
        "--suppressions",
        type=Path,
        metavar="FILE",
        help="events that are expected for a while (default: policies/suppressions.yml)",
    )
    group.add_argument(
        "--device", metavar="NAME", help="whose records are that name no device (default: the file's name)"
    )
    group.add_argument(
        "--as-of",
        metavar="DAY",
        help="the day on which suppressions have to hold, such as 2027-03-31 (default: today, UTC)",
    )


def events(options: Namespace) -> int:
    """Read the files and write what they show; return the exit code."""
    day = _day(options.as_of)
    check_far_end_options(options)
    catalogue = load_catalogue()
    known = [product.id for product in catalogue.products]
    file = locate("policy.yml", options.policy)
    policy = parse_policy(read_text(file), file, products=known)
    rules = locate("suppressions.yml", options.suppressions)
    text = read_text(rules)
    suppressions = parse_suppressions(text, rules, known)
    hosts = () if options.inventory is None else hosts_of(options.inventory, kept_vault(options))
    found = EventSightings(
        matcher=Matcher(catalogue, [find_product(catalogue, name).id for name in options.product]),
        covers=coverer(suppressions, day),
        host_of=host_finder(hosts),
        wanted=_asked_for(options.host),
    )
    files = _named(options.files)
    made_by = (__version__, catalogue.sha256, digest(text) if suppressions else None)
    read = read_events(files, options.device, found, made_by)
    for file, told in zip(files, read.files, strict=True):
        _tell_file(file, told, options)
    rows = [_row(one, suppressions, _approver(policy.approvals, hosts)) for one in read.record.sightings]
    with far_ends(options, policy.networks.trusted) as asking:
        rows = list(with_far_end(rows, ("destination",), asking))
    more, shown = ((), []) if asking is None else (FAR_COLUMNS, FAR_SHOWN)
    place = write_events(options.output or Path("events"), rows, read.record, sealed(read.record))
    print_stream(rows, [*EVENT_COLUMNS, *more], [*_COLUMNS, *shown], options)
    _tell_suppressions(suppressions, read.used, day, options)
    if read.record.left_out or read.beyond:
        say(
            options,
            f"{read.record.left_out} rows and {read.beyond} events beyond what is kept are left out, the weakest first",
        )
    say(options, f"{len(rows)} rows; {visible(str(place))} has them as table, page and sealed sightings")
    return _DAMAGED if any(one.told.refused or one.cut_short for one in read.files) else 0


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise UsageError(f"--as-of {text}: is no day such as 2027-03-31") from error


def _named(files: Sequence[Path]) -> list[Path]:
    for file in files:
        if not file.is_file():
            raise UsageError(f"{file}: there is no such file")
    return list(dict.fromkeys(files))


def _asked_for(patterns: Sequence[str]) -> Callable[[str, str | None], bool]:
    def wanted(device: str, host: str | None) -> bool:
        return not patterns or any(
            fnmatchcase(name, pattern) for name in (device, host) if name is not None for pattern in patterns
        )

    return wanted


def host_finder(hosts: Iterable[Host]) -> Callable[[str], str | None]:
    """Return what tells the inventory name of a device: its own, its address, or the first part of either's name.

    Names are compared in any case. A short name that two hosts could have is of neither.
    """
    whole: dict[str, str] = {}
    short: dict[str, set[str]] = {}
    for host in hosts:
        for name in (host.name, host.address):
            whole.setdefault(name.casefold(), host.name)
            short.setdefault(name.casefold().partition(".")[0], set()).add(host.name)

    def host_of(device: str) -> str | None:
        name = device.casefold().rstrip(".")
        near = short.get(name.partition(".")[0], set())
        return whole.get(name) or (next(iter(near)) if len(near) == 1 and not name[:1].isdigit() else None)

    return host_of


def _approver(approvals: Sequence[Approval], hosts: Sequence[Host]) -> Callable[[OutsideSighting], str | None]:
    """Return what tells the approval of a sighting: by its host where that is known, else one for every host."""
    facts = {host.name: host_facts(host) for host in hosts}

    def approval(one: OutsideSighting) -> str | None:
        host = None if one.host is None else facts[one.host]
        for given in approvals:
            is_for_all = "*" in given.hosts or not (given.hosts or given.groups)
            covers = is_for_all or (host is not None and applies_to(host, hosts=given.hosts, groups=given.groups))
            if given.product == one.product and covers:
                return given.id
        return None

    return approval


def _row(
    one: OutsideSighting, suppressions: Sequence[Suppression], approval: Callable[[OutsideSighting], str | None]
) -> Row:
    by = next((rule for rule in suppressions if rule.id == one.suppressed_by), None)
    return {
        "host": one.host,
        "device": one.device,
        "product": one.product,
        "strength": one.strength.value,
        "signs": [sign.value for sign in one.signs],
        "source": one.source,
        "side": one.side.value,
        "destination": one.destination,
        "port": one.port,
        "protocol": one.protocol,
        "process": one.process,
        "user": one.user,
        "first_seen": instant(one.first_seen),
        "last_seen": instant(one.last_seen),
        "count": one.count,
        "approval": approval(one),
        "suppressed_by": one.suppressed_by,
        "suppression_reason": None if by is None else by.reason,
        "suppression_owner": None if by is None else by.owner,
        "suppression_end": None if by is None else by.end.isoformat(),
        "proof": one.proof,
    }


def _tell_file(file: Path, read: EventFile, options: Namespace) -> None:
    """Say what became of a file's records, and of each bad one what is wrong, as far as that is kept."""
    name, told = visible(str(file)), read.told
    for one in read.refused:
        say(options, f"{name}: record {one.number}: {visible(one.reason)}")
    more = told.refused - len(read.refused)
    if more > 0:
        say(options, f"{name}: and {more} further records that could not be read")
    if read.cut_short is not None:
        say(options, f"{name}: the rest is not known: {visible(read.cut_short)}")
    counts = f"{told.read} records read, {read.others} of them of kinds that are not looked at"
    say(options, f"{name}: {visible(told.format)}: {counts}; {told.refused} refused")


def _tell_suppressions(
    suppressions: Sequence[Suppression], used: Mapping[str, int], day: date, options: Namespace
) -> None:
    """Say of each suppression what it covered, that it has ended, or that it covers nothing."""
    for one in suppressions:
        name, count = visible(one.id), used.get(one.id, 0)
        if one.is_ended(day):
            say(options, f"suppression {name} ended on {one.end} and covers nothing any more")
        elif count:
            say(options, f"suppression {name} covers {count} events, until {one.end}: {visible(one.reason)}")
        else:
            say(options, f"suppression {name} covers none of these events")
