"""One host's steps: asked in check mode, captured, guarded, done, confirmed over a new connection; and undone."""

from collections.abc import Callable, Mapping
from typing import Any

from auditor.model.host import Host
from auditor.model.plan import Play, Step
from auditor.model.reading import Reading
from auditor.model.record import Record, replace
from auditor.model.remediation import Event, Happened
from auditor.remediate.playbooks import (
    CAPSULE,
    capture_task,
    confirm_task,
    do_task,
    guard_task,
    is_guarded,
    undo_task,
)
from auditor.remediate.playing import Played, Plays
from auditor.remediate.standing import HostStanding
from auditor.run.capsules import agree, differing_rows
from auditor.run.lockout import lockout

_GRACE = 15
"""Seconds that the timed revert may take once its time has come, before it is looked for."""
_LOOKS = 4
"""How often it is looked for, so long apart each time: a slow host takes its time."""
_MARGIN = 5
"""Seconds before that by which a play has to have ended: what it did later, nothing would put back."""


class HostWork(Record, kw_only=True):
    """What is to be done on a host, and with what."""

    host: Host
    """The host."""
    steps: Mapping[int, Step]
    """Its steps, by their places in the plan."""
    play: Plays
    """Runs a playbook."""
    note: Callable[[Happened, str | None, Mapping[str, Any]], Event]
    """Writes into the journal."""
    say: Callable[[str], None]
    """Says how it goes on."""
    wait: Callable[[float], None]
    """Waits for it."""
    clock: Callable[[], float]
    """Tells seconds that have passed."""
    reading: Reading | None = None
    """Its evidence of now."""
    row: Mapping[str, Any] | None = None
    """Its row of now."""
    is_check: bool = False
    """Whether nothing is changed."""
    is_forced: bool = False
    """Whether a step is taken even where it may cut the auditor off."""
    guard_seconds: int = 120
    """When the timed revert fires."""

    def tell(self, what: Happened, number: int | None = None, **data: object) -> None:
        """Write down what happened to a step, or to the host."""
        if number is not None:
            data = {"step": number, "play": str(self.steps[number].play), **data}
        self.note(what, self.host.name, data)


def change(work: HostWork) -> bool:
    """Take the steps of a host; tell whether anything was, or may have been, changed."""
    objection = _objection(work)
    if objection is not None:
        work.say(f"{work.host.name}: skipped: {objection}")
        work.tell(Happened.SKIPPED, why=objection)
        return False
    for number, step in work.steps.items():
        checked = work.play(work.host, do_task(step, is_check=True))
        if not checked.is_done:
            return _fail(work, number, f"{step.play} cannot be done: {checked.said}")
    work.tell(Happened.CHECKED, steps=list(work.steps))
    if work.is_check:
        work.say(f"{work.host.name}: every play could be run")
        return False
    capsules = {}
    for number, step in work.steps.items():
        capsule = _captured(work, number, step)
        if capsule is None:
            return False
        capsules[number] = capsule
    last = max(work.steps)
    for number, step in work.steps.items():
        if not _take(work, number, step, capsules[number], is_last=number == last):
            break
    return True


def _objection(work: HostWork) -> str | None:
    """Say why the steps may not be taken; a forced one is still guarded by the timed revert."""
    for step in work.steps.values():
        approved = _approved_way(step, work.row or {})
        if approved is not None:
            return approved
        if work.reading is None:
            return "its evidence could not be read"
        cut = lockout(work.reading, work.host, step)
        if cut is not None and not (work.is_forced and is_guarded(step)):
            forced = "; --force-lockout does it all the same, with the timed revert behind it"
            return f"{step.play} may cut the auditor off: {cut}{forced if is_guarded(step) else ''}"
        if cut is not None:
            work.say(f"{work.host.name}: forced, although {cut}")
    return None


def _approved_way(step: Step, row: Mapping[str, Any]) -> str | None:
    """Say which approved tool a closed port would cut off."""
    if step.play is not Play.BLOCK_INBOUND:
        return None
    variables: Any = step.variables
    closed = {(one["protocol"], one["port"]) for one in variables["ports"]}
    for one in row.get("listeners", ()):
        if (one["protocol"], one["port"]) in closed and one["approval"] is not None and one["objection"] is None:
            return f"{one['port']}/{one['protocol']} is {one['product']}'s too, which {one['approval']} approves"
    return None


def _captured(work: HostWork, number: int, step: Step) -> Mapping[str, Any] | None:
    """Keep the capsule of a step; None, and it is written down, where there is none."""
    taken = work.play(work.host, capture_task(step))
    capsule = taken.facts.get(CAPSULE)
    if not taken.is_done or not isinstance(capsule, dict):
        _fail(work, number, f"its state cannot be captured: {taken.said or 'it came without a capsule'}")
        return None
    work.tell(Happened.CAPTURED, number, capsule=capsule)
    return capsule


