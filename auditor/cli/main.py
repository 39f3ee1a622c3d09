"""The door: find the command, run it, and turn what goes wrong into a sentence and an exit code."""

import argparse
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from auditor import __version__
from auditor.cli.command import Command
from auditor.errors import HostError, OperatorError, did_you_mean
from auditor.run.cores import forbid_cores
from auditor.run.scarcity import scarcity

OPERATOR_FAULT = 2
OUR_FAULT = 70
INTERRUPTED = 130

COMMANDS = {
    "audit": "audit hosts and write their compliance reports",
    "collect": "ask hosts and keep their sealed evidence, without verdicts",
    "assess": "judge sealed evidence again, offline",
    "ingest": "take evidence that comes as files",
    "verify": "check bundles against their manifests, seals and chain",
    "report": "write the reports of a run again, or in other formats",
    "diff": "say what became otherwise between two runs",
    "runs": "list the runs that the store keeps",
    "hosts": "list the hosts of a run and what became of them",
    "findings": "list the violations of a run",
    "exceptions": "list the exceptions, what shows them, and what they cover",
    "software": "list the remote-access software found",
    "listeners": "list the listening ports found",
    "firewall": "ask what packet filters do with packets",
    "policy": "check policy, people and exceptions files, list and show policy packs",
    "keys": "list whose signatures count, or make a key",
    "sign": "sign exceptions, plans, sign-offs and bundles",
    "signoff": "draw a sample, and sign a run as preparer or reviewer",
    "notify": "tell webhooks what a run has to say",
    "catalogue": "show what remote-access software the auditor knows",
    "hunt": "write queries that hunt for products in what other tools record",
    "remediate": "plan, approve, apply, prove and undo what closes findings",
    "schedule": "add, list, remove and run audits that begin by themselves",
    "retention": "let go of what the policy has kept long enough",
    "explain": "explain a control, a product or a finding",
    "enroll": "record the SSH host keys of new hosts",
    "doctor": "say what works and what is missing, here or on hosts",
    "worker": "ask the hosts of one site for a controller elsewhere",
    "probe": "show the exact script a host is asked to run",
    "demo": "audit a recorded fleet, without touching a host",
}
"""Every command, in the order of ``--help``; each lives in the file of its name beside this one."""

_EXIT_CODES = """\
exit codes of audit:
  0    coverage reached, no violation
  1    coverage reached, violations found
  2    the operator's input is wrong, nothing was done
  3    coverage below what the policy wants; violations are still reported
  70   a fault of the auditor's own
  130  interrupted; what was done is kept, --resume goes on
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that names the nearest right word."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line; exit code 2."""
        wrong = message.partition("unrecognized arguments: ")[2].split(" ", 1)[0]
        hint = did_you_mean(wrong.split("=", 1)[0], list(self._option_string_actions)) if wrong else ""
        self.exit(OPERATOR_FAULT, f"{self.prog}: {message}{hint}\n")


def command(name: str) -> Command:
    """Load one command by its name."""
    loaded: Command = importlib.import_module(f"auditor.cli.{name}").COMMAND
    return loaded


def parser_for(name: str) -> Parser:
    """Return the parser of one command."""
    what = command(name)
    parser = Parser(
        prog=f"auditor {name}",
        description=what.description,
        epilog=_EXIT_CODES if name == "audit" else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what.options(parser)
    common = parser.add_argument_group("everywhere")
    common.add_argument("--quiet", "-q", action="store_true", help="print results only: no progress, no advice")
    common.add_argument("--verbose", "-v", action="store_true", help="say more while it runs: each host as it comes")
    common.add_argument("--no-color", action="store_true", help="print without colours (also: NO_COLOR=1)")
    return parser


def usage() -> str:
    """Return what ``auditor --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, what in COMMANDS.items()]
    return (
        "usage: auditor COMMAND [options]\n\n"
        "Audit remote-access software across a fleet, without an agent.\n\ncommands:\n"
        + "\n".join(lines)
        + "\n\n`auditor COMMAND --help` explains a command. `auditor audit local` audits this machine.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage(), end="")
        return 0 if words else OPERATOR_FAULT
    if words[0] == "--version":
        print(f"auditor {__version__}")
        return 0
    name = words.pop(0)
    if name not in COMMANDS:
        print(f"auditor: no command {name!r}{did_you_mean(name, list(COMMANDS))}; see auditor --help", file=sys.stderr)
        return OPERATOR_FAULT
    return _guarded(name, words)


def _guarded(name: str, words: list[str]) -> int:
    forbid_cores()
    # Loading a command makes thousands of objects that all stay: there is nothing to collect meanwhile.
    gc.disable()
    try:
        options = parser_for(name).parse_args(words)
        gc.enable()
        return command(name).run(options)
    except OperatorError as error:
        for problem in error.problems:
            print(f"auditor {name}: {problem}", file=sys.stderr)
        lacking = scarcity(error.__cause__)
        if lacking is not None:
            print(f"auditor {name}: {lacking}", file=sys.stderr)
        return OPERATOR_FAULT
    except HostError as error:
        print(f"auditor {name}: {error}", file=sys.stderr)
        return OPERATOR_FAULT
    except KeyboardInterrupt:
        print(f"auditor {name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`auditor hosts | head`): not a fault, and nothing left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 — the last boundary: a fault of ours is shown whole
        return _said(name, error)


def _said(name: str, error: Exception) -> int:
    """Say what nobody has caught: what this machine lacks, in words; a fault of ours, with all that it tells."""
    lacking = scarcity(error)
    if lacking is not None:
        print(f"auditor {name}: {lacking}", file=sys.stderr)
        return OPERATOR_FAULT
    traceback.print_exception(error)
    print(f"auditor {name}: this is a fault of the auditor's own; please report it", file=sys.stderr)
    return OUR_FAULT


if __name__ == "__main__":
    sys.exit(main())
