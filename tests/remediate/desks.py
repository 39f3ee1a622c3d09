"""An operator's folder, and hosts with a real systemd and a real VNC server that are to be mended from there.

The hosts, their packages and their packet filters are those of ``tests/playbooks/lab``.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from auditor.model.remediation import Event
from auditor.remediate.plan_text import read_plan
from auditor.store.store import Store
from auditor.trust.signing import make_private
from tests.playbooks.lab import hosts

VNC = "/usr/bin/x11vnc -display none -rawfb map:/var/lib/x11vnc.raw@64x64x8 -nopw -forever -rfbport 5900"
_UNIT = "[Unit]\nDescription=Screen of the desk\n[Service]\nExecStart={}\n[Install]\nWantedBy=multi-user.target\n"


class Desk:
    """Hosts with x11vnc as a service, and an operator's folder with what is needed to mend them."""

    def __init__(self, folder: Path) -> None:
        """Write people and keys; hosts come by ``more``."""
        self.folder = folder
        self.hosts: dict[str, hosts.Host] = {}
        self._logins: dict[str, str] = {}
        key, data = make_private(None)
        (folder / "grace").write_bytes(data)
        (folder / "people.yml").write_text(
            f"people:\n  - name: Grace Hopper\n    roles: [security]\n    keys:\n      - key: {key.public.line}\n"
        )
        (folder / "none.yml").write_text("exceptions: []\n")

    def more(self, name: str) -> hosts.Host:
        """Bring a host up."""
        host = hosts.Host(hosts.FIRST + len(self.hosts))
        self.hosts[name] = host
        self.reached_by(22, name=name)
        return host

    @property
    def host(self) -> hosts.Host:
        """Return the first host."""
        return next(iter(self.hosts.values()))

    def serve(self, command: str = VNC, *, name: str = "desk") -> None:
        """Run a VNC server as a service."""
        host = self.hosts[name]
        host.run(
            "head -c 4096 /dev/zero >/var/lib/x11vnc.raw; cat >/etc/systemd/system/x11vnc.service <<'EOF'\n"
            f"{_UNIT.format(command)}EOF\nsystemctl daemon-reload; systemctl enable -q x11vnc; systemctl restart x11vnc"
        )
        host.wait_for("ss -ltnp | grep x11vnc | grep -q ':5900 '")

    def reached_by(self, port: int, login: str = "", *, name: str = "desk") -> None:
        """Say in the inventory how a host is reached."""
        host = self.hosts[name]
        known = self.folder / f"known_hosts_{name}"
        known.write_text(
            subprocess.run(
                ["ssh-keyscan", "-t", "ed25519", "-p", str(port), host.address],
                capture_output=True, text=True, check=True,
            ).stdout
        )  # fmt: skip
        login = login or f"  user: root\n  private_key: {hosts.HOME / 'key'}\n"
        self._logins[name] = (
            f"- host: {name}\n  address: {host.address}\n  port: {port}\n{login}"
            f"  ansible_ssh_common_args: -o UserKnownHostsFile={known}\n"
        )
        (self.folder / "hosts.yml").write_text("".join(self._logins.values()))

    def rules(self) -> list[str]:
        """Return the options that name what hosts are judged by."""
        return ["--people", "people.yml", "--exceptions", "none.yml"]

    def audit(self) -> None:
        """Audit the hosts."""
        assert main(["audit", "-i", "hosts.yml", *self.rules(), "-o", "out", "--format", "json", "-q"]) in (1, 3)

    def plan(self, *more: str) -> dict[str, list[Mapping[str, Any]]]:
        """Plan, have the plan approved, and return what each play in it is given."""
        assert main(["remediate", "plan", *more, "-q"]) == 0
        words = ["remediate", "approve", "plan.yml", "--people", "people.yml", "--as", "Grace Hopper"]
        assert main([*words, "--key", "grace", "-q"]) == 0
        plays: dict[str, list[Mapping[str, Any]]] = {}
        for step in read_plan(Path("plan.yml").read_text(), Path("plan.yml")).plan.steps:
            plays.setdefault(str(step.play), []).append(step.variables)
        return plays

    def words(self, action: str, *more: str) -> list[str]:
        """Return the words that apply the plan or roll it back."""
        # Long enough for a machine that is busy; a test of the timer says how long itself.
        patient = ["--guard-seconds", "1800"] if action == "apply" else []
        return ["remediate", action, "plan.yml", "-i", "hosts.yml", *self.rules(), *patient, *more]

    def standings(self, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
        """Return where each host stands."""
        capsys.readouterr()
        assert main(["remediate", "status", "plan.yml", "--format", "json", "-q"]) == 0
        return {row["host"]: row for row in json.loads(capsys.readouterr().out)}

    def status(self, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
        """Return where the only host stands."""
        (row,) = self.standings(capsys).values()
        return row

    def events(self) -> list[Event]:
        """Return the journals of all plans."""
        store = Store(str(self.folder / "store.sqlite"))
        try:
            return [event for plan, _ in store.journal.plans() for event in store.journal.events(plan)]
        finally:
            store.close()

    def evidence(self) -> Mapping[str, list[str]]:
        """Return which sections of evidence are the same after the rollback as before the change, and which are not."""
        found = [event.data["evidence"] for event in self.events() if event.data.get("evidence")]
        last: Mapping[str, list[str]] = found[-1]
        return last

    def stop(self) -> None:
        """Switch the hosts off, and leave nothing of them."""
        for host in self.hosts.values():
            host.stop()
