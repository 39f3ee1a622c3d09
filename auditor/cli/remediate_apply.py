"""``auditor remediate apply``: do what an approved plan says, and prove it."""

from argparse import Namespace

from auditor.cli.remediate_setup import Setup, open_setup
from auditor.cli.remediate_status import print_standing
from auditor.cli.terminal import say
from auditor.errors import PlanError, UsageError
from auditor.model.remediation import Happened
from auditor.remediate.standing import Stands, standing
from auditor.run.remediation import apply as applied

_NOT_TRIED = (Stands.UNTRIED, Stands.SKIPPED)


def apply(options: Namespace) -> int:
    """Apply a plan; 0 when new evidence closes all of it, 1 when not, 3 when hosts were not tried, 130 interrupted."""
    _check(options)
    with open_setup(options) as setup:
        _check_begun(options, setup)
        with setup.tools() as tools:
            setup.begin(tools, {"check": options.check, "forced": options.force_lockout, "resume": options.resume})
            hosts = applied(setup.orders, tools)
            interrupted = tools.is_stopped()
        if options.check:
            return _checked(options, setup)
        print_standing(options, setup.plan_file, setup.store.journal.events(setup.digest))
    if interrupted:
        say(options, f"interrupted; go on with `auditor remediate apply {options.file} --resume`")
        return 130
    if any(one.stands in _NOT_TRIED for one in hosts.values()):
        return 3
    return 0 if all(one.stands is Stands.CLOSED for one in hosts.values()) else 1


def _checked(options: Namespace, setup: Setup) -> int:
    """Say what became of a check; 3 where a host's plays could not be run."""
    events = setup.store.journal.events(setup.digest)
    start = max(event.number for event in events if event.what is Happened.STARTED)
    wrong = {event.host for event in events[start:] if event.what in (Happened.SKIPPED, Happened.FAILED)}
    for name in setup.orders.hosts:
        print(f"{name}: {'cannot be done now, see `auditor remediate status`' if name in wrong else 'can be done'}")
    say(options, "nothing was changed")
    return 3 if wrong else 0


def _check(options: Namespace) -> None:
    if options.canary < 0 or options.batch < 1:
        raise UsageError("--canary and --batch are numbers of hosts: 0 or more, and 1 or more")
    if not 0 <= options.max_failures <= 1:
        raise UsageError(f"--max-failures {options.max_failures}: a share, from 0 to 1")
    if not 30 <= options.guard_seconds <= 3600:  # noqa: PLR2004 — a play takes seconds, and nobody waits for hours
        raise UsageError(f"--guard-seconds {options.guard_seconds}: from 30 to 3600")


def _check_begun(options: Namespace, setup: Setup) -> None:
    now = standing(setup.orders.plan, setup.store.journal.events(setup.digest))
    if now.is_begun and not options.resume and not options.check:
        raise PlanError(
            f"{options.file}: was begun at {now.started_at} by {', '.join(now.applied_by)}: go on with --resume, "
            "undo it with `auditor remediate rollback`, or look with `auditor remediate status`"
        )
    if options.resume and not now.is_begun:
        raise PlanError(f"{options.file}: was never begun: leave --resume out")
