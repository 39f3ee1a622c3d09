"""One host for each way to break: each carries its own reason, and every other host is assessed."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.auditing import audit, command, environment, finished, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.faults import FAULTS

pytestmark = pytest.mark.lab

DEADLINE = 20
# None: the host is assessed all the same.
REASONS = {
    "badbanner": "not_ssh",
    "badcred": "auth",
    "blackhole": "timeout",
    "crash": "refused",
    "delay": None,
    "drip": "deadline",
    "empty": "probe_failed",
    "flood": "output_limit",
    "freeze": "no_banner",
    "garbage": "output_limit",
    "garbage-stderr": None,
    "hang": "deadline",
    "hangtool": None,
    "hostkey": "host_key_changed",
    "missing": None,
    "nobanner": "no_banner",
    "noisyrc": None,
    "nopython": None,
    "nosession": "no_session",
    "poweroff": "timeout",
    "rate": None,
    "refused": "refused",
    "reset": "reset",
    "truncate": "probe_failed",
    "unreachable": "no_route",
}


def test_every_fault_of_the_lab_is_expected() -> None:
    assert set(REASONS) == set(FAULTS)


def test_every_fault_has_its_reason_and_harms_no_other_host(
    fleet: Fleet, break_host: Callable[..., None], tmp_path: Path
) -> None:
    hosts = fleet.planted
    broken = dict(zip(REASONS, hosts, strict=False))
    well = hosts[len(broken) :]
    assert len(well) >= 10
    for fault, host in broken.items():
        break_host(host, fault)
    began = time.monotonic()
    inventory = inventory_of(fleet.lab, hosts, tmp_path / "hosts.yml")
    audited = audit(fleet.lab, inventory, tmp_path, "--deadline", str(DEADLINE))
    took = time.monotonic() - began
    ledger = {row["host"]: row for row in audited.results["ledger"]}
    assert {fault: ledger[host.name]["reason"] for fault, host in broken.items()} == REASONS
    assert {ledger[host.name]["reason"] for host in well} == {None}
    assert all(row["detail"] for row in ledger.values() if row["reason"])
    assert sorted(ledger) == sorted(host.name for host in hosts)
    assert audited.status == 3
    # The slowest host's deadline bounds the run; the rest is start-up, reports, and a machine shared with the fleet.
    assert took < DEADLINE + 15
    hung = audited.hosts[broken["hangtool"].name]
    assert {row["id"]: row["outcome"] for row in hung["sections"]}["sockets.ss"] == "failed"
    for fault in ("garbage-stderr", "noisyrc", "nopython", "delay", "rate"):
        host = broken[fault]
        expected = {control: row["verdict"] for control, row in fleet.truth(host)["verdicts"].items()}
        assert audited.verdicts(host.name) == expected, fault
    for host in broken.values():
        if ledger[host.name]["reason"]:
            assert set(audited.verdicts(host.name).values()) == {"unknown"}
    assert _connections_to_the_fleet() == []


def _connections_to_the_fleet() -> list[str]:
    """Return connections that are still established from this machine to a lab host's port 22."""
    for _ in range(30):
        listed = subprocess.run(
            ["ss", "-Hnt", "state", "established", "dport", "=", ":22", "dst", "10.77.0.0/16"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        if not listed:
            break
        time.sleep(0.1)
    return listed


def test_no_right_to_sudo_is_said_and_leaves_gaps(fleet: Fleet, tmp_path: Path) -> None:
    host = fleet.host("clean")
    inventory = inventory_of(fleet.lab, (host,), tmp_path / "hosts.yml", user="plain", ansible_become=True)
    row = audit(fleet.lab, inventory, tmp_path).hosts[host.name]
    assert (row["rights"], row["outcome"]) == ("user", "partial")
    assert "sudo was refused" in row["privilege_note"]


def _recorded(store: Path) -> int:
    if not store.exists():
        return 0
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM results").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def test_killed_in_mid_run_it_goes_on_where_it_stopped(fleet: Fleet, tmp_path: Path) -> None:
    inventory = inventory_of(fleet.lab, fleet.planted, tmp_path / "hosts.yml")
    store = tmp_path / "store.sqlite"
    words = command(fleet.lab, inventory, tmp_path, "--workers", "2")
    killed = subprocess.Popen(words, env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if _recorded(store) >= 10:
            break
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    kept = _recorded(store)
    assert 10 <= kept < len(fleet.planted)
    with sqlite3.connect(store) as connection:
        (run,) = connection.execute("SELECT id FROM runs").fetchone()
        before = dict(connection.execute("SELECT host, evidence_sha256 FROM results"))
    resumed = subprocess.run(
        [
            *(sys.executable, "-m", "auditor.cli.main", "audit", "--resume", run[:-2]),
            *("--store", str(store), "-o", str(tmp_path / "reports")),
        ],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    audited = finished(resumed.returncode, tmp_path, resumed.stdout, resumed.stderr)
    assert audited.results["run"]["id"] == run
    assert sorted(audited.hosts) == sorted(host.name for host in fleet.planted)
    # What was judged before the kill was not asked again: its seal is the same.
    after = {name: row["evidence"]["sha256"] for name, row in audited.hosts.items()}
    assert before == {name: after[name] for name in before}
    again = subprocess.run(
        [sys.executable, "-m", "auditor.cli.main", "audit", "--resume", run, "--store", str(store)],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (again.returncode, "is finished" in again.stderr) == (2, True)


def test_interrupted_it_keeps_what_was_done(fleet: Fleet, tmp_path: Path) -> None:
    inventory = inventory_of(fleet.lab, fleet.planted, tmp_path / "hosts.yml")
    words = command(fleet.lab, inventory, tmp_path, "--workers", "2")
    stopped = subprocess.Popen(
        words, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(600):
        if _recorded(tmp_path / "store.sqlite") >= 5:
            break
        time.sleep(0.05)
    stopped.send_signal(signal.SIGINT)
    _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert "--resume" in said
    assert _recorded(tmp_path / "store.sqlite") >= 5
