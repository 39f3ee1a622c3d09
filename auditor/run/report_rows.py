"""The rows of a run with what reports say of remediation: what a plan would do on a host, and what plans have done."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.errors import PlanError, PolicyError, StoreError
from auditor.model.plan import Plan
from auditor.model.policy import Policy
from auditor.model.record import replace
from auditor.model.remediation import Event, Happened
from auditor.policy.load import parse_policy
from auditor.remediate.plan_text import PlanFile, read_plan
from auditor.remediate.planning import Basis, Wanted, make_plan
from auditor.remediate.standing import HostStanding, standing, steps_of
from auditor.report.run_rows import RunRows
from auditor.report.stored_run import stored_run
from auditor.store.record import RunRecord
from auditor.store.store import Store

Row = dict[str, Any]
_UNREADABLE = "what a plan would do is not known: this version of the auditor cannot read the run's policy"


def report_rows(store: Store, record: RunRecord) -> RunRows:
    """Return the rows of a run, and beside them what only the remediation knows; UsageError as ``stored_run``."""
    rows = stored_run(store, record)
    return replace(rows, remedies=_remedies(store, record, rows), plans=lambda: plan_rows(store, record))


# ---- what a plan would do


def _remedies(store: Store, record: RunRecord, rows: RunRows) -> Callable[[Row, Sequence[Row]], Row]:
    # Now, for whoever asks later may be another process, to which the store does not belong. The policy was checked
    # against the catalogue when the run began: what it approves is known.
    products = {str(row["product"]) for row in rows.approvals.values()}
    try:
        policy = parse_policy(store.text(record.inputs["policy"]), Path("policy.yml"), products=products)
    except PolicyError:
        # One that another version took: this one can make no plan of the run, and each violation says so.
        return lambda _host, findings: {
            "steps": [],
            "left_out": [{"fingerprint": one["fingerprint"], "reason": _UNREADABLE} for one in findings],
        }

    def remedies(host: Row, findings: Sequence[Row]) -> Row:
        return remedy_row(host, findings, record, policy)

    return remedies


def remedy_row(host: Row, findings: Sequence[Row], record: RunRecord, policy: Policy) -> Row:
    """Say what a plan for a host would hold that somebody made of a run at the instant it judges at."""
    basis = Basis(
        run=record.id,
        policy_sha256=record.inputs["policy"],
        catalogue_sha256=record.inputs["catalogue"],
        tool_version=record.tool_version,
        made_at=datetime.fromisoformat(record.as_of),
        made_by=record.operator,
        max_age=policy.settings.max_age,
        trusted=policy.networks.trusted,
    )
    plan = make_plan(findings, [host], Wanted(), basis)
    return {
        "steps": [_step_row(plan, number) for number in range(len(plan.steps))],
        "left_out": [{"fingerprint": one.fingerprint, "reason": one.reason} for one in plan.left_out],
    }


def _step_row(plan: Plan, number: int) -> Row:
    step = plan.steps[number]
    return {
        "play": str(step.play),
        "playbook": f"playbooks/{step.play}.yml",
        "product": step.product,
        "expects": step.expects,
        "reversible": step.is_reversible,
        "findings": list(step.findings),
    }


# ---- what plans have done


def plan_rows(store: Store, record: RunRecord) -> list[Row]:
    """Return the plans that the journal had begun before a run ended, in that order, each as it stood then.

    What was written in the second in which the run ended, or later, is left out: the same run always says the same.
    Of hosts that are not in the run's scope nothing is said but how many there are.
    """
    scope = {row["name"] for row in store.scope(record.id)}
    made = (_plan_row(store, record, scope, digest, text) for digest, text in store.journal.plans())
    return [row for row in made if row is not None]


def _plan_row(store: Store, record: RunRecord, scope: set[str], digest: str, text: str) -> Row | None:
    try:
        journal, file = store.journal.events(digest), read_plan(text, Path(digest))
    except (StoreError, PlanError) as error:
        return {"plan": digest, "fault": str(error)}
    events = [event for event in journal if event.at < (record.finished or record.started)]
    names = dict.fromkeys(step.host for step in file.plan.steps)
    if not events or scope.isdisjoint(names):
        return None
    now = standing(file.plan, events)
    return {
        "plan": digest,
        "fault": None,
        "run": file.plan.run,
        "made_by": file.plan.made_by,
        "made_at": file.plan.made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "approved_by": None if file.approval is None else file.approval.by,
        "applied_by": list(now.applied_by),
        "started_at": now.started_at,
        "ended_at": now.ended_at,
        "stopped": _stopped(events),
        "events": len(events),
        "last_event": events[-1].sha256,
        "hosts": [_host_row(file, host, events) for host in now.hosts.values() if host.host in scope],
        "hosts_elsewhere": sum(1 for name in names if name not in scope),
    }


def _stopped(events: Sequence[Event]) -> str | None:
    """Say why the rest was not tried; None where all that was asked for last was."""
    for event in reversed(events):
        if event.what in (Happened.STARTED, Happened.ENDED):
            return None
        if event.what is Happened.STOPPED:
            return str(event.data.get("why", "it was interrupted"))
    return None


def _host_row(file: PlanFile, host: HostStanding, events: Sequence[Event]) -> Row:
    numbers = steps_of(file.plan, host.host)
    changed = [event.at for event in events if event.host == host.host and event.what is Happened.CHANGED]
    return {
        "host": host.host,
        "stands": str(host.stands),
        "at": host.at,
        "why": host.why or None,
        "before": host.before,
        "after": host.after,
        "changed_at": changed[0] if changed else None,
        "steps": [_step_row(file.plan, number) for number in numbers],
        "findings": list(_finding_rows(file.plan, numbers, host.findings)),
    }


def _finding_rows(plan: Plan, numbers: Sequence[int], proved: Mapping[str, str]) -> Iterator[Row]:
    """Yield each finding of a host's steps once, with what the newest proof of the journal says of it."""
    told: dict[str, Row] = {}
    for number in numbers:
        step = plan.steps[number]
        for name, why in zip(step.findings, step.why, strict=True):
            told.setdefault(
                name, {"fingerprint": name, "reason": why, "severity": step.severity, "proved": proved.get(name)}
            )
    yield from told.values()
