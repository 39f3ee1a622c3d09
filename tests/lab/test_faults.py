"""One host for each way to break: each carries its own reason, and every other host is assessed."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.lab.auditing import audit, command, environment, finished, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.faults import FAULTS
from tests.lab.fleet.host import Host
from tests.lab.test_audit import assert_truth

pytestmark = pytest.mark.lab

DEADLINE = 45
"""Longer than the section that asks for sockets may take by itself."""
STRUCK = ("crash", "freeze", "poweroff")
"""What happens to a machine: it is in the midst of its answer."""
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
    "freeze": "frozen",
    "garbage": "malformed",
    "garbage-stderr": None,
    "hang": "stalled",
    "hangtool": None,
    "hostkey": "host_key_changed",
    "missing": None,
    "nobanner": "no_banner",
    "noisyrc": None,
    "nopython": None,
    "nosession": "no_session",
    "poweroff": "vanished",
    "rate": None,
    "refused": "refused",
    "reset": "reset",
    "truncate": "cut_short",
    "unreachable": "no_route",
}
# What the detail tells, beyond the reason.
DETAILS = {
    "badbanner": "it begins with 'xxxx",
    "badcred": "refused; the host takes",
    "blackhole": "no answer within 10.0 s",
    "crash": "Connection refused",
    "drip": "bytes of the answer, the last ",
    "empty": "in 0 bytes of output; its command ended with status 0",
    "flood": "nothing of the probe's: 'this never ends",
    "freeze": "its kernel takes what we send",
    "garbage": "which is not even text",
    "hang": "fell silent after 2048 bytes of the answer",
    "hostkey": "SHA256:",
    "nobanner": "stayed silent",
    "nosession": "opens no session",
    "poweroff": "nothing of the host answers any more",
    "refused": "Connection refused",
    "reset": "after 4096 bytes of the answer",
    "truncate": "its command ended with status 1",
    "unreachable": "No route to host",
}


def test_every_fault_of_the_lab_is_expected() -> None:
    assert set(REASONS) == set(FAULTS)
    assert set(DETAILS) == {fault for fault, reason in REASONS.items() if reason is not None}


def test_every_fault_has_its_reason_and_harms_no_other_host(
    fleet: Fleet, break_host: Callable[..., None], tmp_path: Path
) -> None:
    broken = dict(zip(REASONS, fleet.planted, strict=False))
    well = tuple(host for host in fleet.hosts if host not in broken.values())
    assert len(well) >= 30
    for fault, host in broken.items():
        break_host(host, *(("drip", "64") if fault in (*STRUCK, "drip") else (fault,)))
    began = time.monotonic()
    inventory = inventory_of(fleet.lab, fleet.hosts, tmp_path / "hosts.yml")
    words = command(fleet.lab, inventory, tmp_path, "--deadline", str(DEADLINE))
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=environment(tmp_path), stdout=pipe, stderr=pipe, text=True) as process:
        for fault in STRUCK:
            _await_answering(broken[fault])
        for fault in STRUCK:
            break_host(broken[fault], fault)
        printed, said = process.communicate(timeout=240)
    took = time.monotonic() - began
    audited = finished(process.returncode, tmp_path, printed, said)
    ledger = {row["host"]: row for row in audited.results["ledger"]}
    assert {fault: ledger[host.name]["reason"] for fault, host in broken.items()} == REASONS
    for fault, detail in DETAILS.items():
        assert detail in ledger[broken[fault].name]["detail"], fault
    assert sorted(ledger) == sorted(host.name for host in fleet.hosts)
    assert audited.status == 3
    assert_truth(fleet, audited, well)
    # The slowest host's deadline bounds the run; the rest is start-up, reports, and a machine shared with the fleet.
    assert took < 2 * DEADLINE + 10
    # A port that nobody listens on looks the same whyever it is so; who has just died is known by how it began.
    tries = {fault: ledger[broken[fault].name]["retried_after"] for fault in ("refused", "crash")}
    assert tries == {"refused": "refused", "crash": "reset"}
    told = [(reason, tries.get(fault)) for fault, reason in REASONS.items() if reason is not None]
    assert len(set(told)) == len(told), "each its own"
    # A program that hangs costs its section; all the rest does no harm, a missing program included.
    hung = {row["id"]: row for row in audited.hosts[broken["hangtool"].name]["sections"]}["sockets.ss"]
    assert hung["outcome"] == "failed"
    assert hung["reason"].startswith("it did not end within 30 seconds")
    assert_truth(fleet, audited, tuple(broken[fault] for fault in set(REASONS) - set(DETAILS) - {"hangtool"}))
    for fault in DETAILS:
        assert set(audited.verdicts(broken[fault].name).values()) == {"unknown"}
    assert _connections_to_the_fleet() == []
    assert _processes_of(tmp_path) == []


def test_what_happened_before_anybody_looked_cannot_be_told_from_its_like(
    fleet: Fleet, break_host: Callable[..., None], tmp_path: Path
) -> None:
    """Before the first byte all that there is to see is what the kernel does with a connection, and that is the same.

    A closed port refuses, whether its program ended or everything did. A connection is accepted for a program that
    stands still as for one that says nothing. Packets vanish into a filter as into a machine without power. To know
    more somebody would have to look at other ports or at another machine, which an auditor of this one has no leave to.
    """
    alike = {"refused": ("refused", "crash"), "no_banner": ("nobanner", "freeze"), "timeout": ("blackhole", "poweroff")}
    wanted = {fault for pair in alike.values() for fault in pair}
    broken = {fault: host for fault, host in zip(REASONS, fleet.planted, strict=False) if fault in wanted}
    for fault, host in broken.items():
        break_host(host, fault)
    inventory = inventory_of(fleet.lab, tuple(broken.values()), tmp_path / "hosts.yml")
    audited = audit(fleet.lab, inventory, tmp_path, "--deadline", "4", "--connect-timeout", "2")
    ledger = {row["host"]: row for row in audited.results["ledger"]}
    for reason, pair in alike.items():
        rows = [ledger[broken[fault].name] for fault in pair]
        assert {row["reason"] for row in rows} == {reason}
        assert (
            len({row["detail"].replace(broken[fault].address, "") for fault, row in zip(pair, rows, strict=True)}) == 1
        )


def _await_answering(host: Host) -> None:
    """Wait until a host's probe has begun, and its answer with it."""
    for _ in range(300):
        commands = [Path(f"/proc/{pid}/cmdline") for pid in host.pids()]
        if any(b"fleet/forced" in file.read_bytes() for file in commands if file.exists()):
            time.sleep(0.5)
            return
        time.sleep(0.05)
    raise AssertionError(f"{host.name} is not asked")


def _processes_of(folder: Path) -> list[bytes]:
    """Return the command lines of processes that still have to do with a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                found.append((process / "cmdline").read_bytes())
    return [line for line in found if bytes(folder) in line]


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
    assert {row["host"]: row["detail"] for row in audited.results["ledger"] if row["reason"]} == {}
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
