"""Apply a plan: canaries, then batches; each host judged anew before it is changed and again afterwards.

What plays say closes nothing: a finding is closed by the evidence of a run of its own. Everything is in the journal
before the next thing is done, so that whoever comes after a process that was killed knows how far it came.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from auditor.model.finding import FindingState
from auditor.model.host import Host
from auditor.model.plan import Plan, Play
from auditor.model.reading import Reading
from auditor.model.record import Record, field
from auditor.model.remediation import Event, Happened
from auditor.remediate.planning import Basis, Wanted, make_plan
from auditor.remediate.playing import Plays
from auditor.remediate.standing import HostStanding, Stands, standing, steps_of
from auditor.run.remediation_host import HostWork, change, undo

Row = dict[str, Any]
_AT_ONCE = 4
"""Hosts that are changed at the same time, at most."""
_SECTIONS: Mapping[Play, tuple[str, ...]] = {
    Play.STOP_SERVICE: ("services", "sockets"),
    Play.BLOCK_INBOUND: ("firewall",),
    Play.BLOCK_OUTBOUND: ("firewall",),
    Play.HARDEN_VNC: ("remote_config", "services"),
    Play.QUARANTINE_PROGRAM: ("software",),
    Play.REMOVE_PRODUCT: ("software", "services"),
}
"""Sections of evidence, by their first word, in which a step shows."""
_DONE = (Stands.CLOSED, Stands.ROLLED_BACK)


class Audited(Record, kw_only=True):
    """What a run of its own says of some hosts."""

    run: str
    """Its id."""
    rows: Mapping[str, Row]
    """The row of each host that gave evidence, by name."""
    findings: tuple[Row, ...]
    """The findings of all of them."""
    reading: Callable[[str], Reading]
    """Read the evidence of one of them."""


class Orders(Record, kw_only=True):
    """What is to be applied, and how carefully."""

    plan: Plan
    """The plan; its approval holds."""
    hosts: Mapping[str, Host]
    """Its hosts as the inventory has them, by name; one that is missing there is skipped."""
    basis: Basis
    """What steps are derived by anew: the policy, and now."""
    canary: int = 1
    """How many hosts come first."""
    batch: int = 10
    """How many come at a time afterwards."""
    max_failures: float = 0.2
    """Share of the hosts tried so far that may have failed before the rest is left."""
    is_check: bool = False
    """Whether nothing is changed, and plays only say what they would do."""
    is_forced: bool = False
    """Whether a step is taken even where it may cut the auditor off; the timed revert stands behind it."""
    guard_seconds: int = 120
    """When the timed revert puts a change back that nobody confirms."""


class Tools(Record, kw_only=True):
    """What reaches hosts, and what keeps the journal."""

    audit: Callable[[Sequence[Host]], Audited]
    """Collect from hosts and judge them, as a run of its own."""
    play: Plays
    """Run a playbook."""
    note: Callable[[Happened, str | None, Mapping[str, Any]], Event]
    """Write an event into the journal; it is kept when this returns."""
    sections: Callable[[str, str], Mapping[str, str]]
    """Return a digest of what lasts of each section that a run keeps of a host."""
    events: Callable[[], Sequence[Event]]
    """Return the journal so far."""
    say: Callable[[str], None] = field(default=lambda _: None)
    """Say how it goes on."""
    wait: Callable[[float], None] = time.sleep
    """Wait some seconds."""
    clock: Callable[[], float] = time.monotonic
    """Tell seconds that have passed."""
    is_stopped: Callable[[], bool] = field(default=lambda: False)
    """Tell whether somebody has asked to end."""


def apply(orders: Orders, tools: Tools) -> Mapping[str, HostStanding]:
    """Apply a plan to every host that has not come to its end yet, and return where each stands."""
    before = standing(orders.plan, tools.events()).hosts
    waiting = [name for name, host in before.items() if host.stands not in _DONE]
    asked: list[str] = []
    for batch in _batches(waiting, orders):
        if tools.is_stopped():
            tools.note(Happened.STOPPED, None, {"why": "it was interrupted", "left": len(waiting) - len(asked)})
            return standing(orders.plan, tools.events()).hosts
        _batch(batch, orders, tools)
        asked += batch
        now = standing(orders.plan, tools.events()).hosts
        # What failed when it was tried before says nothing of how it goes now.
        failed, tried = _failed(now, asked)
        left = waiting[len(asked) :]
        if left and failed > orders.max_failures * tried:
            why = f"{failed} of {tried} hosts tried have failed, more than {orders.max_failures:.0%}"
            tools.note(Happened.STOPPED, None, {"why": why, "left": len(left)})
            tools.say(f"stopped: {why}; {len(left)} hosts are not tried")
            return now
    tools.note(Happened.ENDED, None, {})
    return standing(orders.plan, tools.events()).hosts


def rollback(orders: Orders, tools: Tools, names: Sequence[str]) -> Mapping[str, HostStanding]:
    """Undo what was done to hosts, collect from them again, and return where each of the plan's hosts stands."""
    now = standing(orders.plan, tools.events()).hosts
    chosen = []
    for name in names:
        if name not in orders.hosts:
            tools.note(Happened.FAILED, name, {"why": "it is not in the inventory, and cannot be rolled back"})
        elif tools.is_stopped():
            break
        else:
            host = orders.hosts[name]
            chosen.append(host)
            undo(_work(host, orders, tools, None, ()), now[name])
    if chosen:
        tools.say(f"auditing {len(chosen)} hosts after they were rolled back")
        after = tools.audit(chosen)
        tools.note(Happened.AUDITED, None, {"run": after.run, "when": "after", "hosts": [one.name for one in chosen]})
        for host in chosen:
            prove(host.name, orders.plan, after, tools, _evidence(now[host.name], after, orders.plan, tools))
    tools.note(Happened.STOPPED if tools.is_stopped() else Happened.ENDED, None, {})
    return standing(orders.plan, tools.events()).hosts


