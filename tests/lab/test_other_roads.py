"""The lab collected as two sites and judged as one fleet says what one audit says; a file carried by hand does too."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.collect.probe import sh_probe
from tests.lab.auditing import Audited, audit, environment, finished, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.test_audit import assert_truth

pytestmark = pytest.mark.lab


def auditor(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "auditor.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(folder),
        timeout=240,
    )


def assess(fleet: Fleet, folder: Path, *sets: object) -> Audited:
    words = ("-p", fleet.lab.policy, "--exceptions", fleet.lab.exceptions, "-o", folder / "reports")
    done = auditor(folder, "assess", *sets, *words)
    return finished(done.returncode, folder, done.stdout, done.stderr)


def test_two_sites_are_one_fleet(fleet: Fleet, tmp_path: Path) -> None:
    half = len(fleet.hosts) // 2
    made = []
    for number, hosts in enumerate((fleet.hosts[:half], fleet.hosts[half:])):
        inventory = inventory_of(fleet.lab, hosts, tmp_path / f"site-{number}.yml")
        done = auditor(tmp_path, "collect", "-i", inventory, "-o", tmp_path / "evidence")
        assert done.returncode == 0, done.stderr
        made.append(done.stdout.strip())
    merged = assess(fleet, tmp_path, *made)
    assert_truth(fleet, merged, fleet.hosts)
    assert len(merged.results["ledger"]) == len(fleet.hosts)


def test_an_audit_of_the_lab_recomputes(fleet: Fleet, tmp_path: Path) -> None:
    audited = audit(fleet.lab, inventory_of(fleet.lab, fleet.hosts, tmp_path / "hosts.yml"), tmp_path)
    done = auditor(tmp_path, "verify", audited.folder, "--recompute")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_that_was_carried_says_what_the_host_says(fleet: Fleet, tmp_path: Path) -> None:
    roles = ("x11vnc-open", "xrdp-approved", "clean", "anydesk-deleted")
    hosts = tuple(fleet.host(role) for role in roles)
    files = []
    for number, host in enumerate(hosts):
        host.run("cat >/root/probe.sh", feed=sh_probe())
        file = tmp_path / f"{host.name}.envelope"
        line = f"{number:032x} 20 4000000 90 none"
        host.run(f"echo '{line}' | sh /root/probe.sh >/root/out 2>/root/said; rm /root/probe.sh")
        file.write_bytes((host.upper / "root" / "out").read_bytes())
        file.with_name(f"{file.name}.stderr").write_bytes((host.upper / "root" / "said").read_bytes())
        host.run("rm /root/out /root/said")
        files.append(file)
    inventory = inventory_of(fleet.lab, hosts, tmp_path / "hosts.yml")
    done = auditor(tmp_path, "ingest", "envelope", *files, "-i", inventory, "-o", tmp_path / "evidence")
    assert done.returncode == 0, done.stderr
    judged = assess(fleet, tmp_path, done.stdout.strip())
    assert_truth(fleet, judged, hosts)
    assert {row["delivered"] for row in json.loads((judged.folder / "results.json").read_text())["hosts"]} == {
        "envelope"
    }
