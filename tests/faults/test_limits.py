"""Too few descriptors, processes and threads: it is said in words, and no host is told of what it is not."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from auditor.store.store import Store
from tests.faults.scenarios import AUDIT, ROOT, audit_holds, auditor, prepared
from tests.simulated.conftest import Simulate, simulate

__all__ = ["simulate"]
pytestmark = pytest.mark.slow
_HOSTS = 60


def _limited(words: list[str], **limits: int) -> "subprocess.CompletedProcess[str]":
    def limit() -> None:
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))

    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        words, env=environment, preexec_fn=limit, capture_output=True, text=True, check=False, timeout=300, cwd=ROOT
    )


def test_with_too_few_descriptors_a_run_ends_in_words_and_goes_on(simulate: Simulate) -> None:
    """No host is told of what this machine lacks: the run ends, and goes on with fewer workers."""
    fleet = simulate(hosts=_HOSTS, pause=0.3)
    done = _limited(fleet.command("--workers", "48", "--retries", "0"), RLIMIT_NOFILE=48)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "`ulimit -n`" in done.stderr
    with closing(Store(str(fleet.folder / "store.sqlite"))) as store:
        (run,) = store.runs()
    resumed = _limited(fleet.command("--resume", run.id, "--workers", "4"), RLIMIT_NOFILE=48)
    assert resumed.returncode in (0, 1, 3), resumed.stderr
    ledger = json.loads((fleet.folder / "reports" / run.id / "results.json").read_bytes())["ledger"]
    assert len({row["host"] for row in ledger}) == len(ledger) == _HOSTS
    assert Counter(row["reason"] for row in ledger) == {None: _HOSTS}
    assert set(fleet.asked()) == {row["host"] for row in ledger}


@pytest.mark.parametrize("descriptors", [12, 24])
def test_with_hardly_any_descriptors_it_ends_in_words(descriptors: int, tmp_path: Path) -> None:
    prepared(tmp_path)
    assert auditor(AUDIT.format(tmp_path, "json").split())[0] == 1
    words = [sys.executable, "-m", "auditor.cli.main", *AUDIT.format(tmp_path, "json").split()]
    done = _limited(words, RLIMIT_NOFILE=descriptors)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (1, 2)
    if done.returncode == 2:
        assert "ulimit -n" in done.stderr
    audit_holds(tmp_path, done.returncode == 1, 1)


@pytest.mark.parametrize("when", [1, 2, 3])
def test_where_no_further_process_or_thread_is_had_it_ends_in_words(when: int, tmp_path: Path) -> None:
    """Of each thread, the first so many clones come about; clone(2) has no more to give from then on."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed here")
    prepared(tmp_path)
    assert auditor(AUDIT.format(tmp_path, "json").split())[0] == 1
    fault = ["-e", "trace=clone,clone3,fork,vfork", "-e", f"inject=clone,clone3,fork,vfork:error=EAGAIN:when={when}+"]
    words = [strace, "-f", "-qq", "--seccomp-bpf", "-o", os.devnull, *fault, sys.executable, "-m", "auditor.cli.main"]
    done = _limited([*words, *AUDIT.format(tmp_path, "json").split()])
    if "ptrace" in done.stderr:
        pytest.skip("strace may not look at programs here")
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (1, 2)
    if done.returncode == 2:
        assert "ulimit -u" in done.stderr
    audit_holds(tmp_path, done.returncode == 1, 1)


def test_two_audits_at_once_of_other_hosts_are_one_chain(tmp_path: Path) -> None:
    """Processes of their own, on one store and one folder; that they are refused for the same hosts, others show."""
    prepared(tmp_path)
    words = [sys.executable, "-m", "auditor.cli.main", *AUDIT.format(tmp_path, "json").split()]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen([*words, "--limit", name], env=environment) for name in ("web-1", "web-2")]
    assert {process.wait(timeout=120) for process in both} <= {0, 1}
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        runs = store.runs()
    assert sorted(run.sequence for run in runs) == [1, 2]
    assert [run.scope_count for run in runs] == [1, 1]
    reports = str(tmp_path / "reports")
    assert auditor(["verify", reports, "--store", str(tmp_path / "store.sqlite")])[0] == 0
