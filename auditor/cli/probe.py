"""``auditor probe``: show the exact script a host is asked to run, and the lines that grant it and nothing else."""

import hashlib
import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from auditor.cli.command import Command
from auditor.cli.files import read_text
from auditor.cli.terminal import say
from auditor.collect.probe import INSTALLED, LAUNCHER, entry_script, sh_probe, sh_probe_sha256
from auditor.collect.ps_probe import PS_LAUNCHER, ps_probe
from auditor.errors import UsageError

_NAME = re.compile(r"%?[a-z0-9_][\w.@-]*", re.ASCII)
"""A user or a group; neither ALL nor another word of sudoers, which begin with a capital."""
_KEY = re.compile(r"(ssh|ecdsa|sk)-[\w@.-]+ AAAA[\w+/=]+( [^\n\r]*)?", re.ASCII)


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["show"], help="what to do")
    parser.add_argument(
        "kind", choices=["sh", "windows", "entry"], help="sh: Linux and macOS; entry: what a pinned key runs beside it"
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--launcher", action="store_true", help="show the launcher that SSH or WinRM executes instead")
    shown.add_argument("--sudoers", metavar="USER", help="show the lines of sudoers that grant USER this probe alone")
    shown.add_argument(
        "--authorized-keys",
        metavar="KEY",
        help="show the line of authorized_keys that lets a public key (its text, or its file) run this probe alone",
    )


def _run(options: Namespace) -> int:
    text = _text(options)
    sys.stdout.write(text)
    say(options, f"SHA-256 {hashlib.sha256(text.encode()).hexdigest()}")
    return 0


def _text(options: Namespace) -> str:
    if options.sudoers is not None:
        if _NAME.fullmatch(options.sudoers) is None:
            raise UsageError(f"--sudoers {options.sudoers!r}: not a user, or a group as %name, in small letters")
        return (
            f"Defaults!{INSTALLED} env_reset, !env_keep, !setenv\n"
            f'{options.sudoers} ALL=(root) NOPASSWD: sha256:{sh_probe_sha256()} {INSTALLED} ""\n'
        )
    if options.authorized_keys is not None:
        return f'command="{INSTALLED}-entry",restrict {_public_key(options.authorized_keys)}\n'
    if options.launcher:
        return f"{PS_LAUNCHER if options.kind == 'windows' else LAUNCHER}\n"
    if options.kind == "windows":
        return ps_probe()
    return entry_script() if options.kind == "entry" else sh_probe()


def _public_key(said: str) -> str:
    """Return a public key in one line, given as text or as the name of its file."""
    text = (said if " " in said else read_text(Path(said))).strip()
    if _KEY.fullmatch(text) is None:
        raise UsageError(f"--authorized-keys {said!r}: not one public key, as in `ssh-ed25519 AAAA... comment`")
    return text


COMMAND = Command(
    help="show the exact script a host is asked to run",
    description="Print the probe as it is sent, byte for byte, and its SHA-256 on standard error; or the lines of "
    "sudoers and authorized_keys that grant an account this script and nothing else (docs/least-privilege.md).\n\n"
    "Examples:\n"
    "  auditor probe show sh                                   the probe: install it as " + INSTALLED + "\n"
    "  auditor probe show sh --sudoers auditor                 its digest, for sudoers\n"
    "  auditor probe show windows                              the probe for Windows, which is run over WinRM\n"
    "  auditor probe show entry                                what a pinned key runs: install it beside, as "
    "auditor-probe-entry\n"
    "  auditor probe show sh --authorized-keys id_ed25519.pub  the line for authorized_keys\n",
    options=_options,
    run=_run,
)
