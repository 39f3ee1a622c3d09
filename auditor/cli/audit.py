"""``auditor audit``: audit hosts and write their compliance reports."""

import gc
import getpass
import os
import socket
import sys
import tempfile
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor import __version__
from auditor.catalogue.entry import catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.cli.asking import ask_all
from auditor.cli.bundling import write_and_print
from auditor.cli.command import Command
from auditor.cli.engine import add_engine_options, check_engine
from auditor.cli.files import read_text
from auditor.cli.interrupt import INTERRUPTED
from auditor.cli.inventory import add_vault_options, hosts_of, ignored_arguments, kept_vault
from auditor.cli.notify import say_told, webhooks_of
from auditor.cli.pacing import add_pacing_options, check_pacing, window_length
from auditor.cli.population import add_population_option, chosen_population
from auditor.cli.report import chosen_formats
from auditor.cli.sightings import Outside, add_sightings_option, inventoried, with_strangers
from auditor.cli.stored import add_store_option, open_store
from auditor.cli.terminal import say
from auditor.errors import OutputError, StoreError, UsageError
from auditor.inventory.scope import fix_scope, local_host
from auditor.model.host import Host, Scope
from auditor.model.record import Record, replace
from auditor.notify.tell import tell
from auditor.notify.webhook import Webhook
from auditor.policy.locate import locate
from auditor.report.formats import FORMATS
from auditor.report.rows import instant
from auditor.report.visible import visible
from auditor.run.audit import Sealed, exit_code, new_run
from auditor.run.bundle import INPUT_FILES
from auditor.run.ending import close_run
from auditor.run.pipeline import Rules
from auditor.run.readers import Readers
from auditor.run.rules import RuleFile, RuleFiles, rules_of
from auditor.run.scheduled import BUSY, read_mark
from auditor.store.record import RunRecord
from auditor.store.store import Store

_YOUNG_OBJECTS = 50_000


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "patterns",
        nargs="*",
        metavar="PATTERN",
        help="`local` for this machine, or hosts, groups and wildcards of the inventory (default: all of it)",
    )
    parser.add_argument("-i", "--inventory", metavar="FILE", help="CSV, YAML or Ansible inventory (file or folder)")
    add_vault_options(parser)
    parser.add_argument("--limit", metavar="PATTERN", help="narrow the patterns down further")
    parser.add_argument(
        "-p", "--policy", type=Path, metavar="FILE|PACK", help="policy file or pack (default: policies/policy.yml)"
    )
    parser.add_argument("--exceptions", type=Path, metavar="FILE", help="exceptions (default: policies/exceptions.yml)")
    parser.add_argument(
        "--people", type=Path, metavar="FILE", help="whose signatures count (default: policies/people.yml)"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("reports"), metavar="DIR", help="where reports go")
    parser.add_argument("--format", default="html,csv,json", metavar="LIST", help=f"of {', '.join(FORMATS)}")
    parser.add_argument(
        "--deadline", type=float, default=60.0, metavar="S", help="seconds a host may take (default: 60)"
    )
    parser.add_argument("--resume", metavar="RUN", help="go on with a run that was interrupted")
    parser.add_argument(
        "--clock-was-ahead",
        action="store_true",
        help="audit though a run of these hosts was judged at a later instant: the clock was wrong then",
    )
    # For `auditor schedule run` alone: which schedule is this for, and when was it due.
    parser.add_argument("--scheduled", help=SUPPRESS)
    parser.add_argument(
        "--notify", type=Path, metavar="FILE", help="webhooks to tell what is new (see `auditor notify`)"
    )
    add_sightings_option(parser)
    parser.set_defaults(can_resume=True)
    add_population_option(parser)
    add_store_option(parser)
    add_pacing_options(parser)
    add_engine_options(parser)


class _Prepared(Record, kw_only=True):
    """Everything read and checked, before anything is done."""

    scope: Scope
    rules: Rules
    sealed: Sealed
    formats: tuple[str, ...]


