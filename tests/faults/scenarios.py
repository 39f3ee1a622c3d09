"""What is done to a disk while its power may be cut, and what must hold whenever that was."""

import contextlib
import io
import json
import os
import random
import shutil
import sqlite3
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from auditor.cli.files import write_whole
from auditor.cli.main import main
from auditor.store.record import RunRecord
from auditor.store.store import Store
from tests.faults.disk import Disk, Loss
from tests.faults.promises import PLAN, PROMISES, text_of
from tests.faults.recording import Call, recorded

Run = Callable[[list[str]], int]
ROOT = Path(__file__).parents[2]
HOSTS = ("web-1", "web-2")
FOUND = 1
"""Exit code of the audit of these hosts: covered, with violations."""
_DONE = (0, 1, 3)


def prepared(folder: Path) -> None:
    """Write the inventory of the recorded hosts."""
    rows = "".join(f"{name},replay,{ROOT / 'auditor' / 'demo' / name}.probe\n" for name in HOSTS)
    (folder / "hosts.csv").write_text(f"host,connection,replay\n{rows}")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One command whose machine may lose its power."""

    name: str
    """What it is called."""
    before: tuple[str, ...]
    """What was done, undisturbed, before it; ``{0}`` stands for the folder, ``{1}`` for a set of evidence in it."""
    words: str
    """The command."""
    program: tuple[str, ...] = ("-m", "auditor.cli.main")
    """What Python runs."""
    holds: Callable[[Path, bool], None]
    """Raises AssertionError where something is lost; told whether the command had come to its end."""
    prepare: Callable[[Path], None] = prepared
    """Writes what the first command finds in the folder."""
    run: Run = main
    """What the program is within this process."""


@dataclass(frozen=True, kw_only=True)
class End:
    """How and when a command ends before its time."""

    after: int
    """How many of its calls were made."""
    loss: Loss | None
    """What a power cut takes; None for a kill."""
    seed: int = 0
    """Of what is left to chance."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A scenario with all that its command did to the disk."""

    scenario: Scenario
    before: Path
    """The folder as it was before."""
    calls: Sequence[Call]
    """What was done to it."""

    def check(self, ends: Iterable["End"], place: Path) -> Iterator[tuple["End", str | None]]:
        """Yield of each end, in their order, what does not hold after it; None where everything does."""
        disk, done = Disk(self.before), 0
        folder = place / "disk"
        for end in sorted(ends, key=lambda one: one.after):
            for call in self.calls[done : end.after]:
                disk.do(call)
            done = end.after
            if end.loss is None:
                disk.after_kill(folder)
            else:
                disk.after_power_cut(folder, end.loss, random.Random(f"{end.seed} {end.after}"))  # noqa: S311 — a seed is wanted
            try:
                self.scenario.holds(folder, end.after == len(self.calls))
            except Exception:  # noqa: BLE001 — whatever falls over is what is looked for
                yield end, traceback.format_exc()
            else:
                yield end, None
            shutil.rmtree(folder)


def record(scenario: Scenario, place: Path) -> Recorded:
    """Do what comes before in a folder, then the command under the eyes of strace."""
    folder = place / "disk"
    folder.mkdir()
    scenario.prepare(folder)
    for words in scenario.before:
        # Runs tell instants by the second: of two that began in one, both would be where a finding began.
        time.sleep(1 - time.time() % 1)
        code, _, said = auditor(_filled(words, folder), scenario.run)
        assert code in _DONE, said
    before = place / "before"
    shutil.copytree(folder, before)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, *scenario.program, *_filled(scenario.words, folder)]
    calls, code = recorded(command, folder, environment)
    assert code in _DONE, f"{scenario.words}: exit code {code}"
    made = Recorded(scenario=scenario, before=before, calls=calls)
    _assert_understood(made, folder, place / "understood")
    return made


def _assert_understood(made: Recorded, folder: Path, again: Path) -> None:
    """See that the calls, done to a model of the disk, leave what is really there."""
    disk = Disk(made.before)
    for call in made.calls:
        disk.do(call)
    disk.after_kill(again)
    assert _contents(again) == _contents(folder)
    shutil.rmtree(again)
    shutil.rmtree(folder)


def _contents(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.name.endswith("-shm")
    }


def _filled(words: str, folder: Path) -> list[str]:
    collected = next((folder / "evidence").glob("2*"), folder)
    return words.format(folder, collected.name).split()


