"""A plan made, approved, applied and undone, while the machine may stop at any write; and what must hold then.

The host is another machine, and goes on: what a play has done on it is done, whatever becomes of the auditor. It is
simulated here: its state is one small block of a file that is synced with each change, its timed revert fires when its
time has come, and its evidence is a recorded one with x11vnc, or, once the port is closed and the package gone, one
without. Plays that Ansible runs on real hosts are killed in tests/remediate/test_apply_lab.py; under them no power is
cut.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

from auditor.cli.main import main
from auditor.model.host import Host
from auditor.model.plan import Plan
from auditor.model.probe import ProbeCall, RawOutput
from auditor.model.record import replace
from auditor.model.remediation import Event, Happened
from auditor.remediate.plan_text import plan_digest, read_plan
from auditor.remediate.playing import Played, Task
from auditor.remediate.standing import standing
from auditor.store.store import Store
from auditor.transport.replay import ReplayTransport
from auditor.trust.signing import make_private
from tests.faults.scenarios import FOUND, ROOT, Scenario, leavings, may, runs_of

_DEMO = ROOT / "auditor" / "demo"
_HOST, _CLEAN = "web-3", "web-1"
_BLOCK = 256
"""Bytes of a host's state: less than a sector of a disk, which is written whole or not at all."""
_DOES = {"block_inbound": "blocked", "remove_product": "removed"}
_UNDOES = {"unblock_inbound": "blocked", "restore_product": "removed"}
_SUBJECTS = {"inbound": "blocked", "product": "removed"}
_UNTOUCHED = {"armed": None, "blocked": False, "removed": False}


def state_of(host: Path) -> dict[str, Any]:
    """Return what has been done to the host: port closed, package removed, timed revert set."""
    held: dict[str, Any] = json.loads(host.read_bytes())
    return held


def set_state(host: Path, state: Mapping[str, Any]) -> None:
    """Change the host, whose own disk has it before the play ends."""
    handle = os.open(host, os.O_WRONLY)
    try:
        os.pwrite(handle, json.dumps(state).ljust(_BLOCK).encode(), 0)
        os.fsync(handle)
    finally:
        os.close(handle)


class SimulatedPlays:
    """What the playbooks do, on the simulated host."""

    def __init__(self, **_: object) -> None:
        """Take what real plays take."""

    def __call__(self, host: Host, task: Task) -> Played:
        """Do what a playbook does."""
        file = _file_of(host)
        state = state_of(file)
        if task.playbook == "capture":
            what = _SUBJECTS[str(task.variables["capture_subject"])]
            return Played(is_done=True, facts={"auditor_capsule": {"state": [[what, str(state[what])]]}})
        if task.is_check:
            return Played(is_done=True, changed=1)
        if task.playbook == "guard":
            what = _SUBJECTS[str(task.variables["capture_subject"])]
            state["armed"] = {"id": task.variables["guard_id"], "what": what, "was": state[what]}
        elif task.playbook == "confirm":
            if state["armed"] is None or state["armed"]["id"] != task.variables["guard_id"]:
                return Played(is_done=False, said="no timer is set")
            state["armed"] = None
        elif task.playbook in _DOES:
            state[_DOES[task.playbook]] = True
        else:
            ((what, was),) = task.variables["capsule"]["state"]
            assert what == _UNDOES[task.playbook], "what is undone is what was captured for it"
            state[what] = was == "True"
        set_state(file, state)
        return Played(is_done=True, changed=1)


def _file_of(host: Host) -> Path:
    assert host.replay is not None
    return host.replay.with_name("host")


def _evidence(_transport: ReplayTransport, host: Host, call: ProbeCall) -> RawOutput:
    """Answer as the host would in the state that it is in."""
    state = state_of(_file_of(host))
    name = _CLEAN if state["blocked"] and state["removed"] else _HOST
    return _replayed(ReplayTransport(), replace(host, replay=_DEMO / f"{name}.probe"), call)


_replayed = ReplayTransport.collect


def simulated(words: list[str]) -> int:
    """Run a command of the auditor whose host is the simulated one; who approves has an account of their own."""
    with (
        patch.object(ReplayTransport, "collect", _evidence),
        patch("auditor.cli.remediate_setup.AnsiblePlays", SimulatedPlays),
        patch("auditor.cli.remediate_setup.find_program", lambda _: "/usr/bin/true"),
        patch("auditor.cli.remediate_approve.operator_name", lambda: "another account"),
    ):
        return main(words)


def planning(folder: Path) -> None:
    """Write the inventory of the simulated host, its state, and the people with their key."""
    (folder / "hosts.csv").write_text(f"host,connection,replay\n{_HOST},replay,{folder / 'of-its-own'}\n")
    (folder / "host").write_bytes(json.dumps(_UNTOUCHED).ljust(_BLOCK).encode())
    key, data = make_private(None)
    (folder / "grace").write_bytes(data)
    (folder / "grace").chmod(0o600)
    person = f"  - name: Grace\n    roles: [security]\n    keys:\n      - key: {key.public.line}\n"
    (folder / "people.yml").write_text(f"people:\n{person}")
    (folder / "none.yml").write_text("exceptions: []\n")


AUDIT = "audit -i {0}/hosts.csv --store {0}/store.sqlite -o {0}/reports --format json -q"
PLAN = "remediate plan {0}/plan.yml --store {0}/store.sqlite -q"
APPROVE = "remediate approve {0}/plan.yml --people {0}/people.yml --as Grace --key {0}/grace -q"
_WITH = "{0}/plan.yml -i {0}/hosts.csv --people {0}/people.yml --exceptions {0}/none.yml --store {0}/store.sqlite -q"
APPLY = f"remediate apply {_WITH}"
ROLLBACK = f"remediate rollback {_WITH}"


