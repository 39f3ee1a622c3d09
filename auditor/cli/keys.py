"""``auditor keys``: whose signatures count, and a new key."""

import os
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

import yaml

from auditor.cli.command import Command
from auditor.cli.signing_key import OURS, new_passphrase
from auditor.cli.terminal import add_format_option, print_rows, say
from auditor.errors import OutputError, UsageError
from auditor.policy.faults import read_text
from auditor.policy.load_people import parse_people
from auditor.policy.locate import locate
from auditor.trust.signing import make_private

_COLUMNS = ["name", "roles", "may", "fingerprint", "valid_from", "valid_until", "counts"]


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["list", "new"], default="list", help="what to do (default: list)")
    parser.add_argument("name", nargs="?", metavar="NAME", help="new: whose key it is")
    parser.add_argument("--people", type=Path, metavar="FILE", help="people file (default: policies/people.yml)")
    parser.add_argument("--role", action="append", metavar="ROLE", help="new: what they answer for; may be given again")
    parser.add_argument("--key", type=Path, metavar="FILE", default=OURS, help=f"new: where it goes (default: {OURS})")
    parser.add_argument("--no-passphrase", action="store_true", help="new: leave the key unencrypted")
    add_format_option(parser)


def _run(options: Namespace) -> int:
    if options.action == "new":
        return _new(options)
    if options.name is not None:
        raise UsageError(f"{options.name}: only `auditor keys new` takes a name")
    file = locate("people.yml", options.people)
    people = parse_people(read_text(file), file)
    today = datetime.now(UTC).date()
    rows = [
        {
            "name": person.name,
            "roles": list(person.roles),
            "may": [str(duty) for duty in people.may(person)],
            "email": person.email,
            "type": one.key.kind,
            "fingerprint": one.key.fingerprint,
            "valid_from": None if one.valid_from is None else one.valid_from.isoformat(),
            "valid_until": None if one.valid_until is None else one.valid_until.isoformat(),
            "counts": one.objection(today) is None,
        }
        for person in people.persons
        for one in person.keys
    ]
    print_rows(rows, _COLUMNS, options)
    if not rows:
        say(options, f"{file}: names nobody: `auditor keys new NAME` makes a key and prints the entry")
    return 0


def _new(options: Namespace) -> int:
    if not options.name or not options.name.split():
        raise UsageError("whose key? `auditor keys new 'Ada Lovelace'`")
    name = " ".join(options.name.split())
    file = options.key.expanduser()
    public = file.with_name(f"{file.name}.pub")
    there = next((one for one in (file, public) if os.path.lexists(one)), None)
    if there is not None:
        raise UsageError(f"{there}: is there already, and no key is written over: name another file with --key")
    key, data = make_private(None if options.no_passphrase else new_passphrase())
    line = f"{key.public.line} {file.name}"
    _write(file, data, 0o600)
    _write(public, f"{line}\n".encode(), 0o644)
    roles = ", ".join(map(_scalar, options.role or ["what they answer for"]))
    print(f"  - name: {_scalar(name)}\n    roles: [{roles}]\n    keys:\n      - key: {_scalar(line)}")
    say(options, f"{file}: made, fingerprint {key.public.fingerprint}; it never leaves its owner")
    say(options, "Put the lines above under `people:` of people.yml, in a change that others see.")
    return 0


def _scalar(text: str) -> str:
    """Write a text as YAML, in quotes where it needs them, within brackets too."""
    written = yaml.safe_dump([text], default_flow_style=True, allow_unicode=True, width=10_000)
    return written.strip().removeprefix("[").removesuffix("]")


def _write(file: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet, for nobody else to read before it has its mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(data)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}") from error


COMMAND = Command(
    help="list whose signatures count, or make a key",
    description="List the people whose signatures count, with the fingerprints of their keys as `ssh-keygen -l` shows "
    "them. `new` makes an Ed25519 key in OpenSSH's form and prints its entry for the people file; a key that you have "
    "already, in an agent or in hardware, serves as well.\n\n"
    "Examples:\n"
    "  auditor keys\n"
    "  auditor keys new 'Ada Lovelace' --role 'service owner'\n",
    options=_options,
    run=_run,
)
