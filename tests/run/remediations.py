"""A fleet that exists in memory: plays change it, audits look at it, and a journal remembers (synthetic)."""

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.model.evidence import Rights
from auditor.model.facts.network import Connection, Family, Protocol
from auditor.model.host import Host, OsFamily
from auditor.model.plan import Plan, Step
from auditor.model.reading import Found, Reading
from auditor.model.record import replace
from auditor.model.remediation import Event, Happened
from auditor.remediate.playing import Played, Task
from auditor.remediate.standing import HostStanding, standing
from auditor.run.remediation import Audited, Orders, Tools
from tests.remediate.test_planning import BASIS, UNAPPROVED, UNIT, a_host, findings, planned

Row = dict[str, Any]
INVERSES = {"start_service": "stop_service", "unblock_inbound": "block_inbound"}


def a_reading(*connections: Connection) -> Reading:
    """Give the evidence of a host to which the auditor has these connections."""
    return Reading(
        os=OsFamily.LINUX,
        rights=next(iter(Rights)),
        sections={},
        facts={Connection: tuple(Found(one, "sockets.ss", number) for number, one in enumerate(connections))},
    )


OURS = Connection(
    protocol=Protocol.TCP,
    family=Family.IP,
    state="established",
    local_address="10.1.0.7",
    local_port=22,
    remote_address="10.1.0.1",
    remote_port=40_000,
)


@dataclass(slots=True)
class Fleet:
    """Hosts with one service each, that a play stops and its inverse starts."""

    names: Sequence[str]
    """The hosts."""
    running: dict[str, bool] = field(default_factory=dict)
    """Whether the service of each runs."""
    events: list[Event] = field(default_factory=list)
    """The journal."""
    played: list[tuple[str, str, bool]] = field(default_factory=list)
    """Every play: host, playbook, whether in check mode."""
    said: list[str] = field(default_factory=list)
    """What the operator was told."""
    audits: list[tuple[str, ...]] = field(default_factory=list)
    """Which hosts every audit asked."""
    silent: set[str] = field(default_factory=set)
    """Hosts that give no evidence."""
    faults: dict[tuple[str, str], str] = field(default_factory=dict)
    """Plays that fail: host and playbook, and what is said."""
    ineffective: set[str] = field(default_factory=set)
    """Hosts on which plays end well and change nothing."""
    before_play: Callable[[str, Task], None] = lambda _host, _task: None
    """Called before every play."""

    def __post_init__(self) -> None:
        """Start every service."""
        self.running = dict.fromkeys(self.names, True)

    def row(self, name: str) -> Row:
        """Give the row of a host as it is now."""
        held = {"services": [UNIT | {"running": True}], "files": ["/opt/anydesk"]}
        return copy.deepcopy(a_host(*([UNAPPROVED] if self.running[name] else []), host=name, held=held))

    def plan(self) -> Plan:
        """Plan to stop the service everywhere."""
        plans = [planned(self.row(name)) for name in self.names]
        steps = [_of(step, name) for name, plan in zip(self.names, plans, strict=True) for step in plan.steps]
        return replace(plans[0], steps=tuple(step for step in steps if step.play == "stop_service"))

    def audit(self, hosts: Sequence[Host]) -> Audited:
        """Look at hosts."""
        self.audits.append(tuple(host.name for host in hosts))
        rows = {host.name: self.row(host.name) for host in hosts if host.name not in self.silent}
        found = [
            one | {"fingerprint": fingerprint(name), "state": "open" if self.running[name] else "closed"}
            for name in rows
            for one in findings(a_host(UNAPPROVED, host=name))
        ]
        for name, row in rows.items():
            for verdict in row["verdicts"]:
                for violation in verdict["violations"]:
                    violation["fingerprint"] = fingerprint(name)
        failing = [one | {"failing_since": "2026-11-27T00:00:00Z"} for one in found]
        return Audited(
            run=f"run{len(self.audits)}", rows=rows, findings=tuple(failing), reading=lambda _: a_reading(OURS)
        )

    def play(self, host: Host, task: Task) -> Played:
        """Run a playbook."""
        self.before_play(host.name, task)
        self.played.append((host.name, task.playbook, task.is_check))
        if (host.name, task.playbook) in self.faults:
            return Played(is_done=False, said=self.faults[host.name, task.playbook])
        if task.playbook == "capture":
            return Played(is_done=True, facts={"auditor_capsule": {"state": [["unit", str(self.running[host.name])]]}})
        if not task.is_check and host.name not in self.ineffective:
            if task.playbook == "stop_service":
                self.running[host.name] = False
            if task.playbook == "start_service":
                self.running[host.name] = task.variables["capsule"]["state"][0][1] == "True"
        return Played(is_done=True, changed=1)

    def note(self, what: Happened, host: str | None, data: Mapping[str, Any]) -> Event:
        """Write into the journal."""
        event = Event(
            plan="p",
            number=len(self.events) + 1,
            at="2026-11-27T12:00:00Z",
            what=what,
            by="ada",
            host=host,
            data=dict(data),
            previous="",
            sha256="",
        )
        self.events.append(event)
        return event

    def tools(self, *, is_stopped: Callable[[], bool] = lambda: False) -> Tools:
        """Give what reaches this fleet, with the journal begun."""
        self.note(Happened.STARTED, None, {})
        return Tools(
            audit=self.audit,
            play=self.play,
            note=self.note,
            sections=lambda _run, name: {"services.systemd": str(self.running[name]), "software.dpkg": "x"},
            events=lambda: self.events,
            say=self.said.append,
            wait=lambda _seconds: None,
            is_stopped=is_stopped,
        )

    def orders(self, **changes: Any) -> Orders:
        """Give the orders to apply the plan."""
        hosts = {name: Host(name=name, address=name) for name in self.names}
        made = Orders(plan=self.plan(), hosts=hosts, basis=BASIS, guard_seconds=30)
        return replace(made, **changes)

    def standing(self, plan: Plan) -> Mapping[str, HostStanding]:
        """Return where each host stands."""
        return standing(plan, self.events).hosts


def fingerprint(name: str) -> str:
    """Return the fingerprint of a host's finding."""
    return hashlib.sha256(name.encode()).hexdigest()


def _of(step: Step, name: str) -> Step:
    return replace(step, host=name, findings=(fingerprint(name),))
