"""``auditor notify``: tell webhooks what a run has to say, each thing once."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path

from auditor.cli.command import Command
from auditor.cli.stored import add_store_option, open_store
from auditor.cli.terminal import say
from auditor.notify.load import parse_webhooks
from auditor.notify.tell import Told, remember, tell, untold
from auditor.notify.webhook import Webhook
from auditor.policy.faults import read_text

_SOME_NOT_TOLD = 1


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="which run (default: the newest)")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="the webhooks (docs/notifications.md)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be posted, a message a line")
    parser.add_argument(
        "--as-told", action="store_true", help="post nothing and remember all of it as told: only what is new follows"
    )
    add_store_option(parser)


def webhooks_of(file: Path) -> tuple[Webhook, ...]:
    """Read a notifications file, and the secrets that it refers to."""
    return parse_webhooks(read_text(file), file, os.environ)


def say_told(options: Namespace, told: Iterable[Told]) -> bool:
    """Say on standard error what was told, and return whether all was; that something was not is said in any case."""
    is_all = True
    for one in told:
        if one.left or not options.quiet:
            print(one.words, file=sys.stderr)
        is_all = is_all and not one.left
    return is_all


def _run(options: Namespace) -> int:
    webhooks = webhooks_of(options.to)
    with open_store(options) as store:
        run = store.run(options.name)
        if not (options.dry_run or options.as_told):
            return 0 if say_told(options, tell(store, run, webhooks)) else _SOME_NOT_TOLD
        for webhook in webhooks:
            messages = untold(store, run, webhook)
            for message in messages if options.dry_run else ():
                print(message.body.decode())
            if options.as_told and not options.dry_run:
                remember(store, run, webhook, messages)
            would = "would be told" if options.dry_run else "are remembered as told"
            say(options, f"notify {webhook.name}: {len(messages)} {would}")
    return 0


COMMAND = Command(
    help="tell webhooks what a run has to say",
    description="Post what a run has to say to webhooks: violations, exceptions that ended, coverage below what the "
    "policy asks for, and the seal at the head of the chain. Each thing is told once; what a webhook did not take is "
    "tried again after the next run. `auditor audit --notify FILE` does it at the end of an audit. Exit code 1 when "
    "something was not told. docs/notifications.md has the file and the messages.\n\n"
    "Examples:\n"
    "  auditor audit -i hosts.yml --notify notify.yml\n"
    "  auditor notify --to notify.yml --dry-run           what would be posted for the newest run\n"
    "  auditor notify --to notify.yml --as-told           begin from here: what is known already is no news\n",
    options=_options,
    run=_run,
)