def auditor(words: Sequence[str], run: Run = main) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code, what it printed, and what it said."""
    printed, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
        code = run(list(words))
    return code, printed.getvalue(), said.getvalue()


def may(words: Sequence[str], *codes: int, run: Run = main) -> str:
    """Run a command that may end with these exit codes; return what it printed."""
    code, printed, said = auditor(words, run)
    assert code in codes, f"auditor {' '.join(words)}: exit code {code}\n{printed}{said}"
    return printed


AUDIT = "audit -i {0}/hosts.csv --store {0}/store.sqlite -o {0}/reports --format {1} -q"


def audit_holds(folder: Path, is_done: bool, earlier: int = 0) -> None:
    """See that runs are whole or absent, go on, count nothing twice, and leave nothing lying about."""
    store, reports = folder / "store.sqlite", folder / "reports"
    runs = runs_of(store)
    assert earlier <= len(runs) <= earlier + 1, "no run that was there before is lost"
    if is_done:
        assert len(runs) == earlier + 1
        assert all("seal" in run.summary for run in runs), "what was told is not taken back"
    kept = {run.id: _evidence(store, run.id) for run in runs}
    for run in runs:
        bundle = reports / run.id
        if "seal" in run.summary:
            may(["verify", str(bundle), "--recompute"], 0)
        elif (bundle / "manifest.json").exists():
            # Written whole, and the store was about to say so.
            assert run.finished is not None
            may(["verify", str(bundle)], 0)
        else:
            may(["verify", str(bundle)], 2)
        if run.finished is None:
            may(["audit", "--resume", run.id, "--store", str(store), "-o", str(reports), "-q"], FOUND)
        elif "seal" not in run.summary:
            may(["report", run.id, "--store", str(store), "-o", str(reports), "-q"], 0)
    may(AUDIT.format(folder, "json").split(), FOUND)
    after = runs_of(store)
    assert len(after) == len(runs) + 1
    assert sorted(run.sequence for run in after) == list(range(1, len(after) + 1))
    for run in after:
        _assert_each_host_once(reports / run.id)
        # What was asked before the end was not asked again.
        assert _evidence(store, run.id).items() >= kept.get(run.id, {}).items()
    may(["verify", str(reports), "--store", str(store)], 0)
    may(["verify", "--store", str(store)], 0)
    assert leavings(folder) == []


def next_audit_holds(folder: Path, is_done: bool) -> None:
    """See the same where a month had been audited before."""
    audit_holds(folder, is_done, 1)


def report_holds(folder: Path, is_done: bool) -> None:
    """See that reports that are written again are written, or can be: the run and its seal are as they were."""
    store, reports = folder / "store.sqlite", folder / "reports"
    (run,) = runs_of(store)
    seal = run.summary["seal"]
    code, _, said = auditor(["verify", str(reports / run.id)])
    assert code == 0 or (not is_done and code == 4), said
    may(["report", "--store", str(store), "-o", str(reports), "-q", "--format", "html,csv,json"], 0)
    may(["verify", str(reports / run.id), "--recompute"], 0)
    assert runs_of(store)[0].summary["seal"] == seal
    assert leavings(folder) == []


def collect_holds(folder: Path, is_done: bool) -> None:
    """See that a collection is whole, or goes on, or never was."""
    evidence = folder / "evidence"
    sets = [path for path in evidence.glob("*") if (path / "manifest.json").is_file()]
    assert sets or not is_done
    for one in sets:
        may(["verify", str(one)], 0)
    drafts = [path.name[len(".collecting-") : -len(".sqlite")] for path in evidence.glob(".collecting-*.sqlite")]
    for name in drafts:
        if runs_of(evidence / f".collecting-{name}.sqlite"):
            may(["collect", "--resume", name, "-o", str(evidence), "-q"], 0)
            sets.append(evidence / name)
    may(["collect", "-i", str(folder / "hosts.csv"), "-o", str(evidence), "-q"], 0)
    for one in set(sets):
        may(["verify", str(one)], 0)
        may(["assess", str(one), "--store", str(folder / "s.sqlite"), "-o", str(folder / "out"), "-q"], FOUND)
    # A draft in which no collection was begun stays: nobody can tell whether another process is about to begin it.
    begun_by_nobody = tuple(f"evidence/.collecting-{name}" for name in drafts if evidence / name not in sets)
    assert [one for one in leavings(folder) if not one.startswith(begun_by_nobody or "/")] == []


def assess_holds(folder: Path, is_done: bool) -> None:
    """See that evidence that was judged is as it was, and that judging is whole or not there."""
    store = folder / "store.sqlite"
    (evidence,) = (folder / "evidence").glob("2*")
    may(["verify", str(evidence)], 0)
    runs = runs_of(store)
    assert not is_done or [run for run in runs if "seal" in run.summary]
    for run in runs:
        if "seal" in run.summary:
            may(["verify", str(folder / "reports" / run.id), "--recompute"], 0)
        elif run.finished is not None:
            may(["report", run.id, "--store", str(store), "-o", str(folder / "reports"), "-q"], 0)
    may(ASSESS.format(folder, evidence.name).split(), FOUND)
    may(["verify", str(folder / "reports"), "--store", str(store)], 0)
    assert leavings(folder) == []


def schedule_holds(folder: Path, is_done: bool) -> None:
    """See that a schedule that was told to be there is there, and another one can be added."""
    store = folder / "store.sqlite"
    printed = may(["schedule", "list", "--store", str(store), "--format", "json"], 0)
    names = [row["name"] for row in json.loads(printed)]
    assert names == ["monthly"] if is_done else names in ([], ["monthly"])
    words = SCHEDULE.format(folder).replace("monthly", "weekly").split()
    may(words, 0)
    assert leavings(folder) == []


def promises_hold(folder: Path, is_done: bool) -> None:
    """See that every event of a plan's journal, and every text, that was told to be kept is kept."""
    store, text = folder / "store.sqlite", folder / "plan.yml"
    told = len(list(folder.glob("told-*")))
    assert told == PROMISES or not is_done
    with closing(Store(str(store), durable=True)) as kept:
        events = kept.journal.events(PLAN)
    assert told <= len(events) <= told + 1
    assert [event.data["number"] for event in events] == list(range(len(events)))
    # Of a text there is the last one that was told, or the one that was about to be; never half of one.
    if told:
        assert text.read_text() in (text_of(told - 1), text_of(told))
    write_whole(text, text_of(0))
    assert leavings(folder) == []


