"""``auditor listeners --connections --live``: hosts are asked now, shown, and nothing of it is kept."""

import json
import os
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from auditor.catalogue.entry import catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.cli.asking import ask_all
from auditor.cli.audit import check_numbers, kept_options, operator_name
from auditor.cli.catalogue import find_product
from auditor.cli.connections import show_connections
from auditor.cli.files import read_text
from auditor.cli.interrupt import INTERRUPTED
from auditor.cli.inventory import add_vault_options, hosts_of
from auditor.cli.judging import passing_store
from auditor.cli.terminal import say
from auditor.errors import UsageError, did_you_mean
from auditor.inventory.scope import fix_scope, local_host
from auditor.model.host import Scope
from auditor.policy.load import parse_policy
from auditor.policy.locate import bundled, locate
from auditor.report.visible import visible
from auditor.run.audit import Sealed, new_run
from auditor.run.pipeline import Rules
from auditor.run.readers import Readers

_MISSING = 3
_wait = time.sleep
_UNSAID = (
    "per_site",
    "per_subnet",
    "rate",
    "site_rate",
    "subnet_rate",
    "retries",
    "connect_timeout",
    "window",
    "limit",
)
"""Options of an audit that this command does not take: the policy's word counts."""


def add_live_options(parser: ArgumentParser) -> None:
    """Add what has hosts asked now."""
    add_vault_options(parser)
    group = parser.add_argument_group("live", "hosts are asked now; nothing is kept, and it is no evidence")
    group.add_argument(
        "--live", action="store_true", help="with --connections: ask hosts now, in place of showing a run"
    )
    group.add_argument(
        "-i", "--inventory", metavar="FILE", help="with --live: the hosts to ask; without it, this machine is asked"
    )
    group.add_argument("--interval", type=float, metavar="S", help="with --live: ask again every so many seconds")
    group.add_argument("--workers", type=int, metavar="N", help="with --live: hosts asked at once (default: 32)")
    group.add_argument("--deadline", type=float, metavar="S", help="with --live: seconds a host may take (default: 60)")
    parser.set_defaults(engine="local", resume=None, can_resume=False, patterns=[], **dict.fromkeys(_UNSAID))


def check_live_options(options: Namespace) -> None:
    """Refuse what does not go together; UsageError says what to do."""
    given = {
        "-i": options.inventory, "--interval": options.interval, "--workers": options.workers,
        "--deadline": options.deadline, "--vault-password-file": options.vault_password_file,
        "--vault-id": options.vault_id,
    }  # fmt: skip
    if not options.live:
        for name, value in given.items():
            if value:
                raise UsageError(f"{name} is of hosts that are asked: add --live")
        return
    if not options.connections:
        raise UsageError("--live is of connections: add --connections")
    if options.run is not None:
        raise UsageError("--run shows what a run found, and --live asks hosts now: leave one of the two out")
    if options.interval is not None and options.interval <= 0:
        raise UsageError(f"--interval {options.interval:g}: some seconds are wanted")
    options.deadline = 60.0 if options.deadline is None else options.deadline
    check_numbers(options)


def list_live(options: Namespace, is_wanted: Callable[[str, list[str]], bool]) -> int:
    """Ask, and print the connections; again and again where an interval is given. Return the exit code."""
    catalogue = load_catalogue()
    options.product = [find_product(catalogue, name).id for name in options.product]
    file = locate("policy.yml", None)
    text = read_text(file)
    policy = parse_policy(text, file, products=[product.id for product in catalogue.products])
    scope = _scope(options, is_wanted)
    while True:
        as_of = datetime.now(UTC).replace(microsecond=0)
        rules = Rules(policy=policy, exceptions=(), catalogue=catalogue, as_of=as_of)
        sealed = Sealed(
            policy=text, exceptions=read_text(bundled("exceptions.yml")), catalogue=catalogue_text(catalogue)
        )
        code = _once(options, scope, rules, sealed)
        if options.interval is None or code == INTERRUPTED:
            return code
        _wait(options.interval)


def _scope(options: Namespace, is_wanted: Callable[[str, list[str]], bool]) -> Scope:
    """Return the hosts to ask; UsageError for a pattern that none of them has."""
    kept = kept_options(options)
    hosts = (local_host(),) if options.inventory is None else hosts_of(options.inventory, kept)
    names = [host.name for host in hosts]
    for pattern in options.host:
        if not any(is_wanted(name, [pattern]) for name in names):
            where = "this machine is the only host asked: -i names others" if options.inventory is None else (
                f"{options.inventory} has no such host{did_you_mean(pattern, names)}"
            )  # fmt: skip
            raise UsageError(f"--host {pattern}: {where}")
    asked = tuple(host for host in hosts if is_wanted(host.name, options.host))
    return fix_scope(asked, [], None, options.inventory or "local")


def _once(options: Namespace, scope: Scope, rules: Rules, sealed: Sealed) -> int:
    """Ask every host once. What they say stands in a store that is gone when this ends."""
    with closing(Readers(os.cpu_count() or 1, rules)) as readers, passing_store() as store:
        run = new_run(store, scope, rules, sealed, operator=operator_name(), options=kept_options(options))
        if not ask_all(options, store, run, scope, rules.policy.pacing, readers):
            return INTERRUPTED
        missing = [json.loads(answer.gist) for answer in store.answers(run.id) if answer.head is None]
        silent = {row["host"] for row in missing}
        show_connections(options, store, run, lambda host: host not in silent, readers)
    for row in missing:
        detail = f": {visible(row['detail'])}" if row["detail"] else ""
        say(options, f"{visible(row['host'])} did not answer: {row['reason']}{detail}")
    answered = f"{len(scope.hosts) - len(missing)} of {len(scope.hosts)} hosts answered"
    say(options, f"{answered}, from {rules.as_of:%F %T} UTC on; nothing of it is kept, and it is no evidence")
    return _MISSING if missing else 0
