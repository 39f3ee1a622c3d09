"""Plans applied to a host with a real systemd, a real VNC server and real nftables, over real SSH and real Ansible.

The host, its packages and its packet filter are those of ``tests/playbooks/lab``.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor.cli.main import main
from auditor.remediate.plan_text import read_plan
from auditor.remediate.standing import standing
from auditor.store.store import Store
from tests.playbooks.plays import play
from tests.remediate.desks import VNC, Desk

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]
CANARY = "cAnArY-91c4"


def test_what_is_found_is_closed_by_evidence_and_comes_back_by_rollback(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = (
        "nft -s list ruleset; systemctl is-enabled xrdp xrdp-sesman; dpkg-query -W xrdp; find /etc/xrdp -type f | sort"
    )
    desk.host.run("systemctl enable -q --now xrdp")
    desk.host.wait_for("ss -ltn | grep -q ':3389 '")
    desk.audit()
    assert set(desk.plan("--product", "xrdp")) == {"stop_service", "block_inbound", "remove_product"}
    before = desk.host.run(looks)
    assert desk.host.reaches(3389)
    assert main(desk.words("apply", "--check")) == 0
    assert desk.host.reaches(3389)
    assert main(desk.words("apply")) == 0
    assert desk.status(capsys)["stands"] == "closed"
    assert not desk.host.reaches(3389)
    assert desk.host.run("find /var/lib /etc/systemd -name '*auditor-guard*'") == ""
    assert main(desk.words("rollback")) == 0
    row = desk.status(capsys)
    assert (row["stands"], row["findings_closed"]) == ("rolled back", 0)
    desk.host.wait_for("ss -ltn | grep -q ':3389 '")
    assert desk.host.reaches(3389)
    assert desk.host.run(looks) == before


def test_a_host_that_has_changed_since_is_skipped(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.audit()
    desk.plan("--play", "stop_service")
    desk.host.run("cd /etc/systemd/system && systemctl disable -q --now x11vnc && mv x11vnc.service screen.service")
    desk.host.run("systemctl daemon-reload; systemctl enable -q --now screen")
    desk.host.wait_for("ss -ltnp | grep x11vnc | grep -q ':5900 '")
    assert main(desk.words("apply")) == 3
    row = desk.status(capsys)
    assert row["stands"] == "skipped"
    assert "has changed since the plan was made" in row["why"]
    assert desk.host.reaches(5900)


def test_a_step_that_cuts_us_off_is_refused_and_a_forced_one_is_reverted(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    # The server of SSH takes us at the port of the product, at another address of the host.
    desk.serve(f"{VNC} -listen {desk.host.address_for_strangers()} -no6")
    desk.host.run(
        f"printf 'ListenAddress {desk.host.address}:5900\\nListenAddress {desk.host.address}:22\\n' "
        ">/etc/ssh/sshd_config.d/two.conf; systemctl restart ssh"
    )
    desk.host.wait_for("ss -ltnp | grep sshd | grep -q ':5900 '")
    desk.reached_by(5900)
    desk.audit()
    desk.plan("--play", "block_inbound")
    before = desk.host.run("nft -s list ruleset")
    assert main(desk.words("apply", "--check")) == 3
    # The timer waits for plays of this machine, however busy it is.
    began = time.monotonic()
    looked = play("capture", _at(desk, 5900), {"capture_subject": "inbound", "rule_id": "a", "ports": ["5900/tcp"]})
    assert looked.status == "successful"
    guard_seconds = 60 + 6 * int(time.monotonic() - began)
    assert main(desk.words("apply")) == 3
    row = desk.status(capsys)
    assert row["stands"] == "skipped"
    assert "the auditor comes in from 10.78." in row["why"]
    assert desk.host.run("nft -s list ruleset") == before
    assert main(desk.words("apply", "--resume", "--force-lockout", "--guard-seconds", str(guard_seconds))) == 1
    row = desk.status(capsys)
    assert row["stands"] == "reverted", row
    assert "the timed revert has put it back" in row["why"]
    assert desk.host.run("nft -s list ruleset") == before
    # The host answers again, at the port that was closed.
    desk.audit()
    capsys.readouterr()
    assert main(["hosts", "--format", "json"]) == 0
    assert [one["outcome"] for one in json.loads(capsys.readouterr().out)] == ["noncompliant"]


def _at(desk: Desk, port: int) -> dict[str, dict[str, object]]:
    return {name: {**values, "ansible_port": port} for name, values in desk.host.inventory().items()}


def test_a_process_killed_in_the_middle_leaves_what_resume_mends(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.audit()
    desk.plan("--control", "exposed_listener")
    command = [sys.executable, "-m", "auditor.cli.main", *desk.words("apply", "-q")]
    process = subprocess.Popen(command, cwd=desk.folder, start_new_session=True)
    assert _wait_for_event(desk.folder, "changing", process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert desk.status(capsys)["stands"] == "begun"
    assert main(desk.words("apply")) == 2
    assert main(desk.words("apply", "--resume")) == 0
    assert desk.status(capsys)["stands"] == "closed"
    assert not desk.host.reaches(5900)
    assert not list(Path("/dev/shm").glob(f"auditor-play-{process.pid}-*"))  # noqa: S108 — looked at only
    assert main(desk.words("rollback")) == 0
    assert desk.host.reaches(5900)


def _wait_for_event(folder: Path, wanted: str, process: subprocess.Popen[bytes]) -> bool:
    store = Store(str(folder / "store.sqlite"))
    plan = read_plan(Path("plan.yml").read_text(), Path("plan.yml")).plan
    try:
        while process.poll() is None:
            for digest, _ in store.journal.plans():
                events = store.journal.events(digest)
                if any(str(event.what) == wanted for event in events):
                    return standing(plan, events).is_begun
            time.sleep(0.05)
        return False
    finally:
        store.close()


def test_no_secret_is_left_by_a_login_with_a_password(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.host.run(
        f"echo 'root:{CANARY}-password' | chpasswd; "
        "echo 'PermitRootLogin yes' >/etc/ssh/sshd_config.d/password.conf; systemctl restart ssh"
    )
    monkeypatch.setenv("DESK_PASSWORD", f"{CANARY}-password")
    monkeypatch.setenv("CLOUD_TOKEN", f"{CANARY}-token")
    desk.reached_by(22, "  user: root\n  password: env:DESK_PASSWORD\n")
    desk.audit()
    desk.plan("--play", "stop_service")
    watcher = subprocess.Popen(
        [sys.executable, "-c", _WATCH, CANARY, str(desk.folder / "seen")], env={"PATH": os.environ["PATH"]}
    )
    try:
        assert main(desk.words("apply")) == 1
    finally:
        watcher.kill()
        watcher.wait()
    assert (desk.folder / "seen").read_text().splitlines() == ["watching"]
    assert not desk.host.reaches(5900)
    raw = b"".join(one.read_bytes() for one in desk.folder.rglob("*") if one.is_file())
    assert CANARY.encode() not in raw
    store = Store(str(desk.folder / "store.sqlite"))
    assert not [plan for plan, _ in store.journal.plans() if CANARY in str(store.journal.events(plan))]
    store.close()
    assert not list(Path("/dev/shm").glob(f"auditor-play-{os.getpid()}-*"))  # noqa: S108 — looked at only


_WATCH = """
import os, sys
canary, file = sys.argv[1].encode(), sys.argv[2]
with open(file, "w") as seen:
    print("watching", file=seen, flush=True)
    told = set()
    while True:
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            if int(pid) in (os.getpid(), os.getppid()):
                continue
            try:
                words = open(f"/proc/{pid}/cmdline", "rb").read()
                around = open(f"/proc/{pid}/environ", "rb").read()
            except OSError:
                continue
            is_play = b"AUDITOR_PLAY=" in around
            for what, text in (("argument", words), ("environment", around if is_play else b"")):
                if canary in text and (pid, what) not in told:
                    told.add((pid, what))
                    print(what, words[:300], file=seen, flush=True)
"""
