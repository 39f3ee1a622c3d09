"""``auditor retention``: let go of what the policy has kept long enough, and say what was let go."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.catalogue.load import load_catalogue
from auditor.cli.audit import operator_name
from auditor.cli.command import Command
from auditor.cli.files import read_text
from auditor.cli.stored import add_store_option, open_store
from auditor.cli.terminal import add_format_option, print_rows, say
from auditor.errors import UsageError
from auditor.model.record import asdict
from auditor.model.retention import Kept
from auditor.policy.load import parse_policy
from auditor.policy.locate import locate
from auditor.report.rows import instant
from auditor.run.retention import Choice, choose, clear_left, problems, remove
from auditor.store.store import Store

_COLUMNS = ["run", "finished", "kind", "goes", "stays", "why"]
_LOG = ["number", "at", "by", "run", "kind", "hosts", "digest"]
DOES_NOT_HOLD = 4


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["plan", "apply", "log", "check"], help="what to do")
    parser.add_argument(
        "-p", "--policy", type=Path, metavar="FILE|PACK", help="policy file or pack (default: policies/policy.yml)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, action="append", default=[], metavar="DIR", help="where folders of runs lie"
    )
    add_store_option(parser)
    add_format_option(parser)


def _run(options: Namespace) -> int:
    with open_store(options, durable=True) as store:
        if options.action == "check":
            return _check(options, store)
        if options.action == "log":
            rows = [asdict(entry) for entry in store.retained.removals()]
            print_rows([row | {"at": instant(row["at"]), "kind": str(row["kind"])} for row in rows], _LOG, options)
            return 0
        return _choose(options, store)


def _choose(options: Namespace, store: Store) -> int:
    file = locate("policy.yml", options.policy)
    policy = parse_policy(read_text(file), file, products=[one.id for one in load_catalogue().products])
    if all(policy.retention.term(kind) is None for kind in Kept):
        raise UsageError(
            f"{file}: says of nothing how long it is kept: `retention` gives evidence, results, bundles a term"
        )
    now = datetime.now(UTC).replace(microsecond=0)
    with store.locks.held("retention", operator_name()) as is_ours:
        if not is_ours:
            raise UsageError("somebody applies the retention of this store at this moment: let it end first")
        store.retained.removals()  # a chain that does not hold is not gone on with
        choices = choose(store, policy.retention, now, options.output)
        if options.action == "apply":
            clear_left(store, options.output)
            remove(store, choices, now=now, by=operator_name(), policy=policy.sha256)
    print_rows([_row(choice) for choice in choices], _COLUMNS, options)
    going = sum(1 for choice in choices if choice.removes)
    if options.action == "plan":
        say(options, f"{going} removals; nothing was removed: `auditor retention apply` does it")
    elif entries := store.retained.removals():
        say(options, f"{going} removals; keep the hash of the last entry elsewhere: {entries[-1].sha256}")
    return 0


def _check(options: Namespace, store: Store) -> int:
    """Check the chain of runs and that of removals, and that nothing is missing that no entry tells of."""
    found = problems(store)
    for problem in found:
        print(problem)
    entries = store.retained.removals()
    if found:
        return DOES_NOT_HOLD
    last = f"; the hash of the last is {entries[-1].sha256}" if entries else ""
    say(options, f"{len(store.runs())} runs, {len(entries)} removals: the chains hold{last}")
    return 0


def _row(choice: Choice) -> dict[str, Any]:
    is_folder = choice.folder is not None
    return {
        "run": choice.run.id,
        "finished": choice.run.finished,
        "kind": str(choice.kind),
        "goes": ("folder" if choice.removes else "-") if is_folder else f"{len(choice.goes)} hosts",
        "stays": ("-" if choice.removes else "folder") if is_folder else f"{len(choice.stays)} hosts",
        "why": choice.why,
        "folder": None if choice.folder is None else str(choice.folder),
    }


COMMAND = Command(
    help="let go of what the policy has kept long enough",
    description="Remove from the store, and from where folders of runs lie, what the policy's `retention` has kept "
    "long enough. Heads of runs, ledgers, seals, rules and registers of exceptions stay for ever; so does what the "
    "next audit, an unclosed finding or a remediation plan needs.\n\n"
    "plan: say what would go, and what stays and why; nothing is removed. apply: remove it, each removal written into "
    "a chain of entries. log: those entries. check: whether the chains of runs and removals hold, and nothing is "
    "missing that no entry tells of; exit code 4 where not.\n\n"
    "Examples:\n"
    "  auditor retention plan -o reports\n"
    "  auditor retention apply -o reports\n",
    options=_options,
    run=_run,
)
