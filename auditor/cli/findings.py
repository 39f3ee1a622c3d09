"""``auditor findings``: list the violations of a run, those to act on first."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase

from auditor.cli.command import Command
from auditor.cli.stored import add_run_option, add_store_option, open_store
from auditor.cli.terminal import add_format_option, fitted, print_rows, say
from auditor.errors import UsageError, did_you_mean
from auditor.model.finding import FindingState
from auditor.model.verdict import Severity
from auditor.report.rows import Row
from auditor.report.stored_run import stored_run
from auditor.report.visible import visible
from auditor.store.record import RunRecord, named

_COLUMNS = ("finding", "severity", "due", "state", "host", "owner", "reason")
_SHORT = 8
_DAY = 10
_NEVER = "9999"
_RANK = {severity.value: rank for rank, severity in enumerate(Severity)}


def _options(parser: ArgumentParser) -> None:
    add_run_option(parser)
    add_format_option(parser)
    add_store_option(parser)
    parser.add_argument("--host", action="append", metavar="PATTERN", help="of these hosts (* and ?; can be repeated)")
    parser.add_argument("--control", action="append", metavar="ID", help="of these controls (can be repeated)")
    parser.add_argument(
        "--severity",
        action="append",
        choices=[severity.value for severity in Severity],
        help="of these severities (can be repeated)",
    )
    parser.add_argument("--owner", action="append", metavar="NAME", help="of these owners' hosts; '' is nobody's")
    parser.add_argument(
        "--state",
        action="append",
        choices=[state.value for state in FindingState],
        help="in these states (default: all but closed; can be repeated)",
    )
    parser.add_argument("--overdue", action="store_true", help="only what was to be closed by now")
    parser.add_argument("--new", action="store_true", help="only what this run opened, or found come back")
    parser.add_argument("--all", action="store_true", help="closed ones too")


def _run(options: Namespace) -> int:
    with open_store(options) as store:
        run = store.run(options.run)
        stored = stored_run(store, run)
        hosts = [row["host"] for row in stored.ledger]
        owners = {row["owner"] or "" for row in stored.ledger}
        found = [named(row, run=run.id, as_of=run.as_of) for row in stored.findings]
    _check(options.host, hosts, "host", fnmatchcase)
    _check(options.control, {*stored.controls, *(row["control"] for row in found)}, "control", _is)
    _check(options.owner, {*owners, *(row["owner"] or "" for row in found)}, "owner", _is)
    rows = sorted((row for row in found if _is_wanted(row, options, run)), key=_urgency)
    if options.format == "table":
        print(fitted([_shown(row) for row in rows], _COLUMNS, options)) if rows else None
        say(options, _counted(rows, run))
    else:
        print_rows([row | {"closed_by": _closer(row)} for row in rows], _COLUMNS, options)
    return 0


def _check(asked: Sequence[str] | None, known: Collection[str], what: str, fits: Callable[[str, str], bool]) -> None:
    """Raise UsageError for a word that nothing in the run answers to: an empty list would look like a clean one."""
    for word in asked or ():
        if not any(fits(name, word) for name in known):
            raise UsageError(f"no {what} {word!r} in this run{did_you_mean(word, sorted(known))}")


def _is(name: str, word: str) -> bool:
    return name == word


def _is_wanted(row: Row, options: Namespace, run: RunRecord) -> bool:
    if options.state is not None:
        if row["state"] not in options.state:
            return False
    elif row["state"] == FindingState.CLOSED and not options.all:
        return False
    return (
        (options.host is None or any(fnmatchcase(row["host"], pattern) for pattern in options.host))
        and (options.control is None or row["control"] in options.control)
        and (options.severity is None or row["severity"] in options.severity)
        and (options.owner is None or (row["owner"] or "") in options.owner)
        and (not options.overdue or row["overdue"])
        and (not options.new or row["opened_by"] == run.id)
    )


def _urgency(row: Row) -> tuple[int, str, str, str, str]:
    """Sort by severity, then by when it is due; what has no date comes after what has."""
    rank = _RANK.get(row["severity"], len(_RANK))
    return rank, row["due"] or _NEVER, row["host"], row["control"], row["subject"]


def _shown(row: Row) -> Row:
    """Make of a finding what a table has room for."""
    due = "-" if row["due"] is None else row["due"][:_DAY]
    return row | {
        "finding": row["fingerprint"][:_SHORT],
        "due": f"{due} late" if row["overdue"] else due,
        "state": "open again" if row["state"] == FindingState.OPEN and row["reopened"] else row["state"],
    }


def _closer(row: Row) -> str | None:
    closer = row["closed_by"]
    return None if closer is None else f"{closer['kind']} {closer['id']}"


def _counted(rows: Sequence[Row], run: RunRecord) -> str:
    overdue, new = sum(row["overdue"] for row in rows), sum(row["opened_by"] == run.id for row in rows)
    return (
        f"{len(rows)} finding{'' if len(rows) == 1 else 's'} of run {visible(run.id)}, {overdue} overdue, {new} new; "
        "`auditor explain FINDING` shows the proof and what to do"
    )


COMMAND = Command(
    help="list the violations of a run",
    description="List the violations of a run as findings that are followed from run to run, the gravest first and of "
    "these the first to be closed. JSON and CSV have every column.\n\n"
    "Examples:\n"
    "  auditor findings --overdue                     what was to be closed by now\n"
    "  auditor findings --new --severity critical     what this run opened and cannot wait\n"
    "  auditor findings --host 'pc-*' --state not_observable\n",
    options=_options,
    run=_run,
)
