"""``auditor sign``: sign exceptions, accepted limits, and files such as plans, sign-offs and bundles."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from auditor.cli.command import Command
from auditor.cli.files import write_whole
from auditor.cli.sign_entries import sign_entries
from auditor.cli.signing_key import signing_key
from auditor.cli.terminal import say
from auditor.errors import UsageError
from auditor.run.manifest import MANIFEST
from auditor.trust.sshsig import Namespace as Purpose

_PURPOSES = {"plan": Purpose.PLAN, "signoff": Purpose.SIGNOFF, "bundle": Purpose.BUNDLE}


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="file to sign, or the folder of a run")
    parser.add_argument("--for", dest="purpose", choices=_PURPOSES, help="what the signature of a file is for")
    parser.add_argument("--exception", action="append", metavar="ID", help="exception to sign; may be given again")
    parser.add_argument("--limit", action="append", metavar="NAME", help="accepted limit of the policy to sign")
    parser.add_argument("--show", action="store_true", help="print the text that is signed, and sign nothing")
    parser.add_argument("--signature", type=Path, metavar="FILE", help="put this signature in, made by ssh-keygen")
    parser.add_argument("--key", type=Path, metavar="FILE", help="private key (default: auditor_ed25519, id_ed25519)")
    parser.add_argument("--exceptions", type=Path, metavar="FILE", help="exceptions (default: policies/exceptions.yml)")
    parser.add_argument("--people", type=Path, metavar="FILE", help="people (default: policies/people.yml)")
    parser.add_argument("-p", "--policy", type=Path, metavar="FILE", help="policy file (default: policies/policy.yml)")


def _run(options: Namespace) -> int:
    has_entries = bool(options.exception or options.limit)
    if (options.file is not None) is has_entries:
        raise UsageError("sign what? `auditor sign --exception ID`, or a file: `auditor sign RUN`")
    return sign_entries(options) if has_entries else _sign_file(options)


def _sign_file(options: Namespace) -> int:
    """Write a detached signature beside a file, as ``ssh-keygen -Y sign`` does."""
    if options.show or options.signature:
        raise UsageError("--show and --signature are for entries: what is signed of a file is its bytes")
    file: Path = options.file
    if (file / MANIFEST).is_file():
        file, purpose = file / MANIFEST, Purpose.BUNDLE
    elif options.purpose is None:
        raise UsageError(f"{file}: what is the signature for? --for {'|'.join(_PURPOSES)}")
    else:
        purpose = _PURPOSES[options.purpose]
    try:
        message = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    beside = file.with_name(f"{file.name}.sig")
    if os.path.lexists(beside):
        raise UsageError(f"{beside}: is there already: a signature is not written over, take it away first")
    key = signing_key(options.key)
    write_whole(beside, key.sign(message, purpose))
    say(options, f"{beside}: signed with {key.public.fingerprint}; check it with")
    say(options, f"  ssh-keygen -Y verify -f ALLOWED_SIGNERS -I NAME -n {purpose} -s {beside} < {file}")
    return 0


COMMAND = Command(
    help="sign exceptions, plans, sign-offs and bundles",
    description="Sign exceptions and accepted limits, in their files, or a file, beside it. Signatures are those of "
    "`ssh-keygen -Y sign`, which serves as well: it knows agents and hardware keys.\n\n"
    "Examples:\n"
    "  auditor sign --exception EX-2027-001                      as whoever the key is in people.yml\n"
    "  auditor sign --exception EX-2027-001 --show > text        what is signed; then, with an agent's key:\n"
    "  ssh-keygen -Y sign -f ada.pub -n auditor-exception text\n"
    "  auditor sign --exception EX-2027-001 --signature text.sig\n"
    "  auditor sign --limit walk-budget                          a limit that the policy accepts\n"
    "  auditor sign reports/RUN                                  the manifest of a run\n",
    options=_options,
    run=_run,
)
