"""What the policy has kept long enough removed, while the machine may stop at any write; and what must hold then.

As a program it is ``auditor`` two years later, for nobody waits: only the clock of ``auditor retention`` is another.
"""

import datetime as dt
import json
import sys
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from auditor.cli.main import main
from auditor.model.retention import Kept
from auditor.store.store import Store
from tests.faults.scenarios import AUDIT, FOUND, Scenario, leavings, may, prepared, runs_of

_RUNS = 4
_NEWEST = 2


class _Later(dt.datetime):
    """A clock that is two years ahead."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> "_Later":
        """Return the instant two years from now."""
        return super().now(tz) + dt.timedelta(days=730)


def later(words: list[str]) -> int:
    """Run a command of the auditor, to which retention's terms are long over."""
    with patch("auditor.cli.retention.datetime", _Later):
        return main(words)


def with_terms(folder: Path) -> None:
    """Write the inventory of the recorded hosts, and a policy that keeps nothing for long but the newest runs."""
    prepared(folder)
    terms = f"retention: {{evidence: 30d, results: 60d, bundles: 90d, runs: {_NEWEST}}}"
    (folder / "policy.yml").write_text(f"name: Ours\n{terms}\n")


_AUDIT = AUDIT.format("{0}", "json") + " -p {0}/policy.yml"
APPLY = "retention apply -p {0}/policy.yml -o {0}/reports --store {0}/store.sqlite -q"


def retention_holds(folder: Path, is_done: bool) -> None:
    """See that what goes is told and gone, what is needed stays, and that letting go comes to its end."""
    store, reports = folder / "store.sqlite", folder / "reports"
    runs = runs_of(store)
    assert [run.sequence for run in runs] == list(range(1, _RUNS + 1)), "the head of a run is never lost"
    assert all("seal" in run.summary for run in runs)
    _chains_hold(folder)
    _folders_hold(folder)
    plan = ["retention", "plan", "-p", str(folder / "policy.yml"), "-o", str(reports), "--store", str(store), "-q"]
    left = [row for row in json.loads(may([*plan, "--format", "json"], 0, run=later)) if _goes(row)]
    assert left == [] or not is_done, "what was told to be gone is gone"
    may(APPLY.format(folder).split(), 0, run=later)
    assert [row for row in json.loads(may([*plan, "--format", "json"], 0, run=later)) if _goes(row)] == []
    _chains_hold(folder)
    _folders_hold(folder)
    oldest, newest = runs[:-_NEWEST], runs[-_NEWEST:]
    assert sorted(path.name for path in reports.iterdir()) == sorted(run.id for run in newest)
    with closing(Store(str(store))) as kept:
        # Findings that are open to this day began in the first run, and their proof stays.
        held = [len(kept.retained.holding(run.id, Kept.EVIDENCE)) for run in runs]
        assert held == [2, *[0] * (len(oldest) - 1), *[2] * _NEWEST], held
    # Reports of an older one compare it with a run whose rows are gone, and are refused.
    may(["report", newest[-1].id, "--store", str(store), "-o", str(reports), "-q"], 0)
    for run in newest:
        may(["verify", str(reports / run.id), "--recompute"], 0)
    may(_AUDIT.format(folder).split(), FOUND)
    may(["verify", "--store", str(store)], 0)
    for folder_of_run in reports.iterdir():
        may(["verify", str(folder_of_run)], 0)
    assert leavings(folder) == []


def _goes(row: dict[str, str]) -> bool:
    return row["goes"] not in ("-", "0 hosts")


def _chains_hold(folder: Path) -> None:
    store = str(folder / "store.sqlite")
    may(["retention", "check", "--store", store, "-q"], 0)
    may(["verify", "--store", store], 0)


def _folders_hold(folder: Path) -> None:
    """See that a folder of a run is whole, or gone with an entry that tells of it."""
    store = folder / "store.sqlite"
    entries = json.loads(may(["retention", "log", "--store", str(store), "--format", "json"], 0))
    told = {entry["run"] for entry in entries if entry["kind"] == Kept.BUNDLE}
    for run in runs_of(store):
        if (folder / "reports" / run.id).exists():
            may(["verify", str(folder / "reports" / run.id)], 0)
        else:
            assert run.id in told, "a folder that is gone without a word"


RETAINING = (
    Scenario(
        name="retention",
        before=(_AUDIT,) * _RUNS,
        words=APPLY,
        holds=retention_holds,
        program=("-m", "tests.faults.retaining"),
        prepare=with_terms,
        run=later,
    ),
)

if __name__ == "__main__":
    sys.exit(later(sys.argv[1:]))
