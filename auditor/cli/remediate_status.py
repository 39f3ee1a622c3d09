"""``auditor remediate status``: who planned, approved and applied what, and what has become of each host."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auditor.cli.plan_file import load_plan
from auditor.cli.stored import open_store
from auditor.cli.terminal import print_rows, say
from auditor.errors import UsageError
from auditor.model.finding import FindingState
from auditor.model.remediation import Event, Happened
from auditor.remediate.plan_text import PlanFile, plan_digest, read_plan
from auditor.remediate.standing import HostStanding, PlanStanding, Stands, standing
from auditor.report.visible import visible
from auditor.store.store import Store

Row = dict[str, Any]
_PLANS = ["plan", "made_by", "approved_by", "applied_by", "started", "ended", "hosts", "closed", "to_mend"]
_HOSTS = ["host", "stands", "findings_closed", "at", "hours", "why"]
_SHORT = 12


def status(options: Namespace) -> int:
    """Print where a plan stands, or every plan of the store."""
    with open_store(options) as store:
        if options.file is None:
            print_rows([_plan_row(digest, text, store) for digest, text in store.journal.plans()], _PLANS, options)
            return 0
        found = _named(options, store)
        events = store.journal.events(plan_digest(found.plan))
        if not events:
            raise UsageError(f"{options.file}: this plan was never applied with this store")
        print_standing(options, found, events)
    return 0


def _named(options: Namespace, store: Store) -> PlanFile:
    """Return the plan of a file, or of the beginning of a digest that the store knows."""
    file: Path = options.file
    if file.exists():
        return load_plan(file)
    known = [(digest, text) for digest, text in store.journal.plans() if digest.startswith(str(file))]
    if len(known) != 1:
        raise UsageError(f"{file}: there is no such file, nor one plan in this store whose SHA-256 begins so")
    return read_plan(known[0][1], file)


def print_standing(options: Namespace, file: PlanFile, events: Sequence[Event]) -> None:
    """Print a plan's people, and a row for each of its hosts."""
    now = standing(file.plan, events)
    by = _people(file, now)
    say(options, f"plan {plan_digest(file.plan)[:_SHORT]}: {'; '.join(f'{what} {visible(who)}' for what, who in by)}")
    if now.ended_at is None:
        stops = [event for event in events if event.what is Happened.STOPPED]
        why = f"stopped: {stops[-1].data.get('why', 'interrupted')}" if stops else "it was interrupted, or is under way"
        say(options, f"not at its end: {visible(why)}")
    rows = [_host_row(host, file, now) for host in now.hosts.values()]
    print_rows(rows, _HOSTS, options)
    mend = [host.host for host in now.hosts.values() if host.stands in (Stands.BEGUN, Stands.UNPROVED)]
    if mend:
        say(options, f"{len(mend)} hosts are between two states: `apply --resume` or `rollback` mends them")
    say(options, f"the journal has {len(events)} events; the hash of the last one is {events[-1].sha256}")


def _people(file: PlanFile, now: PlanStanding) -> list[tuple[str, str]]:
    approved = "nobody" if file.approval is None else file.approval.by
    return [
        ("planned by", file.plan.made_by),
        ("approved by", approved),
        ("applied by", ", ".join(now.applied_by) or "nobody"),
    ]


def _host_row(host: HostStanding, file: PlanFile, now: PlanStanding) -> Row:
    return {
        "host": host.host,
        "stands": str(host.stands),
        "findings": len({one for step in file.plan.steps if step.host == host.host for one in step.findings}),
        "findings_closed": sum(1 for state in host.findings.values() if state == FindingState.CLOSED),
        "at": host.at,
        "hours": host.hours,
        "why": host.why or None,
        "run_before": host.before,
        "run_after": host.after,
        "plan": plan_digest(file.plan),
        "planned_by": file.plan.made_by,
        "approved_by": None if file.approval is None else file.approval.by,
        "applied_by": list(now.applied_by),
    }


def _plan_row(digest: str, text: str, store: Store) -> Row:
    file = read_plan(text, Path(digest))
    now = standing(file.plan, store.journal.events(digest))
    stands = [host.stands for host in now.hosts.values()]
    return {
        "plan": digest[:_SHORT],
        "made_by": file.plan.made_by,
        "approved_by": None if file.approval is None else file.approval.by,
        "applied_by": list(now.applied_by),
        "started": now.started_at,
        "ended": now.ended_at,
        "hosts": len(stands),
        "closed": stands.count(Stands.CLOSED),
        "to_mend": sum(1 for one in stands if one in (Stands.BEGUN, Stands.UNPROVED)),
    }