ASSESS = "assess {0}/evidence/{1} --store {0}/store.sqlite -o {0}/reports --format json -q"
SCHEDULE = "schedule add monthly --store {0}/store.sqlite --cron @monthly -q --audit -i {0}/hosts.csv"
_FIRST = AUDIT.format("{0}", "json")
_COLLECT = "collect -i {0}/hosts.csv -o {0}/evidence -q"
AUDITING = (
    Scenario(name="audit", before=(), words=AUDIT.format("{0}", "html,csv,json"), holds=audit_holds),
    Scenario(name="next-audit", before=(_FIRST,), words=_FIRST, holds=next_audit_holds),
    Scenario(
        name="report",
        before=(_FIRST,),
        words="report --store {0}/store.sqlite -o {0}/reports --format html,csv,json -q",
        holds=report_holds,
    ),
    Scenario(name="collect", before=(), words=_COLLECT, holds=collect_holds),
    Scenario(name="assess", before=(_COLLECT,), words=ASSESS, holds=assess_holds),
    Scenario(name="schedule", before=(), words=SCHEDULE, holds=schedule_holds),
    Scenario(name="promises", before=(), words="{0}", program=("-m", "tests.faults.promises"), holds=promises_hold),
)


def runs_of(store: Path) -> list[RunRecord]:
    """Return the runs of a store, oldest first; the file is whole."""
    with closing(Store(str(store))) as kept:
        runs = kept.runs()[::-1]
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    return runs


def _evidence(store: Path, run: str) -> dict[str, str]:
    with closing(sqlite3.connect(store)) as connection:
        return dict(connection.execute("SELECT host, evidence_sha256 FROM results WHERE run = ?", (run,)))


def _assert_each_host_once(bundle: Path) -> None:
    results = json.loads((bundle / "results.json").read_bytes())
    assert Counter(row["host"] for row in results["ledger"]) == dict.fromkeys(HOSTS, 1)
    assert Counter(row["host"] for row in results["hosts"]) == dict.fromkeys(HOSTS, 1)
    coverage = results["run"]["coverage"]
    assert (coverage["scope"], coverage["assessed"]) == (len(HOSTS), len(HOSTS))


def leavings(folder: Path) -> list[str]:
    """Return what was left half-done: names that begin with a dot; those of caches are a matter of their own."""
    found = (path.relative_to(folder) for path in folder.rglob(".*"))
    return sorted(path.as_posix() for path in found if path.parts[0] not in (".cache", ".local"))
