"""``auditor diff``: say what became otherwise between two runs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from auditor.cli.command import Command
from auditor.cli.stored import add_store_option, open_store
from auditor.cli.terminal import add_format_option, fitted, heading, print_rows, say
from auditor.errors import UsageError
from auditor.report.changes import COLUMNS, Changes, flat_rows
from auditor.report.rows import Row
from auditor.report.stored_changes import changes_of, last_two, run_before
from auditor.report.visible import visible
from auditor.report.words import CAUSES, CHANGES
from auditor.store.record import RunRecord
from auditor.store.store import Store

NEW_VIOLATIONS = 1
_MOST_RUNS = 2
_NAMED = 12
_DIGITS = 12
_COLUMNS = ("severity", "host", "owner", "finding", "what_to_know")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="the first run and the second, by their ids or the beginnings of them; one alone is compared with the run "
        "of the same scope before it (default: the newest)",
    )
    add_format_option(parser)
    add_store_option(parser)


def _run(options: Namespace) -> int:
    if len(options.runs) > _MOST_RUNS:
        raise UsageError(f"{len(options.runs)} runs are named: two can be compared")
    with open_store(options) as store:
        before, after = _chosen(store, options.runs)
        changes = changes_of(store, before, after)
    if before.as_of > after.as_of:
        say(options, f"note: {before.id} judges at a later instant than {after.id}, which is compared with it")
    if options.format == "table":
        _print(changes, options)
    else:
        print_rows(list(flat_rows(changes)), COLUMNS, options)
    return NEW_VIOLATIONS if changes.new_violations else 0


def _chosen(store: Store, names: Sequence[str]) -> tuple[RunRecord, RunRecord]:
    if len(names) == _MOST_RUNS:
        before, after = (store.run(name) for name in names)
        if before.id == after.id:
            raise UsageError(f"run {after.id} is named twice: nothing can differ")
        return before, after
    if not names:
        return last_two(store)
    after = store.run(names[0])
    earlier = run_before(store, after)
    if earlier is None:
        raise UsageError(f"run {after.id} is the first of its scope: name the run to compare it with")
    return earlier, after


def _print(changes: Changes, options: Namespace) -> None:
    """Print what the rules and the scope became, then the findings, by what became of them."""
    before, after = changes.before, changes.after
    print(f"{visible(before['id'])}  as of {before['as_of']}\n{visible(after['id'])}  as of {after['as_of']}\n")
    _print_rules(changes, options)
    _print_scope(changes, options)
    for change, title in CHANGES.items():
        rows = changes.of(change)
        if rows:
            print(heading(f"{title} ({len(rows)})", options))
            print(fitted([_shown(row) for row in rows], _COLUMNS, options))
            print()
    counts = changes.counts
    said = ", ".join(f"{counts[change]} {change.replace('_', ' ')}" for change in CHANGES if counts[change])
    new = changes.new_violations
    print((said or "nothing became otherwise") + f" · {new or 'no'} new violation{'' if new == 1 else 's'}")


def _print_rules(changes: Changes, options: Namespace) -> None:
    if not changes.rules:
        return
    print(heading("The rules are others: what differs can come from them", options))
    for rule in changes.rules:
        name = rule.name.replace("_", " ")
        print(f"  {name:14}{visible(rule.before[:_DIGITS])} → {visible(rule.after[:_DIGITS])}")
    print()


def _print_scope(changes: Changes, options: Namespace) -> None:
    if not (changes.added or changes.removed or changes.renamed):
        return
    print(heading("The scope is another: what concerns these hosts is neither new nor resolved", options))
    renamed = tuple(f"{was} → {now}" for was, now in changes.renamed)
    for what, names in (("added", changes.added), ("removed", changes.removed), ("renamed", renamed)):
        if names:
            more = f" … and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            print(f"  {len(names)} {what}: {', '.join(map(visible, names[:_NAMED]))}{more}")
    print()


def _shown(row: Row) -> Row:
    """Make of a change what a table has room for."""
    told = [row["detail"], "an exception covers it" if row["state_after"] == "excepted" else ""]
    if row["cause"] is not None:
        told.append(CAUSES[row["cause"]])
    return row | {"finding": row["reason"], "what_to_know": "; ".join(filter(None, told)) or None}


COMMAND = Command(
    help="say what became otherwise between two runs",
    description="Compare two runs: findings that are new, came back, cannot be seen any more, changed, or were "
    "resolved; hosts that came into the scope or left it; and whether both were judged by the same rules. What cannot "
    "be seen is not resolved, and what concerns a host that only one run had in scope is neither new nor resolved. "
    "Exit code 1 where a violation counts that did not count before: new, come back, or no longer accepted.\n\n"
    "Examples:\n"
    "  auditor diff                                   the newest run and the one of the same scope before it\n"
    "  auditor diff 2026-10 2026-11 --format csv      two runs by the beginnings of their ids, for a spreadsheet\n",
    options=_options,
    run=_run,
)
