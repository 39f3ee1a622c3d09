"""``auditor schedule``: audits that begin by themselves, when a calendar says so."""

import importlib
from argparse import REMAINDER, ArgumentParser, Namespace

from auditor.cli.command import Command
from auditor.cli.stored import add_store_option
from auditor.cli.terminal import add_format_option
from auditor.errors import UsageError

_ACTIONS = ("add", "list", "remove", "run")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=_ACTIONS, help="what to do")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the schedule: letters, digits, dots, - and _")
    add_store_option(parser)
    add_format_option(parser)
    group = parser.add_argument_group("add")
    group.add_argument("--cron", metavar="FIELDS", help="minute, hour, day of month, month, day of week; or @monthly …")
    group.add_argument("--zone", default="UTC", metavar="ZONE", help="time zone of these (default: UTC)")
    group.add_argument(
        "--jitter", default="0s", metavar="DURATION", help="begin up to so much later, drawn once and for all (none)"
    )
    group.add_argument(
        "--window", default="7d", metavar="DURATION", help="how late it may still begin, or go on (default: 7d)"
    )
    group.add_argument(
        "--no-catch-up", action="store_true", help="what was missed stays missed, its window open or not"
    )
    group.add_argument(
        "--audit",
        nargs=REMAINDER,
        default=[],
        metavar="…",
        help="last: all that follows is what `auditor audit` is told",
    )
    group = parser.add_argument_group("list")
    group.add_argument("--all", action="store_true", help="removed schedules, too")
    group.add_argument("--history", action="store_true", help="every time that they were due, not the last one only")
    group.add_argument("--check", action="store_true", help="exit code 3 where one needs somebody to look at it")
    group = parser.add_argument_group("run")
    group.add_argument("--once", action="store_true", help="do what is due now, and end")


def _run(options: Namespace) -> int:
    if options.action in ("add", "remove") and options.name is None:
        raise UsageError(f"which schedule? `auditor schedule {options.action} NAME`")
    if options.action != "add" and options.audit:
        raise UsageError(f"`auditor schedule {options.action}` takes one name at the most")
    # Each is loaded when asked for: APScheduler costs every other command's start for nothing.
    what = "list_schedules" if options.action == "list" else options.action
    done: int = getattr(importlib.import_module(f"auditor.cli.schedule_{options.action}"), what)(options)
    return done


COMMAND = Command(
    help="add, list, remove and run audits that begin by themselves",
    description="Keep schedules of audits in the store, and begin each audit when it is due.\n\n"
    "add: an audit, and when it is due. Day 31 is due in months that have one, L is the last day of every month; 0 and "
    "7 are Sunday. A time that the clock leaps over is due at the first instant after the leap, a time that comes "
    "twice is due the first time. Files are looked for in the folder that it is added in.\n\n"
    "list: when each begins next, and what became of it last. remove: begin it no more; its history stays.\n\n"
    "run: the service. It begins what is due, catches up with the last one that was missed, once, while its window is "
    "open, and goes on with what was interrupted. TERM or Ctrl-C ends it: hosts under way may end. Two services on one "
    "store, or a service beside an audit by hand, never audit the same hosts at the same time.\n\n"
    "Exit code of run --once: 0 nothing was due or all went well; else the gravest of its audits', 3 for one that was "
    "missed.\n\n"
    "Examples:\n"
    "  auditor schedule add monthly --cron '0 6 1 * *' --zone Europe/Berlin --audit -i hosts.yml --window 8h\n"
    "  auditor schedule list\n"
    "  auditor schedule run\n",
    options=_options,
    run=_run,
)