def _run(options: Namespace) -> int:
    # What was imported stays: the collector of garbage need not walk it again and again while hosts come in.
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
    formats = chosen_formats(options.format)
    check_numbers(options)
    webhooks = () if options.notify is None else webhooks_of(options.notify)
    with open_store(options) as store:
        if options.resume:
            run = _resumable(store, options)
            prepared = _prepare(options, formats, run, store)
        else:
            prepared = _prepare(options, formats, None, store)
            run = None
        folder = options.output
        check_writable(folder)
        # Readers are forked before the first thread is started; the store's connections stay with us.
        readers = Readers(os.cpu_count() or 1, prepared.rules)
        lock = f"audit:{prepared.scope.sha256}"
        with closing(readers), store.locks.held(lock, _who()) as is_ours:
            if not is_ours:
                return _busy(options, store.locks.holder(lock))
            if run is None:
                if _is_done_already(store, options):
                    return BUSY
                _check_clock(store, prepared, options)
                run = new_run(
                    store,
                    prepared.scope,
                    prepared.rules,
                    prepared.sealed,
                    operator=operator_name(),
                    options=kept_options(options) | _scheduled(options),
                )
            code = _audit(options, store, run, prepared, readers)
        if code != INTERRUPTED and webhooks:
            _tell(options, store, run, webhooks)
        return code


def _who() -> str:
    """Return what others read of whoever audits."""
    return f"{operator_name()} on {socket.gethostname()}, process {os.getpid()}, since {datetime.now(UTC):%F %T} UTC"


def _busy(options: Namespace, holder: str) -> int:
    """Refuse to audit hosts that somebody audits at this moment; a service waits for its turn."""
    by = f" ({visible(holder)})" if holder else ""
    said = f"an audit of the same hosts is under way{by}: let it end first"
    if options.scheduled is None:
        raise UsageError(said)
    say(options, said)
    return BUSY


def _check_clock(store: Store, prepared: _Prepared, options: Namespace) -> None:
    """Refuse to judge by a clock that is in the past: exceptions and approvals that have ended would count again."""
    last = store.last_judged({host.key for host in prepared.scope.hosts})
    now = instant(prepared.rules.as_of) or ""
    if last is not None and last[0] > now and not options.clock_was_ahead:
        raise UsageError(
            f"this machine's clock says {now}, and run {last[1]} judged these hosts at {last[0]}: set the clock right; "
            "where it was wrong then, and is right now, say --clock-was-ahead"
        )


def _scheduled(options: Namespace) -> dict[str, object]:
    """Return what a run keeps of the schedule that it is for."""
    return {} if options.scheduled is None else {"schedule": read_mark(options.scheduled)}


def _is_done_already(store: Store, options: Namespace) -> bool:
    """Tell whether another process has begun this one while we came to it: the service looks again, and goes on."""
    return options.scheduled is not None and store.schedules.run_of(read_mark(options.scheduled)) is not None


def _tell(options: Namespace, store: Store, run: RunRecord, webhooks: Sequence[Webhook]) -> None:
    """Tell webhooks of a run that is done: whatever fails now is said, and changes nothing of it."""
    try:
        say_told(options, tell(store, store.run(run.id), webhooks))
    except StoreError as error:
        print(f"auditor audit: nobody was told of the run: {error}", file=sys.stderr)


def _audit(options: Namespace, store: Store, run: RunRecord, prepared: _Prepared, readers: Readers) -> int:
    if not ask_all(options, store, run, prepared.scope, prepared.rules.policy.pacing, readers):
        return INTERRUPTED
    began, now = prepared.rules.as_of, datetime.now(UTC)
    if now < began:
        say(options, "this machine's clock was set back since the run began: it is said to end at the instant it began")
    closed = close_run(store, run, prepared.rules, max(began, now))
    write_and_print(store, closed, options.output / closed.id, prepared.formats, options)
    return exit_code(closed)


def _prepare(options: Namespace, formats: tuple[str, ...], run: RunRecord | None, store: Store) -> _Prepared:
    """Read and check every input; with a run to go on with, its own sealed inputs."""
    catalogue = load_catalogue()
    if run is None:
        files = RuleFiles(
            policy=_located("policy.yml", options.policy),
            exceptions=_located("exceptions.yml", options.exceptions),
            people=_located("people.yml", options.people),
        )
        as_of = datetime.now(UTC).replace(microsecond=0)
    else:
        files = _sealed(store, run)
        as_of = datetime.fromisoformat(run.as_of)
        if run.tool_version != __version__:
            raise UsageError(
                f"run {run.id} was begun by auditor {run.tool_version}, this is {__version__}: start a new run"
            )
        if run.inputs["catalogue"] != catalogue.sha256:
            raise UsageError(f"run {run.id} rests on another catalogue than this auditor's; start a new run")
    rules = rules_of(files, catalogue, as_of)
    outside = Outside(options.sightings, None if run is None else run.inputs.get("sightings"), rules, store)
    scope, hosts = chosen_scope(options, run, outside.strangers)
    for note in outside.notes:
        say(options, visible(note))
    check_engine(options, scope)
    for line in ignored_arguments(scope.hosts):
        say(options, line)
    return _Prepared(
        scope=scope,
        rules=replace(rules, outside=outside.by_host),
        sealed=Sealed(
            policy=files.policy.text,
            exceptions=files.exceptions.text,
            people=None if files.people is None else files.people.text,
            catalogue=catalogue_text(catalogue),
            population=chosen_population(options, hosts, inventoried(scope)),
            sightings=outside.text,
        ),
        formats=formats,
    )