def _does(words: str, folder: Path, *codes: int) -> str:

    return may(words.format(folder).split(), *codes, run=simulated)


def plan_holds(folder: Path, is_done: bool) -> None:
    """See that a plan is there whole or not at all, and that the run it rests on is as it was."""
    plan = folder / "plan.yml"
    if plan.exists():
        assert read_plan(plan.read_text(), plan).plan.steps
        _does(PLAN, folder, 2)  # one that is there is not written over
    else:
        assert not is_done
        _does(PLAN, folder, 0)
    _does(APPROVE, folder, 0)
    _store_holds(folder, runs=1)


def approval_holds(folder: Path, is_done: bool) -> None:
    """See that a plan's file is the one before the approval or the one with it, and that it can be approved."""
    plan = folder / "plan.yml"
    file = read_plan(plan.read_text(), plan)
    assert file.approval is not None or not is_done
    if file.approval is None:
        _does(APPLY, folder, 2)
        assert state_of(folder / "host") == _UNTOUCHED
        _does(APPROVE, folder, 0)
    _does(f"{APPLY} --check", folder, 0)
    _store_holds(folder, runs=2)


def apply_holds(folder: Path, is_done: bool) -> None:
    """See that whatever was done to the host is known, and that going on, and undoing it, come to their end."""
    host = folder / "host"
    now = standing(_plan(folder), _events(folder)).hosts[_HOST]
    if is_done:
        assert now.stands == "closed", "what was told is not taken back"
    _assert_known(folder)
    for fires in (True, False) if state_of(host)["armed"] else (False,):
        copy = folder.with_name(f"{folder.name}-kept")
        shutil.copytree(folder, copy)
        if fires:
            _fire(host)
        begun = standing(_plan(folder), _events(folder)).is_begun
        _does(f"{APPLY} --resume" if begun else APPLY, folder, 0)
        assert state_of(host) == _UNTOUCHED | {"blocked": True, "removed": True}
        assert standing(_plan(folder), _events(folder)).hosts[_HOST].stands == "closed"
        _does(ROLLBACK, folder, 0)
        assert state_of(host) == _UNTOUCHED
        _told_as_undone(folder)
        _store_holds(folder)
        shutil.rmtree(folder)
        copy.rename(folder)


def rollback_holds(folder: Path, is_done: bool) -> None:
    """See that whatever is left of the change is known, and that undoing it again comes to its end."""
    now = standing(_plan(folder), _events(folder)).hosts[_HOST]
    if is_done:
        assert now.stands == "rolled back", "what was told is not taken back"
    _assert_known(folder)
    if now.to_undo:
        _does(ROLLBACK, folder, 0)
        _told_as_undone(folder)
    else:
        # All is undone; that it is proved as well may not have been reached.
        _does(ROLLBACK, folder, 2)
    assert state_of(folder / "host") == _UNTOUCHED
    _store_holds(folder)


def _plan(folder: Path) -> Plan:
    plan = folder / "plan.yml"
    return read_plan(plan.read_text(), plan).plan


def _events(folder: Path) -> list[Event]:
    with closing(Store(str(folder / "store.sqlite"))) as kept:
        return kept.journal.events(plan_digest(_plan(folder)))


def _assert_known(folder: Path) -> None:
    """See that the journal knows of every step that the host may have of the plan, and what was there before it."""
    state, plan = state_of(folder / "host"), _plan(folder)
    known = standing(plan, _events(folder)).hosts[_HOST]
    done = [number for number, step in enumerate(plan.steps) if state[_DOES[str(step.play)]]]
    assert set(done) <= set(known.to_undo), "a change that no journal knows of"
    assert all(known.steps[number].capsule for number in known.to_undo), "a change that cannot be undone"


def _fire(host: Path) -> None:
    """Let the timed revert put its change back, as it does when nobody confirms."""
    state = state_of(host)
    state[state["armed"]["what"]] = state["armed"]["was"]
    set_state(host, state | {"armed": None})


def _told_as_undone(folder: Path) -> None:
    events = _events(folder)
    restored, proved = (
        next(event for event in reversed(events) if event.what is what) for what in (Happened.RESTORED, Happened.PROVED)
    )
    assert restored.data["equal"] is True
    assert proved.number > restored.number


def _store_holds(folder: Path, runs: int | None = None) -> None:
    """See that runs are numbered without a gap, chains hold, and the next audit goes on."""
    store = folder / "store.sqlite"
    found = runs_of(store)
    assert runs is None or len(found) == runs
    may(["retention", "check", "--store", str(store), "-q"], 0)
    _does(AUDIT, folder, FOUND)
    after = runs_of(store)
    assert [run.sequence for run in after] == list(range(1, len(found) + 2))
    may(["verify", str(folder / "reports"), "--store", str(store)], 0)
    assert leavings(folder) == []


_PROGRAM = ("-m", "tests.faults.remediating")
_OTHERWISE: dict[str, Any] = {"program": _PROGRAM, "prepare": planning, "run": simulated}
REMEDIATING = (
    Scenario(name="plan", before=(AUDIT,), words=PLAN, holds=plan_holds, **_OTHERWISE),
    Scenario(name="approve", before=(AUDIT, PLAN), words=APPROVE, holds=approval_holds, **_OTHERWISE),
    Scenario(name="apply", before=(AUDIT, PLAN, APPROVE), words=APPLY, holds=apply_holds, **_OTHERWISE),
    Scenario(name="rollback", before=(AUDIT, PLAN, APPROVE, APPLY), words=ROLLBACK, holds=rollback_holds, **_OTHERWISE),
)

if __name__ == "__main__":
    sys.exit(simulated(sys.argv[1:]))