def _take(work: HostWork, number: int, step: Step, capsule: Mapping[str, Any], *, is_last: bool) -> bool:
    """Take one step; tell whether it was done, and the next one may be."""
    guarded = is_guarded(step)
    # Before the guard: it is a change of its own, and its timer may fire whatever becomes of us.
    work.tell(Happened.CHANGING, number, guarded=guarded)
    task = do_task(step)
    began = armed = work.clock()
    if guarded:
        guard = work.play(work.host, guard_task(step, work.guard_seconds))
        # It was set at some time in between: until it comes, it is later; that it has come, only from now on.
        armed = work.clock()
        if not guard.is_done:
            return _put_back(work, number, capsule, f"the timed revert cannot be set: {guard.said}", armed)
        left = int(work.guard_seconds - _MARGIN - (armed - began))
        if left < _MARGIN:
            why = "the timed revert would come before the change is made: give it more time with --guard-seconds"
            return _put_back(work, number, capsule, why, armed)
        task = replace(task, seconds=min(task.seconds, left))
    done = work.play(work.host, task)
    if not done.is_done:
        return _put_back(work, number, capsule, f"{step.play} failed: {done.said}", armed)
    work.tell(Happened.CHANGED, number, changed=done.changed, guarded=guarded, last=is_last)
    work.say(f"{work.host.name}: {step.play} done")
    if not guarded:
        return True
    confirmed = work.play(work.host, confirm_task(step))
    if confirmed.is_done:
        work.tell(Happened.CONFIRMED, number, last=is_last)
        return True
    why = f"no new connection came in after {step.play}: {confirmed.said}"
    return _awaited(work, number, capsule, why, armed)


def _put_back(work: HostWork, number: int, capsule: Mapping[str, Any], why: str, armed: float) -> bool:
    """Undo at once a step that failed half-way."""
    undone = work.play(work.host, undo_task(work.steps[number], capsule))
    if undone.is_done:
        if is_guarded(work.steps[number]):
            work.play(work.host, confirm_task(work.steps[number]))
        work.say(f"{work.host.name}: {why}; it was put back")
        work.tell(Happened.REVERTED, number, why=f"{why}; it was put back at once")
        return False
    if is_guarded(work.steps[number]):
        return _awaited(work, number, capsule, f"{why}; nor can it be put back: {undone.said}", armed)
    return _fail(work, number, f"{why}; nor can it be put back: {undone.said}")


def _awaited(work: HostWork, number: int, capsule: Mapping[str, Any], why: str, armed: float) -> bool:
    """Wait for the timed revert, which was set by ``armed``, and look whether the host is as it was."""
    work.say(f"{work.host.name}: {why}; waiting for the timed revert")
    work.wait(max(0.0, work.guard_seconds - (work.clock() - armed)))
    state = ""
    for _ in range(_LOOKS):
        work.wait(_GRACE)
        now = work.play(work.host, capture_task(work.steps[number]))
        if _is_same(now, capsule):
            work.say(f"{work.host.name}: the timed revert has put it back")
            work.tell(Happened.REVERTED, number, why=f"{why}; the timed revert has put it back")
            return False
        state = f"{'it is not as it was' if now.is_done else 'it does not answer'}: {now.said}"
    return _fail(work, number, f"{why}; after the time of the revert {state}")


def _is_same(now: Played, capsule: Mapping[str, Any]) -> bool:
    found = now.facts.get(CAPSULE)
    return now.is_done and isinstance(found, Mapping) and agree(capsule, found)


def _fail(work: HostWork, number: int, why: str) -> bool:
    work.say(f"{work.host.name}: {why}")
    work.tell(Happened.FAILED, number, why=why)
    return False


# ---- undoing


def undo(work: HostWork, host: HostStanding) -> bool:
    """Undo the steps of a host that were begun, the last one first, and compare what is captured again."""
    undone = host.to_undo
    for number in undone:
        capsule = host.steps[number].capsule
        if capsule is None:
            return _fail(work, number, "there is no capsule to undo it with")
        work.tell(Happened.UNDOING, number)
        done = work.play(work.host, undo_task(work.steps[number], capsule))
        if not done.is_done:
            return _fail(work, number, f"{work.steps[number].play} cannot be undone: {done.said}")
        if is_guarded(work.steps[number]):
            # A timer that was left behind would put back what is back already; without one this fails, and may.
            work.play(work.host, confirm_task(work.steps[number]))
        work.tell(Happened.UNDONE, number)
        work.say(f"{work.host.name}: {work.steps[number].play} undone")
    differing = []
    for number in undone:
        difference = _difference(work, number, host.steps[number].capsule or {})
        if difference is not None:
            differing.append(f"{work.steps[number].play}: {difference}")
    work.tell(Happened.RESTORED, equal=not differing, why="; ".join(differing), steps=undone)
    return not differing


def _difference(work: HostWork, number: int, was: Mapping[str, Any]) -> str | None:
    """Say in which lines of state the host differs from a capsule; None where it is the same."""
    now = work.play(work.host, capture_task(work.steps[number]))
    if not now.is_done:
        # A look changes nothing, and may be taken twice.
        now = work.play(work.host, capture_task(work.steps[number]))
    if not now.is_done:
        return f"what is there now cannot be captured: {now.said}"
    if _is_same(now, was):
        return None
    found = now.facts.get(CAPSULE) or {}
    gone, new = differing_rows(was, found)
    if not gone and not new:
        parts = sorted(key for key in was.keys() | found.keys() if was.get(key) != found.get(key))
        return f"the same lines in another order, or other values of {', '.join(parts)}"
    heads = sorted({" ".join(line[:2])[:80] for line in gone | new})
    return f"{len(gone)} lines of its state are gone and {len(new)} are new ({', '.join(heads[:5])})"
