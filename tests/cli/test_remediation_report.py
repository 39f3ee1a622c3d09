"""What a report says of plans: all that their journals held before the run ended, and the same whenever it is written.

Hosts are those that `auditor demo` recorded, in a store of their own. The plays do nothing but put another recording
in a host's place, so that the audit after them finds another state.
"""

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from auditor.cli.main import main
from auditor.model.record import replace
from auditor.remediate.playing import Played, Task
from auditor.report.remediation import Remediation
from auditor.report.run_rows import RunRows
from auditor.run.report_rows import report_rows
from auditor.store.store import Store
from tests.cli import test_remediate, test_remediate_apply

pytestmark = pytest.mark.slow
store = test_remediate.store
folder = test_remediate_apply.folder
HOST, CLEAN = "web-3", "web-2"


@pytest.fixture
def applied(folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Apply the plan for one host, whose recording is another one once a play has run; return its inventory."""
    known = yaml.safe_load((store.parent / "hosts.yml").read_text())
    probe = folder / f"{HOST}.probe"
    shutil.copy(next(one["replay"] for one in known if one["host"] == HOST), probe)
    hosts = [one | ({"replay": str(probe)} if one["host"] == HOST else {}) for one in known]
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    clean = next(one["replay"] for one in known if one["host"] == CLEAN)
    told = test_remediate_apply.Plays.__call__

    def changing(self: test_remediate_apply.Plays, host: object, task: Task) -> Played:
        if not task.is_check and task.playbook == "remove_product":
            # Runs tell instants by the second: what is found before and gone after was there for one at least.
            time.sleep(1.1)
            shutil.copy(clean, probe)
        return told(self, host, task)  # type: ignore[arg-type]

    monkeypatch.setattr(test_remediate_apply.Plays, "__call__", changing)
    # A report holds what was written before the second in which its run ended.
    words = test_remediate_apply.words(folder, "apply", "-q", store=folder / "store.sqlite")
    assert main(words) in (0, 1)
    time.sleep(1.1)
    assert main(_audit(folder)) in (1, 3)
    return folder / "hosts.yml"


def _audit(folder: Path) -> list[str]:
    demo = test_remediate.DEMO
    rules = ["--exceptions", str(demo / "exceptions.yml"), "--people", str(demo / "people.yml")]
    words = ["audit", "-i", "hosts.yml", "-p", str(demo / "policy.yml"), *rules]
    return [*words, "-o", str(folder / "out"), "--format", "json", "-q"]


def _rows(folder: Path, place: int) -> RunRows:
    """Return the rows of a run of the store, by its place, with what is iterated read already."""
    with closing(Store(str(folder / "store.sqlite"))) as kept:
        runs = sorted(kept.runs(), key=lambda run: run.sequence)
        rows = report_rows(kept, runs[place])
        plans, known, pasts = rows.plans(), rows.runs(), rows.pasts()
        (host,) = (one for one in rows.hosts() if one["host"] == HOST)
        remedy = rows.remedies(host, [one for one in rows.findings if one["host"] == HOST])
    return replace(
        rows, plans=lambda: plans, runs=lambda: known, pasts=lambda: pasts, remedies=lambda _host, _findings: remedy
    )


def test_a_report_says_what_a_plan_would_do_and_what_one_has_done(applied: Path) -> None:
    first, last = _rows(applied.parent, 0), _rows(applied.parent, -1)
    remedy = first.remedies({}, ())
    assert remedy is not None
    assert {"playbooks/block_inbound.yml", "playbooks/remove_product.yml"} <= {
        one["playbook"] for one in remedy["steps"]
    }
    assert first.plans() == []
    (plan,) = last.plans()
    (host,) = plan["hosts"]
    assert (plan["fault"], plan["approved_by"], plan["hosts_elsewhere"]) == (None, "Grace Hopper", 0)
    assert (host["host"], host["after"] in last.runs(), host["changed_at"] is not None) == (HOST, True, True)
    remediation = Remediation.of(last)
    found = [remediation.named(one) for one in last.findings if one["host"] == HOST]
    closed = [one for one in found if one["state"] == "closed"]
    assert {one["fingerprint"] for one in closed} & {one["fingerprint"] for one in host["findings"]}
    wanted = {one["fingerprint"] for one in host["findings"] if one["proved"] == "closed"}
    by_plan = {one["fingerprint"] for one in closed if remediation.closing_plan(one) == plan["plan"]}
    assert by_plan == wanted
    assert sum(times.by_plan for times in remediation.times()) == len(by_plan) > 0
    assert all((remediation.took(one) or 0) > 0 for one in closed)
    verified = remediation.verified(host)
    assert verified is not None
    assert last.runs()[verified["run"]]["remediation"] == plan["plan"]
    assert set(last.pasts()[HOST])


def test_what_is_journalled_later_changes_no_report_of_a_run(applied: Path) -> None:
    folder = applied.parent
    run = json.loads((next((folder / "out").iterdir()) / "results.json").read_text())["run"]["id"]
    words = ["report", run, "--format", "html,html-single"]
    assert main([*words, "-o", "one"]) == 0
    assert main(test_remediate_apply.words(folder, "rollback", "-q", store=folder / "store.sqlite")) in (0, 1)
    assert main([*words, "-o", "two"]) == 0
    one, two = (
        {str(file.relative_to(folder / name)): file.read_bytes() for file in (folder / name).rglob("*.html")}
        for name in ("one", "two")
    )
    assert one == two
    (page,) = (text for name, text in one.items() if "/html/hosts/" in name and name.endswith(f"-{HOST}.html"))
    assert b"approved by Grace Hopper" in page


def test_a_journal_that_does_not_hold_is_said_and_stops_no_report(applied: Path) -> None:
    with closing(sqlite3.connect(applied.parent / "store.sqlite")) as kept:
        kept.execute("UPDATE remediation_events SET by = 'mallory' WHERE number = 2")
        kept.commit()
    (plan,) = _rows(applied.parent, -1).plans()
    assert "its journal does not hold at event 2" in plan["fault"]
