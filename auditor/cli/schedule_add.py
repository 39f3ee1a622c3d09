"""``auditor schedule add``: an audit and its calendar, checked as far as can be before the first is due."""

from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from auditor.catalogue.load import load_catalogue
from auditor.cli.audit import check_numbers, operator_name
from auditor.cli.files import read_text
from auditor.cli.main import parser_for
from auditor.cli.pacing import length_of
from auditor.cli.report import chosen_formats
from auditor.cli.stored import open_store
from auditor.cli.terminal import say
from auditor.errors import OperatorError, UsageError
from auditor.model.schedule import Schedule
from auditor.policy.load import parse_policy
from auditor.policy.locate import locate
from auditor.report.visible import visible
from auditor.run.calendar import SHORTEST, calendar_of
from auditor.run.cron import parse_cron, rare_days

_LONGEST = timedelta(days=31)
_LONGEST_NAME = 64


def add(options: Namespace) -> int:
    """Put a schedule in force."""
    if not options.cron:
        raise UsageError("when? --cron '0 6 1 * *' is six o'clock on the first of every month")
    now = datetime.now(UTC).replace(microsecond=0)
    schedule = Schedule(
        name=_name(options.name),
        cron=options.cron,
        zone=options.zone,
        jitter=timedelta(seconds=length_of(options.jitter, "--jitter", _LONGEST, least=0)),
        window=timedelta(seconds=length_of(options.window, "--window", _LONGEST)),
        catch_up=not options.no_catch_up,
        words=tuple(options.audit),
        folder=str(Path.cwd()),
        added=now,
        added_by=operator_name(),
    )
    asked = audit_options(schedule.words)
    calendar = calendar_of(schedule)
    if calendar.shortest(now) < SHORTEST:
        raise UsageError(
            f"--cron {schedule.cron!r}: an audit is due every {SHORTEST.seconds // 60} minutes at the most"
        )
    if schedule.jitter >= schedule.window:
        raise UsageError("--jitter has to be shorter than --window: it may begin in its window only")
    with open_store(options, durable=True) as store:
        store.schedules.add(schedule)
    (_due, start), *_ = islice(calendar.starts(now), 1)
    say(options, f"{schedule.name} begins first at {start:%Y-%m-%d %H:%M:%S} UTC, while `auditor schedule run` runs")
    for line in _advice(schedule, asked, calendar.longest(now)):
        say(options, f"note: {line}")
    return 0


def audit_options(words: Sequence[str]) -> Namespace:
    """Read what an audit is told; UsageError for what a schedule cannot say."""
    try:
        options = parser_for("audit").parse_args(list(words))
    except SystemExit as error:
        raise UsageError("what the schedule tells `auditor audit` is none of its command lines") from error
    for name in ("resume", "store", "scheduled"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} is for the service to say: leave it out of the schedule's audit")
    if options.patterns != ["local"] and not options.inventory:
        raise UsageError(
            "which hosts? `--audit local` audits this machine, `--audit -i FILE` the hosts of an inventory"
        )
    chosen_formats(options.format)
    check_numbers(options)
    return options


def _name(name: str) -> str:
    allowed = name.replace(".", "").replace("-", "").replace("_", "")
    if not (allowed.isascii() and allowed.isalnum()) or len(name) > _LONGEST_NAME:
        raise UsageError(
            f"{visible(name)}: a schedule's name has letters, digits, dots, hyphens and underscores, {_LONGEST_NAME} "
            "at the most"
        )
    return name


def _advice(schedule: Schedule, asked: Namespace, longest: timedelta) -> list[str]:
    """Say what may surprise: files that are not there yet, months without an audit, a policy that wants more."""
    found = []
    if asked.inventory and not Path(asked.inventory).exists() and "," not in asked.inventory:
        found.append(f"{visible(asked.inventory)} is not there; the audit fails unless it is when it is due")
    if days := rare_days(parse_cron(schedule.cron)):
        found.append(f"not every month has a day {' or '.join(map(str, days))}; L stands for the last one of each")
    try:
        file = locate("policy.yml", asked.policy)
        policy = parse_policy(read_text(file), file, products=[one.id for one in load_catalogue().products])
    except OperatorError as error:
        return [*found, f"the policy cannot be used as it is: {error.problems[0]}"]
    allowed = policy.settings.audit_interval
    if longest > allowed:
        found.append(
            f"up to {longest.days} days lie between two of its audits, and the policy allows {allowed.days} "
            "(settings.audit_interval): the control audit_interval fails then"
        )
    return found
