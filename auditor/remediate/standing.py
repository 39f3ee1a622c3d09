"""Where a plan stands, told by its journal alone: so whoever comes after a process that was killed knows it too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from auditor.model.finding import FindingState
from auditor.model.plan import Plan
from auditor.model.record import Record
from auditor.model.remediation import Event, Happened


class Stands(StrEnum):
    """What has become of a host."""

    UNTRIED = "not tried"
    """Nothing was done."""
    SKIPPED = "skipped"
    """Nothing was done, and the journal says why."""
    FAILED = "failed"
    """A play failed, and nothing of it is left."""
    REVERTED = "reverted"
    """The change was put back, by the timer or at once."""
    BEGUN = "begun"
    """A change was begun, and nobody has seen its end: resume, or roll back."""
    UNPROVED = "changed, not proved"
    """Every step is done, and no new evidence was collected."""
    CLOSED = "closed"
    """New evidence shows that every finding of it is closed."""
    OPEN = "not closed"
    """New evidence does not show that."""
    ROLLED_BACK = "rolled back"
    """The steps were undone, and what was captured is as it was."""
    DIFFERS = "rolled back, differs"
    """The steps were undone, and something is not as it was captured."""


_UNMOVED = (Stands.ROLLED_BACK, Stands.DIFFERS, Stands.REVERTED, Stands.FAILED, Stands.BEGUN)
"""What stays so whatever evidence says of findings: a change whose end nobody saw has to be mended all the same."""


@dataclass(slots=True, kw_only=True)
class StepStanding:
    """What has become of one step."""

    capsule: Mapping[str, Any] | None = None
    """What was captured before it."""
    is_begun: bool = False
    """Whether its play has run, or may have."""
    is_done: bool = False
    """Whether that play ended well, and a new connection came in after it."""


@dataclass(slots=True, kw_only=True)
class HostStanding:
    """What has become of one host."""

    host: str
    """Inventory name."""
    stands: Stands = Stands.UNTRIED
    """Where it stands."""
    at: str | None = None
    """When that was so, UTC."""
    why: str = ""
    """Why, where it does not stand as it should: may be a host's words."""
    steps: dict[int, StepStanding] = field(default_factory=dict)
    """Its steps that were begun or captured, by their place in the plan."""
    findings: dict[str, str] = field(default_factory=dict)
    """What new evidence says of its findings: fingerprint and state."""
    hours: float | None = None
    """Hours from when the oldest of its findings failed to the evidence that all are closed."""
    before: str | None = None
    """Run that saw it before the change."""
    after: str | None = None
    """Run that saw it last."""

    @property
    def to_undo(self) -> list[int]:
        """Return the steps that were begun and not undone, the last one first."""
        return sorted((number for number, step in self.steps.items() if step.is_begun), reverse=True)


class PlanStanding(Record, kw_only=True):
    """What has become of a plan."""

    hosts: Mapping[str, HostStanding]
    """Each host of the plan, by name."""
    applied_by: tuple[str, ...]
    """Accounts that applied it or rolled it back, in order."""
    started_at: str | None
    """When it was first applied."""
    ended_at: str | None
    """When all that was asked for was tried; None while it is under way, or was interrupted."""

    @property
    def is_begun(self) -> bool:
        """Tell whether it was applied, in part or whole."""
        return self.started_at is not None


def standing(plan: Plan, events: Iterable[Event]) -> PlanStanding:
    """Return where a plan stands after its events."""
    hosts = {step.host: HostStanding(host=step.host) for step in plan.steps}
    by: list[str] = []
    started = ended = None
    for event in events:
        if event.what is Happened.STARTED and not event.data.get("check"):
            by.append(event.by)
            started, ended = started or event.at, None
        elif event.what is Happened.ENDED and started is not None:
            ended = event.at
        elif event.what is Happened.AUDITED:
            _audited(hosts, event)
        elif event.host in hosts:
            _follow(hosts[event.host], event)
    return PlanStanding(hosts=hosts, applied_by=tuple(dict.fromkeys(by)), started_at=started, ended_at=ended)


def steps_of(plan: Plan, host: str) -> Sequence[int]:
    """Return the places in the plan of a host's steps, in order."""
    return [number for number, step in enumerate(plan.steps) if step.host == host]


def _audited(hosts: Mapping[str, HostStanding], event: Event) -> None:
    for name in event.data["hosts"]:
        if name in hosts:
            hosts[name].after = event.data["run"]
            if event.data["when"] == "before" and not hosts[name].to_undo:
                hosts[name].before = event.data["run"]


def _follow(host: HostStanding, event: Event) -> None:
    data, step = event.data, _step(host, event)
    why = str(data.get("why", ""))
    match event.what:
        case Happened.SKIPPED if not host.to_undo:
            _stand(host, event, Stands.SKIPPED, why)
        case Happened.CAPTURED if not step.is_begun:
            # What a play has changed already is no state to go back to: the capsule of before it stays.
            step.capsule = data["capsule"]
        case Happened.FAILED:
            _stand(host, event, Stands.BEGUN if host.to_undo else Stands.FAILED, why)
        case Happened.RESTORED:
            _stand(host, event, Stands.ROLLED_BACK if data["equal"] else Stands.DIFFERS, why)
        case Happened.PROVED:
            _prove(host, event)
        case _:
            _stepped(host, event, step)


def _stepped(host: HostStanding, event: Event, step: StepStanding) -> None:
    """Follow what a play, or an inverse one, has done."""
    match event.what:
        case Happened.CHANGING:
            step.is_begun, step.is_done = True, False
            _stand(host, event, Stands.BEGUN, "a play was begun, and no end of it is known")
        case Happened.CHANGED | Happened.CONFIRMED:
            step.is_done = event.what is Happened.CONFIRMED or not event.data.get("guarded")
            is_last = event.data.get("last") and step.is_done
            why = "" if is_last else "its steps were not all done"
            _stand(host, event, Stands.UNPROVED if is_last else Stands.BEGUN, why)
        case Happened.REVERTED:
            step.is_begun = step.is_done = False
            _stand(host, event, Stands.REVERTED, str(event.data.get("why", "")))
        case Happened.UNDOING:
            _stand(host, event, Stands.BEGUN, "an inverse play was begun, and no end of it is known")
        case Happened.UNDONE:
            step.is_begun = step.is_done = False
            _stand(host, event, Stands.BEGUN, "its steps were not all undone")


def _step(host: HostStanding, event: Event) -> StepStanding:
    number = event.data.get("step")
    return StepStanding() if not isinstance(number, int) else host.steps.setdefault(number, StepStanding())


def _stand(host: HostStanding, event: Event, stands: Stands, why: str) -> None:
    host.stands, host.at, host.why = stands, event.at, why


def _prove(host: HostStanding, event: Event) -> None:
    host.findings = {name: str(one["state"]) for name, one in event.data["findings"].items()}
    left = [name for name, state in host.findings.items() if state != FindingState.CLOSED]
    # Where a step failed nothing was changed: what is closed all the same, by whomever, is closed.
    is_mended = host.stands is Stands.FAILED and host.findings and not left
    if host.stands in _UNMOVED and not is_mended:
        return
    if left:
        _stand(host, event, Stands.OPEN, f"{len(left)} of {len(host.findings)} findings are not closed")
        return
    _stand(host, event, Stands.CLOSED, "")
    since = [one["failing_since"] for one in event.data["findings"].values() if one.get("failing_since")]
    if since:
        took = datetime.fromisoformat(event.at) - datetime.fromisoformat(min(since))
        host.hours = round(took.total_seconds() / 3600, 1)
