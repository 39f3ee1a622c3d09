"""Plans applied to a host with a real systemd, a real VNC server and real nftables, over real SSH and real Ansible.

The host, its packages and its packet filter are those of ``tests/playbooks/lab``.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from auditor.remediate.plan_text import read_plan
from auditor.remediate.standing import standing
from auditor.store.store import Store
from auditor.trust.signing import make_private

hosts = pytest.importorskip("tests.playbooks.lab.hosts", reason="the hosts of the playbooks are not in this tree")

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]
NUMBER = 7
CANARY = "cAnArY-91c4"
VNC = "/usr/bin/x11vnc -display none -rawfb map:/var/lib/x11vnc.raw@64x64x8 -nopw -forever -rfbport 5900"
UNIT = "[Unit]\nDescription=Screen of the desk\n[Service]\nExecStart={}\n[Install]\nWantedBy=multi-user.target\n"


@pytest.fixture(scope="module")
def tree() -> Iterator[None]:
    """Have the tree of the hosts, and keep others who want it out meanwhile."""
    reason = hosts.why_not()
    if reason:
        pytest.skip(reason)
    hosts.HOME.mkdir(parents=True, exist_ok=True)
    with (hosts.HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        hosts.need_tree()
        yield


class Desk:
    """A host with x11vnc as a service, and an operator's folder with what is needed to mend it."""

    def __init__(self, folder: Path) -> None:
        """Boot it, and write inventory, people and keys."""
        self.folder = folder
        self.host = hosts.Host(NUMBER)
        self.serve(VNC)
        self.host.run("nft add table inet site; nft add chain inet site in '{ type filter hook input priority 0; }'")
        self.host.run("nft add rule inet site in tcp dport 9 drop comment '\"of the site\"'")
        key, data = make_private(None)
        (folder / "grace").write_bytes(data)
        (folder / "people.yml").write_text(
            f"people:\n  - name: Grace Hopper\n    roles: [security]\n    keys:\n      - key: {key.public.line}\n"
        )
        (folder / "none.yml").write_text("exceptions: []\n")
        self.reached_by(22)

    def serve(self, command: str) -> None:
        """Run a VNC server as a service."""
        self.host.run(
            "head -c 4096 /dev/zero >/var/lib/x11vnc.raw; cat >/etc/systemd/system/x11vnc.service <<'EOF'\n"
            f"{UNIT.format(command)}EOF\nsystemctl daemon-reload; systemctl enable -q x11vnc; systemctl restart x11vnc"
        )
        self.host.wait_for("ss -ltnp | grep x11vnc | grep -q ':5900 '")

    def reached_by(self, port: int, login: str = "") -> None:
        """Say in the inventory how it is reached."""
        found = subprocess.run(
            ["ssh-keyscan", "-t", "ed25519", "-p", str(port), self.host.address],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        (self.folder / "known_hosts").write_text(found)
        login = login or f"  user: root\n  private_key: {hosts.HOME / 'key'}\n"
        (self.folder / "hosts.yml").write_text(
            f"- host: desk\n  address: {self.host.address}\n  port: {port}\n{login}"
            f"  ansible_ssh_common_args: -o UserKnownHostsFile={self.folder / 'known_hosts'}\n"
        )

    def rules(self) -> list[str]:
        """Return the options that name what hosts are judged by."""
        return ["--people", "people.yml", "--exceptions", "none.yml"]

    def audit(self) -> None:
        """Audit it."""
        assert main(["audit", "-i", "hosts.yml", *self.rules(), "-o", "out", "--format", "json", "-q"]) in (1, 3)

    def plan(self, *more: str) -> None:
        """Plan, and have the plan approved."""
        assert main(["remediate", "plan", *more, "-q"]) == 0
        words = ["remediate", "approve", "plan.yml", "--people", "people.yml", "--as", "Grace Hopper"]
        assert main([*words, "--key", "grace", "-q"]) == 0

    def words(self, action: str, *more: str) -> list[str]:
        """Return the words that apply the plan or roll it back."""
        return ["remediate", action, "plan.yml", "-i", "hosts.yml", *self.rules(), *more]

    def status(self, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
        """Return where it stands."""
        capsys.readouterr()
        assert main(["remediate", "status", "plan.yml", "--format", "json", "-q"]) == 0
        (row,) = json.loads(capsys.readouterr().out)
        assert isinstance(row, dict)
        return row


@pytest.fixture
def desk(tree: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:  # noqa: ARG001 — it has to be there
    """Bring the host up, and leave nothing of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))
    # Whoever signs is another account than the one that plans.
    monkeypatch.setattr("auditor.cli.remediate_approve.operator_name", lambda: "grace")
    up = Desk(tmp_path)
    try:
        yield up
    finally:
        up.host.stop()


def test_what_is_found_is_closed_by_evidence_and_comes_back_by_rollback(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = (
        "nft -s list ruleset; systemctl is-enabled xrdp xrdp-sesman; dpkg-query -W xrdp; find /etc/xrdp -type f | sort"
    )
    desk.host.run("systemctl enable -q --now xrdp")
    desk.host.wait_for("ss -ltn | grep -q ':3389 '")
    desk.audit()
    desk.plan("--product", "xrdp")
    plays = {str(step.play) for step in read_plan(Path("plan.yml").read_text(), Path("plan.yml")).plan.steps}
    assert plays == {"stop_service", "block_inbound", "remove_product"}
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
    assert main(desk.words("apply")) == 3
    row = desk.status(capsys)
    assert row["stands"] == "skipped"
    assert "the auditor comes in from 10.78." in row["why"]
    assert desk.host.run("nft -s list ruleset") == before
    assert main(desk.words("apply", "--resume", "--force-lockout", "--guard-seconds", "30")) == 1
    row = desk.status(capsys)
    assert row["stands"] == "reverted", row
    assert "the timed revert has put it back" in row["why"]
    assert desk.host.run("nft -s list ruleset") == before
    # The host answers again, at the port that was closed.
    desk.audit()
    capsys.readouterr()
    assert main(["hosts", "--format", "json"]) == 0
    assert [one["outcome"] for one in json.loads(capsys.readouterr().out)] == ["noncompliant"]


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