def _located(name: str, named: Path | None) -> RuleFile:
    file = locate(name, named)
    return RuleFile(text=read_text(file), file=file)


def _sealed(store: Store, run: RunRecord) -> RuleFiles:
    """Return the rules that a run was begun with."""
    texts = {
        name: RuleFile(text=store.text(sha256), file=Path(INPUT_FILES[name])) for name, sha256 in run.inputs.items()
    }
    return RuleFiles(policy=texts["policy"], exceptions=texts["exceptions"], people=texts.get("people"))


def chosen_scope(
    options: Namespace, run: RunRecord | None, strangers: Callable[[tuple[Host, ...]], tuple[Host, ...]] | None = None
) -> tuple[Scope, tuple[Host, ...]]:
    """Return the scope and the whole inventory it is a part of; ``strangers`` gives hosts that it lacks."""
    asked: dict[str, Any] = run.options if run is not None else kept_options(options)
    if asked["patterns"] == ["local"]:
        if asked["inventory"]:
            raise UsageError("`local` is this machine and needs no inventory: leave one of the two out")
        hosts: tuple[Host, ...] = (local_host(),)
        scope = fix_scope(hosts, [], None, "local")
    elif not asked["inventory"]:
        raise UsageError("which hosts? `auditor audit local` audits this machine, -i FILE the hosts of an inventory")
    else:
        hosts = hosts_of(asked["inventory"], asked)
        scope = fix_scope(hosts, asked["patterns"], asked["limit"], asked["inventory"])
    if strangers is not None:
        scope = with_strangers(scope, strangers(hosts))
    if run is not None and scope.sha256 != run.scope_sha256:
        raise UsageError(
            f"run {run.id} was fixed over {run.scope_count} hosts, and the inventory now gives {len(scope.hosts)} "
            "others: start a new run"
        )
    return scope, hosts


def _resumable(store: Store, options: Namespace) -> RunRecord:
    run = store.run(options.resume)
    if run.finished is not None:
        raise UsageError(f"run {run.id} is finished; `auditor report {run.id}` writes its reports")
    if "patterns" not in run.options:
        raise UsageError(f"run {run.id} judged evidence that was there, and was ended: `auditor assess` judges it anew")
    rules = options.policy or options.exceptions or options.people
    if options.patterns or options.inventory or options.limit or rules:
        raise UsageError("--resume goes on with what the run was asked: leave patterns, -i, --limit and -p out")
    if options.population:
        raise UsageError("--resume goes on with the population that the run was begun with: leave --population out")
    if options.sightings:
        raise UsageError("--resume goes on with the sightings that the run was begun with: leave --sightings out")
    if options.window:
        raise UsageError("--resume goes on with the window that the run was begun with: leave --window out")
    return run


def kept_options(options: Namespace) -> dict[str, object]:
    """Return what a run keeps of what it was asked."""
    inventory = options.inventory
    return {
        "patterns": list(options.patterns),
        "inventory": str(Path(inventory).absolute()) if inventory and Path(inventory).exists() else inventory,
        "limit": options.limit,
        "window": window_length(options),
        **kept_vault(options),
    }


def check_numbers(options: Namespace) -> None:
    """Refuse numbers that make no sense."""
    check_pacing(options)
    if options.deadline <= 0:
        raise UsageError(f"--deadline {options.deadline}: a host needs some time to answer")


def check_writable(folder: Path) -> None:
    """Find out that reports cannot be written before hosts are asked, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # It has no name where the file system can do that: a kill at this moment leaves nothing behind.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{folder}: reports cannot be written here: {error.strerror}; name another with -o"
        ) from error


def operator_name() -> str:
    """Return who runs the auditor."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


COMMAND = Command(
    help="audit hosts and write their compliance reports",
    description="Ask every host in scope one bounded question, seal the answers, judge them by the policy, "
    "and write reports.\n\nExamples:\n"
    "  auditor audit local                        this machine\n"
    "  auditor audit -i hosts.yml                 every host of an inventory\n"
    "  auditor audit -i hosts.yml 'web*' --limit '!web3'\n",
    options=_options,
    run=_run,
)
