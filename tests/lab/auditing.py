"""Run the auditor's own command against lab hosts, and read what it wrote."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from auditor.collect.envelope import open_envelope
from auditor.collect.probe import sh_call
from auditor.collect.read import read
from auditor.collect.seal import seal
from auditor.model.host import Credentials, SshSettings
from auditor.model.host import Host as Target
from auditor.model.probe import ProbeLimits
from auditor.model.reading import Reading
from auditor.transport.choose import Transports
from tests.lab.fleet.host import Host
from tests.lab.fleet.places import Lab

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One audit that came to its end."""

    status: int
    """Exit status of the command."""
    folder: Path
    """Folder of the run."""
    results: Row
    """``results.json``."""
    printed: str
    """Standard output."""
    said: str
    """Standard error."""

    @property
    def hosts(self) -> dict[str, Row]:
        """Host rows by name."""
        return {row["host"]: row for row in self.results["hosts"]}

    def verdicts(self, host: str) -> dict[str, str]:
        """Return a host's verdicts by control."""
        return {row["control"]: row["verdict"] for row in self.hosts[host]["verdicts"]}


def inventory_of(lab: Lab, hosts: Sequence[Host], file: Path, **variables: object) -> Path:
    """Write an inventory of some hosts, with further variables for all of them."""
    ssh = f"-o UserKnownHostsFile={lab.known_hosts} -o IdentitiesOnly=yes"
    rows = [
        {
            "host": host.name,
            "address": host.address,
            "user": "root",
            "ansible_ssh_private_key_file": str(lab.key),
            "ansible_ssh_common_args": ssh,
            "groups": list(host.state()["groups"]),
            **variables,
        }
        for host in hosts
    ]
    file.write_text(yaml.safe_dump(rows, sort_keys=False))
    return file


def command(lab: Lab, inventory: Path, folder: Path, *more: str) -> list[str]:
    """Return the words of an audit that keeps everything it writes under a folder."""
    return [
        *(sys.executable, "-m", "auditor.cli.main", "audit", "-i", str(inventory)),
        *("-p", str(lab.policy), "--exceptions", str(lab.exceptions)),
        *("--store", str(folder / "store.sqlite"), "-o", str(folder / "reports"), *more),
    ]


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's own is used or changed."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "LANG": "C.UTF-8"}


def audit(lab: Lab, inventory: Path, folder: Path, *more: str, timeout: float = 240) -> Audited:
    """Run an audit to its end and read its results."""
    ran = subprocess.run(
        command(lab, inventory, folder, *more),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env=environment(folder),
    )
    return finished(ran.returncode, folder, ran.stdout, ran.stderr)


def finished(status: int, folder: Path, printed: str, said: str) -> Audited:
    """Read what the newest run of a folder wrote."""
    runs = sorted((folder / "reports").glob("*/results.json"))
    assert runs, f"no results; exit status {status}: {said}"
    results = json.loads(runs[-1].read_text())
    return Audited(status=status, folder=runs[-1].parent, results=results, printed=printed, said=said)


def ask(lab: Lab, host: Host, *, user: str = "root") -> Reading:
    """Put the probe to one host and read what it answers."""
    target = Target(
        name=host.name,
        address=host.address,
        credentials=Credentials(user=user, private_key=lab.key),
        ssh=SshSettings(known_hosts=(lab.known_hosts,), identities_only=True),
    )
    call = sh_call(limits=ProbeLimits(), deadline=60, output_limit=1 << 24, become=False, become_password=None)
    answer = Transports().collect(target, call)
    envelope = open_envelope(stdout=answer.stdout, stderr=answer.stderr, token=call.token, limit=1 << 24)
    return read(
        seal(
            envelope,
            host=host.name,
            user=user,
            collected_at=answer.finished,
            probe_sha256=call.script_sha256,
            tool_version="lab",
            host_key=answer.host_key,
        )
    )