def _evidence(host: HostStanding, after: Audited, plan: Plan, tools: Tools) -> dict[str, list[str]] | None:
    """Compare the sections that the steps bear on with those of before the change; None where there are none."""
    if host.before is None or host.host not in after.rows:
        return None
    was, found = tools.sections(host.before, host.host), tools.sections(after.run, host.host)
    heads = {head for number in host.to_undo for head in _SECTIONS[plan.steps[number].play]}
    names = [name for name in sorted(was.keys() | found.keys()) if name.partition(".")[0] in heads]
    differs = [name for name in names if was.get(name) != found.get(name)]
    return {"same": [name for name in names if name not in differs], "differs": differs}


def _batches(names: Sequence[str], orders: Orders) -> Iterator[Sequence[str]]:
    first = min(orders.canary, len(names))
    if first:
        yield names[:first]
    for start in range(first, len(names), orders.batch):
        yield names[start : start + orders.batch]


def _failed(hosts: Mapping[str, HostStanding], names: Sequence[str]) -> tuple[int, int]:
    """Count the hosts that went wrong, and those that were tried."""
    wrong = (Stands.FAILED, Stands.REVERTED, Stands.BEGUN, Stands.OPEN, Stands.UNPROVED)
    tried = [hosts[name] for name in names if hosts[name].stands not in (Stands.UNTRIED, Stands.SKIPPED)]
    return sum(1 for one in tried if one.stands in wrong), len(tried)


def _batch(names: Sequence[str], orders: Orders, tools: Tools) -> None:
    known = [orders.hosts[name] for name in names if name in orders.hosts]
    for name in names:
        if name not in orders.hosts:
            tools.note(Happened.SKIPPED, name, {"why": "it is not in the inventory"})
    if not orders.is_check:
        _settle(known, orders, tools)
    settled = standing(orders.plan, tools.events()).hosts
    asked = [host for host in known if settled[host.name].stands is not Stands.BEGUN]
    if not asked:
        return
    tools.say(f"auditing {len(asked)} hosts before they are changed")
    fresh = tools.audit(asked)
    tools.note(Happened.AUDITED, None, {"run": fresh.run, "when": "before", "hosts": [host.name for host in asked]})
    done = [host for host in asked if settled[host.name].stands is Stands.UNPROVED]
    for host in done:
        prove(host.name, orders.plan, fresh, tools)
    ready = [work for host in asked if host not in done and (work := _ready(host, orders, tools, fresh)) is not None]
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        changed = [work.host for work, has in zip(ready, pool.map(change, ready), strict=True) if has]
    if changed:
        tools.say(f"auditing {len(changed)} hosts after they were changed")
        after = tools.audit(changed)
        tools.note(Happened.AUDITED, None, {"run": after.run, "when": "after", "hosts": [one.name for one in changed]})
        for host in changed:
            prove(host.name, orders.plan, after, tools)


