"""Who asks the hosts of an audit: this machine, or the workers of their sites; and where both meet."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cli.files import read_text
from auditor.cli.signing_key import signing_key
from auditor.cli.terminal import say
from auditor.errors import UsageError
from auditor.model.host import Host, Scope
from auditor.policy.load_workers import parse_workers
from auditor.report.visible import visible
from auditor.run.exchange import SITE, Parcel
from auditor.store.record import RunRecord
from auditor.trust.workers import Workers

if TYPE_CHECKING:
    from auditor.run.celery import Broker

ENGINES = ("local", "celery")
_SCHEMES = ("redis://", "rediss://", "redis+socket://", "amqp://", "amqps://")


def add_broker_options(parser: ArgumentParser) -> None:
    """Add what says where the broker is."""
    group = parser.add_argument_group("broker")
    group.add_argument(
        "--broker", metavar="URL", help="rediss://… or amqps://… (default: AUDITOR_BROKER, which hides a password)"
    )
    group.add_argument("--broker-ca", type=Path, metavar="FILE", help="certificate authorities that the broker's is of")
    group.add_argument("--broker-cert", type=Path, metavar="FILE", help="certificate to show the broker")
    group.add_argument("--broker-key", type=Path, metavar="FILE", help="its private key")


def add_engine_options(parser: ArgumentParser) -> None:
    """Add what has the hosts asked elsewhere."""
    group = parser.add_argument_group("many machines", "docs/many-machines.md")
    group.add_argument(
        "--engine", choices=ENGINES, default="local", help="who asks hosts: this machine, or workers of their sites"
    )
    group.add_argument("--workers-file", type=Path, metavar="FILE", help="which worker answers for which site")
    group.add_argument("--key", type=Path, metavar="FILE", help="private key that signs tasks")
    group.add_argument(
        "--patience",
        type=float,
        default=180.0,
        metavar="S",
        help="seconds that a site may be silent before its hosts are sent out again, twice (default: 180)",
    )
    add_broker_options(parser)


def broker_of(options: Namespace) -> "Broker":
    """Return the broker that the options name; UsageError for none, or one that is no address."""
    try:
        from auditor.run.celery import Broker  # noqa: PLC0415 — an extra, which most installations lack
    except ImportError as error:
        raise UsageError("many machines need Celery, which is not installed: pip install 'auditor[celery]'") from error
    url = options.broker or os.environ.get("AUDITOR_BROKER")
    if not url:
        raise UsageError("which broker? --broker or AUDITOR_BROKER names it: rediss://… or amqps://…")
    if not url.startswith(_SCHEMES):
        raise UsageError(f"the broker's address begins with one of {', '.join(_SCHEMES)}")
    broker = Broker(
        url=url,
        authorities=options.broker_ca,
        certificate=options.broker_cert,
        certificate_key=options.broker_key,
    )
    for file in (options.broker_ca, options.broker_cert, options.broker_key):
        if file is not None and not file.is_file():
            raise UsageError(f"{file}: there is no such file")
        if file is not None and not broker.is_encrypted:
            raise UsageError(f"{file}: belongs to TLS, and the broker's address says none: rediss:// or amqps://")
    return broker


def warn_of_clear_text(options: Namespace, broker: "Broker") -> None:
    """Say what a broker without TLS means."""
    if not broker.is_encrypted and not broker.url.startswith("redis+socket://"):
        say(options, "warning: without TLS whoever is on the way to the broker reads evidence of hosts")


def check_engine(options: Namespace, scope: Scope) -> None:
    """Find out before anything is done that hosts of the scope cannot be asked elsewhere."""
    if options.engine == "local":
        return
    warn_of_clear_text(options, broker_of(options))
    sites = _workers(options).sites()
    homeless = [host.name for host in scope.hosts if host.site is None]
    if homeless:
        raise UsageError(f"--engine celery needs a site for every host; without one: {_some(homeless)}")
    unnamed = sorted({site for host in scope.hosts if (site := host.site or "") and not SITE.fullmatch(site)})
    if unnamed:
        raise UsageError(f"a site with a queue is called by letters, digits, and _ . - inside: {_some(unnamed)}")
    unserved = sorted({host.site or "" for host in scope.hosts} - sites)
    if unserved:
        raise UsageError(f"{options.workers_file}: nobody answers for {_some(unserved)}")
    if options.patience <= 0:
        raise UsageError(f"--patience {options.patience:g}: a site needs some time to answer")


@contextmanager
def elsewhere(options: Namespace, run: RunRecord) -> Iterator[Callable[[Host], Parcel] | None]:
    """Give what has hosts asked by workers; None where this machine asks them itself."""
    if options.engine == "local":
        yield None
        return
    from auditor.run.celery import Dispatch  # noqa: PLC0415 — as above

    dispatch = Dispatch(
        broker_of(options),
        run.id,
        key=signing_key(options.key),
        workers=_workers(options),
        patience=options.patience,
        log=lambda text: say(options, visible(text)),
    )
    with closing(dispatch):
        yield dispatch.ask


def _workers(options: Namespace) -> Workers:
    if options.workers_file is None:
        raise UsageError("--engine celery needs --workers-file: whose evidence counts for which site")
    return parse_workers(read_text(options.workers_file), options.workers_file)


def _some(names: list[str]) -> str:
    shown = ", ".join(visible(name) for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown  # noqa: PLR2004 — as many as are shown
