"""``auditor remediate``: plan what closes findings, have it approved, do it, prove it, undo it."""

import importlib
from argparse import ArgumentParser, Namespace
from pathlib import Path

from auditor.cli.command import Command
from auditor.cli.inventory import add_vault_options
from auditor.cli.stored import add_run_option, add_store_option
from auditor.cli.terminal import add_format_option
from auditor.errors import UsageError
from auditor.model.plan import Play
from auditor.model.verdict import Severity

_ACTIONS = ("plan", "approve", "apply", "rollback", "status")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=_ACTIONS, help="what to do")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the plan (plan: default plan.yml)")
    parser.add_argument("--host", action="append", default=[], metavar="HOST", help="this host only; may be repeated")
    add_run_option(parser)
    add_store_option(parser)
    add_format_option(parser)
    _plan_options(parser)
    _approve_options(parser)
    _apply_options(parser)


def _plan_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("plan")
    group.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file to write (default: plan.yml)")
    group.add_argument("--control", action="append", default=[], metavar="ID", help="findings of this control only")
    group.add_argument("--product", action="append", default=[], metavar="ID", help="of this product only")
    group.add_argument("--severity", action="append", default=[], choices=list(Severity), help="of this severity only")
    group.add_argument("--owner", action="append", default=[], metavar="OWNER", help="of this owner's hosts only")
    group.add_argument("--play", action="append", default=[], choices=list(Play), help="steps of this kind only")
    group.add_argument(
        "--x11vnc-password-file",
        default="",
        metavar="PATH",
        help="on the hosts: the file of passwords (`x11vnc -storepasswd`) that a hardened x11vnc asks for",
    )


def _approve_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("approve")
    group.add_argument("--as", dest="approver", metavar="NAME", help="who approves it, a name of the people file")
    group.add_argument("--key", type=Path, metavar="FILE", help="private key (default: auditor_ed25519, id_ed25519)")
    group.add_argument("--signature", type=Path, metavar="FILE", help="take this signature, made by ssh-keygen")
    group.add_argument("--show", action="store_true", help="print the text that is signed, and sign nothing")
    group.add_argument("--people", type=Path, metavar="FILE", help="people (default: policies/people.yml)")


def _apply_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("apply and rollback")
    group.add_argument("-i", "--inventory", metavar="FILE", help="how the plan's hosts are reached")
    group.add_argument(
        "-p", "--policy", type=Path, metavar="FILE|PACK", help="policy (default: the one that the plan rests on)"
    )
    group.add_argument("--exceptions", type=Path, metavar="FILE", help="exceptions (default: policies/exceptions.yml)")
    group.add_argument("--playbooks", type=Path, metavar="DIR", help="playbooks (default: those of the auditor)")
    group.add_argument("--check", action="store_true", help="apply: change nothing, say what could be done")
    group.add_argument("--resume", action="store_true", help="apply: go on with a plan that was begun")
    group.add_argument("--canary", type=int, default=1, metavar="N", help="hosts that come first (default: 1)")
    group.add_argument("--batch", type=int, default=10, metavar="N", help="hosts at a time afterwards (default: 10)")
    group.add_argument(
        "--max-failures", type=float, default=0.2, metavar="SHARE", help="stop beyond this share (default: 0.2)"
    )
    group.add_argument(
        "--force-lockout", action="store_true", help="take steps that may cut the auditor off, the timed revert behind"
    )
    group.add_argument(
        "--guard-seconds", type=int, default=120, metavar="S", help="when the timed revert fires (default: 120)"
    )
    group.add_argument("--deadline", type=float, default=60.0, metavar="S", help="seconds a host may take to answer")
    add_vault_options(parser)


def _run(options: Namespace) -> int:
    if options.file is None and options.action not in ("plan", "status"):
        raise UsageError(f"which plan? `auditor remediate {options.action} FILE`")
    # Each is loaded when asked for: applying a plan takes much that planning does not.
    done: int = getattr(importlib.import_module(f"auditor.cli.remediate_{options.action}"), options.action)(options)
    return done


COMMAND = Command(
    help="plan, approve, apply, prove and undo what closes findings",
    description="Close findings, in steps that people read and approve.\n\n"
    "plan: write the steps that would close the open findings of a run into a YAML file, and say of each other finding "
    "why it is left to hands. It changes nothing. Excepted findings are not touched, and no host is planned for whose "
    "evidence is older than the policy's max_age.\n\n"
    "approve: sign a plan, as somebody else than its maker. Any later change of it voids the approval.\n\n"
    "apply: audit each host, skip it if it has changed, take its steps, audit it again. Only new evidence closes a "
    "finding. Exit code 0: all are closed, 1: some are not, 3: some hosts were not tried.\n\n"
    "rollback: undo what was done, and prove it. status: what has become of a plan, or of all.\n\n"
    "Examples:\n"
    "  auditor remediate plan --severity critical -o plan.yml\n"
    "  auditor remediate approve plan.yml --as 'Grace Hopper'\n"
    "  auditor remediate apply plan.yml -i hosts.yml --canary 2 --batch 20\n"
    "  auditor remediate status plan.yml\n"
    "  auditor remediate rollback plan.yml -i hosts.yml --host web-3\n",
    options=_options,
    run=_run,
)
