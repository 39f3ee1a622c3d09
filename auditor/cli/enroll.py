"""``auditor enroll``: record the SSH host keys of new hosts."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from auditor.cli.command import Command
from auditor.cli.inventory import add_vault_options, hosts_of, ignored_arguments, kept_vault
from auditor.cli.terminal import say
from auditor.errors import HostError, Reason, UsageError
from auditor.inventory.references import Secrets
from auditor.inventory.scope import fix_scope
from auditor.model.host import ConnectionKind, Host
from auditor.model.record import replace
from auditor.report.visible import visible
from auditor.transport.enroll import append_known_hosts, scan

_SSH_PORT = 22
_NOT_ALL = 3


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="hosts, groups and wildcards (default: all)")
    parser.add_argument("-i", "--inventory", required=True, metavar="FILE", help="CSV, YAML or Ansible inventory")
    add_vault_options(parser)
    parser.add_argument("--limit", metavar="PATTERN", help="narrow the patterns down further")
    parser.add_argument("--known-hosts", type=Path, metavar="FILE", help="file to write (default: the inventory's)")
    parser.add_argument("--hashed", action="store_true", help="hide host names as `ssh-keygen -H` does")
    parser.add_argument("--yes", action="store_true", help="record without asking: you compared the fingerprints")
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="seconds a host may take (default: 10)"
    )


def _run(options: Namespace) -> int:
    hosts = hosts_of(options.inventory, kept_vault(options))
    scope = fix_scope(hosts, options.patterns, options.limit, options.inventory)
    if not options.yes and not sys.stdin.isatty():
        raise UsageError("nobody is here to compare fingerprints; --yes says that you did")
    for line in ignored_arguments(scope.hosts):
        say(options, line)
    missing = 0
    for host in scope.hosts:
        if host.connection is not ConnectionKind.SSH:
            say(options, f"{host.name}: has no SSH host key, it is reached by {host.connection}")
            continue
        try:
            _enroll(host, options)
        except HostError as error:
            missing += 1
            print(f"{host.name}: {error.reason}: {visible(error.detail)}", file=sys.stderr)
    return _NOT_ALL if missing else 0


def _enroll(host: Host, options: Namespace) -> None:
    if host.unusable is not None:
        # What cannot be done as asked may lead to another machine, whose keys are not this host's.
        raise HostError(Reason.VARIABLES, host.unusable)
    # A key is shown before any log-in; jump hosts want one.
    bare = replace(host, credentials=replace(host.credentials, references=()))
    keys = scan(Secrets(os.environ).filled(bare), options.timeout)
    for key in keys:
        print(f"{host.name}  {key.algorithm:20}  {key.fingerprint}")
    if not options.yes and input("record these keys? [y/N] ").strip().lower() not in ("y", "yes"):
        say(options, f"{host.name}: left alone")
        return
    file = options.known_hosts or next(iter(host.ssh.known_hosts), Path("~/.ssh/known_hosts"))
    new = append_known_hosts(file, host.address, host.port or _SSH_PORT, keys, hashed=options.hashed)
    say(options, f"{host.name}: {len(new)} new keys in {file}" if new else f"{host.name}: known already")


COMMAND = Command(
    help="record the SSH host keys of new hosts",
    description="Show the SSH host keys of hosts with their fingerprints and record them in a known_hosts file.\n"
    "A fingerprint is worth what you compare it with: the console of the host, or the file its builder left you.\n"
    "A host that shows another key than the one recorded is refused, here as in an audit.",
    options=_options,
    run=_run,
)
