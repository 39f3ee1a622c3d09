"""``auditor worker``: ask the hosts of one site for a controller that cannot reach them."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from auditor.catalogue.load import load_catalogue
from auditor.cli.command import Command
from auditor.cli.engine import add_broker_options, broker_of, warn_of_clear_text
from auditor.cli.files import read_text
from auditor.cli.inventory import add_vault_options, hosts_of, ignored_arguments, kept_vault
from auditor.cli.signing_key import signing_key
from auditor.cli.terminal import say
from auditor.errors import UsageError
from auditor.model.host import Host
from auditor.policy.load import parse_policy
from auditor.policy.locate import bundled
from auditor.report.visible import visible
from auditor.run.asking import Asking
from auditor.run.audit import Limits
from auditor.run.exchange import SITE
from auditor.run.pipeline import Rules
from auditor.run.reader import ReaderLimits
from auditor.run.readers import Readers
from auditor.run.worker import Means, Site
from auditor.trust.keys import PublicKey, key_of_line


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--site", required=True, metavar="SITE", help="whose hosts are asked, as the inventory says it")
    parser.add_argument("-i", "--inventory", required=True, metavar="FILE", help="CSV, YAML or Ansible inventory")
    add_vault_options(parser)
    parser.add_argument("--key", type=Path, metavar="FILE", help="private key that signs evidence")
    parser.add_argument(
        "--controller",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="public key (.pub) of a controller whose tasks are done; may be repeated",
    )
    parser.add_argument("--at-once", type=int, default=16, metavar="N", help="hosts asked at once (default: 16)")
    parser.add_argument(
        "--deadline", type=float, default=60.0, metavar="S", help="seconds a host may take (default: 60)"
    )
    parser.add_argument(
        "--forget-after",
        type=float,
        default=30.0,
        metavar="S",
        help="let log-ins go when nobody was asked for so many seconds (default: 30)",
    )
    add_broker_options(parser)


def _run(options: Namespace) -> int:
    if not SITE.fullmatch(options.site):
        raise UsageError(f"--site {options.site}: letters, digits, and _ . - inside make the name of a site")
    if options.at_once < 1 or min(options.deadline, options.forget_after) <= 0:
        raise UsageError("at least one host is asked at once, and needs some time to answer; log-ins are kept for some")
    broker = broker_of(options)
    warn_of_clear_text(options, broker)
    from auditor.run.celery import serve  # noqa: PLC0415 — an extra, whose lack was told

    key = signing_key(options.key)
    reading = partial(_hosts_of_site, options.inventory, kept_vault(options), options.site)
    limits = Limits(deadline=options.deadline)

    def log(text: str) -> None:
        print(visible(text), file=sys.stderr, flush=True)

    # Readers are forked before the first thread is.
    with (
        closing(Readers(os.cpu_count() or 1, _rules(), judges=False)) as readers,
        closing(Asking(reading, limits=limits, at_once=options.at_once, idle=options.forget_after, log=log)) as asking,
    ):
        for line in ignored_arguments(asking.hosts):
            say(options, line)
        controllers = [_public(file) for file in options.controller]
        means = Means(put=asking.ask, limits=limits, readers=readers, key=key, controllers=controllers)
        site = Site(options.site, asking.hosts, means)
        say(options, f"site {options.site}: {len(site)} hosts, signing with {key.public.fingerprint}")
        deadlines = [host.deadline for host in asking.hosts if host.deadline is not None]
        longest = max([options.deadline, *deadlines]) + 2 * ReaderLimits().wall_seconds
        serve(broker, site, at_once=options.at_once, longest=longest, log=log)
    return 0


def _hosts_of_site(inventory: str, kept: Mapping[str, object], name: str) -> tuple[Host, ...]:
    """Read the hosts of a site; UsageError where there are none."""
    hosts = tuple(host for host in hosts_of(inventory, kept) if host.site == name)
    if not hosts:
        raise UsageError(f"{inventory}: has no host of site {name!r}")
    return hosts


def _rules() -> Rules:
    catalogue = load_catalogue()
    file = bundled("policy.yml")
    policy = parse_policy(read_text(file), file, products=[product.id for product in catalogue.products])
    return Rules(policy=policy, exceptions=(), catalogue=catalogue, as_of=datetime.now(UTC).replace(microsecond=0))


def _public(file: Path) -> PublicKey:
    try:
        return key_of_line(read_text(file).strip())
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error


COMMAND = Command(
    help="ask the hosts of one site for a controller elsewhere",
    description="Take tasks from the queue of a site, ask the hosts that they name, and send back sealed evidence, "
    "signed. A task names a run, a host and the digest of a probe: addresses, credentials and the probe are this "
    "worker's own. Hosts that its inventory does not have in this site, other probes, and tasks that no controller "
    "signed are refused. It judges nothing and keeps nothing. Log-ins are read from the inventory, and what it names, "
    "when hosts are to be asked, by a process that ends when nobody was asked for a while. SIGTERM ends the worker "
    "when the hosts under way are through.",
    options=_options,
    run=_run,
)
