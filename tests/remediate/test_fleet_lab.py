"""One plan for several hosts: canary and batches, too many failures, a process that is killed, hosts that changed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from auditor.cli.main import main
from tests.remediate.desks import VNC, Desk

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

_CAREFULLY = ("--canary", "1", "--batch", "2", "--max-failures", "0.3")
# A filter that a reboot would not bring back: the play refuses to put its rules there.
_NOT_AT_BOOT = "ufw allow 22/tcp; ufw allow 5900/tcp; ufw --force enable; systemctl disable ufw"


def _stands(desk: Desk, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    return {name: row["stands"] for name, row in desk.standings(capsys).items()}


def _open(desk: Desk) -> dict[str, bool]:
    return {name: host.reaches(5900) for name, host in desk.hosts.items()}


def _killed_when(desk: Desk, what: str, words: list[str]) -> None:
    """Apply in a process of its own, and kill that when the journal says so."""
    process = subprocess.Popen([sys.executable, "-m", "auditor.cli.main", *words], start_new_session=True)
    while what not in {str(event.what) for event in desk.events()}:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_plan_for_several_hosts_stops_is_resumed_and_undone(
    empty_desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = empty_desk
    for name in ("a", "b", "c", "d"):
        host = desk.more(name)
        desk.serve(name=name)
        if name in ("b", "c"):
            host.run(_NOT_AT_BOOT)
    desk.audit()
    assert len(desk.plan("--control", "exposed_listener")["block_inbound"]) == 4
    everywhere = dict.fromkeys("abcd", True)
    assert _open(desk) == everywhere

    # The canary alone is touched first; killed there, `status` tells of it and of the others.
    _killed_when(desk, "changing", desk.words("apply", *_CAREFULLY, "-q"))
    assert _stands(desk, capsys) == {"a": "begun", "b": "not tried", "c": "not tried", "d": "not tried"}

    # Resumed, it is mended and changed; two of the next batch fail, which is too much, and the rest is left.
    assert main(desk.words("apply", "--resume", *_CAREFULLY)) == 3
    rows = desk.standings(capsys)
    assert {name: row["stands"] for name, row in rows.items()} == {
        "a": "closed", "b": "failed", "c": "failed", "d": "not tried"
    }  # fmt: skip
    assert "does not start at boot" in rows["b"]["why"]
    assert "2 of 3 hosts tried have failed, more than 30%" in str([event.data for event in desk.events()])
    assert _open(desk) == everywhere | {"a": False}

    # One is mended, another one changes: its server is at another port since, over IPv6 too.
    desk.hosts["b"].run("systemctl enable -q ufw")
    moved = "sed -i 's/-rfbport 5900/-rfbport 5905 -rfbportv6 5905/' /etc/systemd/system/x11vnc.service"
    desk.hosts["c"].run(f"systemctl enable -q ufw; {moved}")
    desk.hosts["c"].run("systemctl daemon-reload; systemctl restart x11vnc; ufw allow 5905/tcp")
    desk.hosts["c"].wait_for("ss -ltn | grep -q ':5905 '")
    assert main(desk.words("apply", "--resume", *_CAREFULLY)) == 0
    assert _stands(desk, capsys) == dict.fromkeys("abcd", "closed")
    # Its finding is gone already: nothing was done there.
    assert not [event for event in desk.events() if event.host == "c" and str(event.what) == "captured"]
    assert desk.hosts["c"].run("nft list tables | grep auditor || iptables-save | grep auditor || :") == ""
    assert _open(desk) == dict.fromkeys("abcd", False)

    # One host is undone, then all.
    assert main(desk.words("rollback", "--host", "b")) == 0
    assert _open(desk) == {"a": False, "b": True, "c": False, "d": False}
    assert main(desk.words("rollback")) == 0
    assert _open(desk) == everywhere | {"c": False}
    assert {name: stands for name, stands in _stands(desk, capsys).items() if name != "c"} == dict.fromkeys(
        "abd", "rolled back"
    )


def test_a_process_killed_in_the_middle_is_undone_by_rollback_too(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    before = desk.host.run("nft -s list ruleset")
    desk.audit()
    desk.plan("--control", "exposed_listener")
    _killed_when(desk, "changed", desk.words("apply", "-q"))
    assert desk.status(capsys)["stands"] == "begun"
    assert not desk.host.reaches(5900)
    assert main(desk.words("rollback")) == 0
    assert desk.status(capsys)["stands"] == "rolled back"
    assert desk.host.run("nft -s list ruleset") == before
    assert desk.host.reaches(5900)
    assert desk.host.run("find /var/lib /etc/systemd -name '*auditor*'") == ""


def test_nobody_applies_what_nobody_else_approved_or_what_was_changed_since(desk: Desk) -> None:
    desk.audit()
    assert main(["remediate", "plan", "-q", "--control", "exposed_listener"]) == 0
    plan = desk.folder / "plan.yml"
    assert main(desk.words("apply")) == 2
    # Its maker, whom the people file names.
    words = ["remediate", "approve", "plan.yml", "--people", "people.yml", "--as", "Grace Hopper", "--key", "grace"]
    made = plan.read_text()
    people = desk.folder / "people.yml"
    named = people.read_text()
    maker = next(line.partition(": ")[2] for line in made.splitlines() if line.startswith("made_by: "))
    people.write_text(named.replace("Grace Hopper", maker))
    assert main([*words[:6], maker, *words[7:]]) == 2
    people.write_text(named)
    assert main([*words, "-q"]) == 0
    approved = plan.read_text()
    plan.write_text(approved.replace("port: 5900", "port: 5901"))
    assert plan.read_text() != approved
    assert main(desk.words("apply")) == 2
    assert desk.host.reaches(5900)
    plan.write_text(approved)
    assert main(desk.words("apply", "--check")) == 0
    assert desk.host.reaches(5900)


def test_one_play_that_cannot_be_done_leaves_all_others_of_its_host_undone(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.audit()
    desk.plan("--control", "server_security", "--control", "exposed_listener", "--x11vnc-password-file", "/etc/none")
    # The file of passwords that the plan names is not there: nothing is changed at all, and it is said which.
    assert main(desk.words("apply")) == 1
    row = desk.status(capsys)
    assert (row["stands"], "/etc/none is not there or empty" in row["why"]) == ("failed", True)
    assert desk.host.reaches(5900)
    assert VNC in desk.host.run("systemctl cat x11vnc")