def _settle(hosts: Sequence[Host], orders: Orders, tools: Tools) -> None:
    """Undo what an earlier process has begun on hosts and not ended."""
    now = standing(orders.plan, tools.events()).hosts
    for host in hosts:
        if now[host.name].stands is Stands.BEGUN:
            tools.say(f"{host.name}: undoing what was begun and not ended")
            undo(_work(host, orders, tools, None, ()), now[host.name])


def _ready(host: Host, orders: Orders, tools: Tools, fresh: Audited) -> HostWork | None:
    """Return the work on a host whose state is the one that the plan rests on; else write down why nothing is done."""
    row = fresh.rows.get(host.name)
    if row is None:
        _skip(host, tools, "it gave no evidence now, and nothing is changed blindly")
        return None
    numbers = steps_of(orders.plan, host.name)
    wanted = {name for number in numbers for name in orders.plan.steps[number].findings}
    mine = [one for one in fresh.findings if one["fingerprint"] in wanted and one["host"] == host.name]
    if mine and all(one["state"] == FindingState.CLOSED for one in mine):
        tools.say(f"{host.name}: its findings are closed already")
        prove(host.name, orders.plan, fresh, tools)
        return None
    plays = tuple(dict.fromkeys(orders.plan.steps[number].play for number in numbers))
    wanted_again = Wanted(plays=plays, password_file=_password_file(orders.plan, numbers))
    derived = make_plan(mine, [row], wanted_again, orders.basis)
    found = {(one.play, repr(one.variables), one.product): one for one in derived.steps}
    for number in numbers:
        step = orders.plan.steps[number]
        now = found.get((step.play, repr(step.variables), step.product))
        if now is None or now.findings != step.findings:
            why = f"it has changed since the plan was made, and what the plan says of {step.play} is no longer so"
            _skip(host, tools, why + next((f": {one.reason}" for one in derived.left_out), ""))
            return None
    return _work(host, orders, tools, fresh.reading(host.name), numbers, row)


def _password_file(plan: Plan, numbers: Sequence[int]) -> str:
    """Return the file of passwords that the plan gives to servers of a host: no evidence tells it."""
    named = [plan.steps[number].variables.get("x11vnc_password_file", "") for number in numbers]
    return next((str(one) for one in named if one), "")


def _skip(host: Host, tools: Tools, why: str) -> None:
    tools.say(f"{host.name}: skipped: {why}")
    tools.note(Happened.SKIPPED, host.name, {"why": why})


def _work(
    host: Host, orders: Orders, tools: Tools, reading: Reading | None, numbers: Sequence[int], row: Row | None = None
) -> HostWork:
    return HostWork(
        host=host,
        steps={number: orders.plan.steps[number] for number in numbers}
        or {number: orders.plan.steps[number] for number in steps_of(orders.plan, host.name)},
        play=tools.play,
        note=tools.note,
        say=tools.say,
        wait=tools.wait,
        clock=tools.clock,
        reading=reading,
        row=row,
        is_check=orders.is_check,
        is_forced=orders.is_forced,
        guard_seconds=orders.guard_seconds,
    )


def prove(name: str, plan: Plan, audited: Audited, tools: Tools, evidence: Row | None = None) -> None:
    """Write down what new evidence says of the findings of a host; what it does not speak of is not closed."""
    wanted = {one for number in steps_of(plan, name) for one in plan.steps[number].findings}
    found = {one["fingerprint"]: one for one in audited.findings if one["host"] == name}
    seen = name in audited.rows
    said = {
        one: {
            "state": str(found[one]["state"]) if one in found and seen else "not seen",
            "failing_since": found[one].get("failing_since") or found[one].get("first_seen") if one in found else None,
        }
        for one in sorted(wanted)
    }
    tools.note(Happened.PROVED, name, {"run": audited.run, "findings": said, "evidence": evidence})
    left = sum(1 for one in said.values() if one["state"] != FindingState.CLOSED)
    tools.say(f"{name}: {f'{left} of {len(said)} findings are not closed' if left else 'all findings are closed'}")


def instant() -> str:
    """Return now, as the journal writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
