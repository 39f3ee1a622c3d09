"""A change that cuts off the way in is undone by the host itself; one that is confirmed stays."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.playbooks.lab.conftest import Run
from tests.playbooks.lab.hosts import Host
from tests.playbooks.lab.rounds import capture
from tests.playbooks.plays import PLAYBOOKS

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

_CUT: dict[str, object] = {"rule_id": "cut", "ports": ["22/tcp"]}
_LEFT = "find /etc/systemd /var/lib /etc/nftables.d -name '*auditor*' 2>/dev/null || :"


def _guard(subject: str, values: dict[str, object], seconds: int) -> dict[str, object]:
    return {"capture_subject": subject, "guard_id": "g1", "guard_seconds": seconds, **values}


def _seconds(run: Run, subject: str, values: dict[str, object]) -> int:
    """Return how long the timer has to wait for a play to come after it, on this machine as busy as it is."""
    began = time.monotonic()
    run("guard", _guard(subject, values, 20), check=True)
    return 30 + int(6 * (time.monotonic() - began))


def _time_passes(host: Host) -> None:
    """Have the timer of the guard come soon: what it runs is untouched, and nobody waits for it on a slow machine."""
    timer = "auditor-guard-g1.timer"
    host.run(f"sed -i s/^OnActiveSec=1800$/OnActiveSec=1/ /etc/systemd/system/{timer}; systemctl daemon-reload")
    host.run(f"systemctl restart {timer}")
    host.wait_for("! test -e /var/lib/auditor-guard-g1")


def test_a_cut_is_undone_and_the_host_answers_again(host: Host, run: Run) -> None:
    seconds = _seconds(run, "inbound", _CUT)
    assert host.run(_LEFT) == ""
    capsule = run("guard", _guard("inbound", _CUT, seconds)).capsule
    assert host.run("stat -c '%a %u' /var/lib/auditor-guard-g1") == "700 0\n"
    # The connection that cuts itself off stands still, and goes on when the timer has opened the port again.
    with ThreadPoolExecutor(1) as pool:
        cutting = pool.submit(run, "block_inbound", _CUT)
        host.wait_for("nft list table inet auditor_in_cut", seconds=seconds)
        assert not host.reaches(22)
        cutting.result()
    host.wait_for("! test -e /var/lib/auditor-guard-g1", seconds=2 * seconds)
    assert host.reaches(22)
    assert capture(run, "inbound", _CUT) == capsule
    assert host.run(_LEFT) == ""
    assert host.run("systemctl --failed --no-legend; systemctl list-units --all --no-legend 'auditor*'") == ""
    assert "has undone the change already" in run("confirm", {"guard_id": "g1"}, status="failed").said


def test_a_change_is_undone_after_a_reboot_too(host: Host, run: Run) -> None:
    host.run("systemctl enable --now xrdp")
    asked: dict[str, object] = {"rule_id": "cut", "ports": ["3389/tcp"]}
    run("guard", _guard("inbound", asked, 1800))
    run("block_inbound", asked)
    host.reboot()
    host.wait_for("ss -ltn | grep -q ':3389 '")
    assert not host.reaches(3389)
    # After the boot it begins anew.
    assert host.run("systemctl is-active auditor-guard-g1.timer") == "active\n"
    _time_passes(host)
    assert host.reaches(3389)
    assert host.run(_LEFT) == ""


def test_a_change_that_is_confirmed_stays(host: Host, run: Run) -> None:
    host.run("systemctl enable --now xrdp")
    asked: dict[str, object] = {"units": ["xrdp"]}
    run("guard", _guard("service", asked, 1800))
    run("stop_service", asked)
    timers = "systemctl list-units --all --no-legend --plain 'auditor*'"
    assert "auditor-guard-g1.timer" in host.run(timers)
    assert run("confirm", {"guard_id": "g1"}, check=True).changed == 1
    assert run("confirm", {"guard_id": "g1"}).changed == 1
    # Nothing is left that could bring it back.
    assert host.run(_LEFT) == ""
    assert host.run(timers) == ""
    assert host.run("systemctl is-active xrdp || :") == "inactive\n"


def test_a_stopped_ssh_server_is_started_again(host: Host, run: Run) -> None:
    asked: dict[str, object] = {"units": ["ssh", "ssh.socket"]}
    run("guard", _guard("service", asked, 1800))
    run("stop_service", asked)
    assert not host.reaches(22)
    _time_passes(host)
    assert host.reaches(22)


@pytest.mark.parametrize("clock", ["at", "process"])
def test_without_systemd_others_keep_the_time(host: Host, clock: str) -> None:
    """The script of the guard itself, told that there is no systemd."""
    script = "\n".join((PLAYBOOKS / "scripts" / name).read_text() for name in ("opening.sh", "guard.sh"))
    script = script.replace("[ -d /run/systemd/system ]", "false")
    (host.root / "guard.sh").write_text(script)
    host.run("systemctl start atd" if clock == "at" else "systemctl stop atd; rm -f /run/atd.pid")
    packed = "; ".join(f"printf %s {text!r} | base64 -w0; echo" for text in ("touch /undone", "", ""))
    host.run(f"({packed}) | sh /guard.sh arm g2 300")
    assert host.run("sh /guard.sh confirm g2") == "changed\n"
    assert host.run("atq; pgrep -f [a]uditor-guard-g2 || :") == ""
    kept = "job" if clock == "at" else "process"
    armed = f"sh /guard.sh arm g1 {1200 if clock == 'at' else 5} && cat /var/lib/auditor-guard-g1/{kept}"
    said = host.run(f"({packed}) | ({armed})").split()
    assert (said[0], said[1].isdecimal()) == ("changed", True)
    if clock == "at":
        # It counts in minutes, from the beginning of this one: 1,200 s are 21. A job's minute stands in its name.
        job = host.run("ls /var/spool/cron/atjobs | grep ^a").strip()
        now = int(host.run("date +%s")) // 60
        assert now + 20 <= int(job[6:], 16) <= now + 22
        host.run(f"cd /var/spool/cron/atjobs && mv {job} {job[:6]}{now - 1:08x} && pkill -HUP -x atd")
    host.wait_for("test -e /undone && ! test -e /var/lib/auditor-guard-g1")
