"""``auditor probe``: show the exact script a host is asked to run."""

import hashlib
import sys
from argparse import ArgumentParser, Namespace

from auditor.cli.command import Command
from auditor.cli.terminal import say
from auditor.collect.probe import LAUNCHER, sh_probe


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["show"], help="what to do")
    parser.add_argument("kind", choices=["sh"], help="sh: Linux and macOS")
    parser.add_argument("--launcher", action="store_true", help="show the launcher that SSH executes instead")


def _run(options: Namespace) -> int:
    text = f"{LAUNCHER}\n" if options.launcher else sh_probe()
    sys.stdout.write(text)
    say(options, f"SHA-256 {hashlib.sha256(text.encode()).hexdigest()}")
    return 0


COMMAND = Command(
    help="show the exact script a host is asked to run",
    description="Print the probe as it is sent, byte for byte, and its SHA-256 on standard error.",
    options=_options,
    run=_run,
)
