"""Hosts that are not Debian 12 with systemd are what they are said to be, and an audit says of each what is true.

Sightings, listeners, verdicts and who reaches a port are compared for these hosts too, by ``test_audit.py``.
"""

import subprocess
from pathlib import Path

import pytest

from auditor.collect.probe import INSTALLED, sh_probe
from auditor.model.evidence import Outcome
from auditor.model.facts.processes import Process
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.facts.software import Software
from auditor.model.facts.system import OperatingSystem
from tests.lab.auditing import ask, audit, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.kind_roles import KIND_ROLES

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("other_kinds")]
_ROLES = tuple(role.id for role in KIND_ROLES)


def _ssh(fleet: Fleet, role: str, user: str, command: str) -> "subprocess.CompletedProcess[str]":
    words = ["ssh", "-F", str(fleet.lab.ssh_config), f"{user}@{fleet.host(role).name}", command]
    return subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=30, check=False)


@pytest.mark.parametrize(
    ("role", "first", "release"),
    [
        ("bullseye-clean", "systemd", "11 (bullseye)"),
        ("trixie-clean", "systemd", "13 (trixie)"),
        ("sysvinit-clean", "init", "12 (bookworm)"),
        ("openrc-clean", "init", "12 (bookworm)"),
        ("embedded-clean", "init", "Embedded 1"),
        ("container", "sshd", "12 (bookworm)"),
    ],
)
def test_a_host_is_of_the_kind_it_is_said_to_be(fleet: Fleet, role: str, first: str, release: str) -> None:
    host = fleet.host(role)
    assert host.run("cat /proc/1/comm").strip() == first
    assert release in host.run("cat /etc/os-release")


@pytest.mark.parametrize(
    ("role", "user", "command", "said"),
    [
        pytest.param("openrc-clean", "root", "rc-status -s", "packet-filter", id="openrc-knows-its-services"),
        pytest.param("read-only", "root", "touch /etc/new", "Read-only file system", id="nothing-can-be-written"),
        pytest.param("hidepid", "plain", "ls -d /proc/1", "No such file", id="processes-are-hidden"),
        pytest.param("german", "root", "ls /none", "Datei oder Verzeichnis nicht gefunden", id="tools-speak-german"),
        pytest.param("japanese", "root", "locale charmap", "EUC-JP", id="characters-are-not-utf-8"),
        pytest.param("doas-clean", "auditor", "doas -n id -u", "0\n", id="doas-makes-root"),
        pytest.param("doas-clean", "plain", "doas -n id -u", "not permitted", id="doas-makes-not-everybody-root"),
        pytest.param("doas-clean", "auditor", "sudo -n id", "not found", id="there-is-no-sudo"),
        pytest.param("embedded-clean", "plain", "readlink /proc/$$/exe", "busybox", id="the-shell-is-busybox"),
        pytest.param("embedded-clean", "root", "ss; bash; python3", "python3: not found", id="there-is-nothing-else"),
    ],
)
def test_what_is_odd_about_a_host_is_so(fleet: Fleet, role: str, user: str, command: str, said: str) -> None:
    done = _ssh(fleet, role, user, command)
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize("role", _ROLES)
def test_as_root_no_section_is_a_gap(fleet: Fleet, role: str) -> None:
    reading = ask(fleet.lab, fleet.host(role))
    gaps = {name: section.reason for name, section in reading.sections.items() if section.outcome.is_gap}
    assert gaps == {}
    assert [info.name for info in reading.of(OperatingSystem)] != []


@pytest.mark.parametrize("role", [role.id for role in KIND_ROLES if role.units])
def test_services_are_as_the_truth_says(fleet: Fleet, role: str) -> None:
    host = fleet.host(role)
    reading = ask(fleet.lab, host)
    seen = {service.name: service for service in reading.of(Service)}
    manager = ServiceManager.OPENRC if role.startswith("openrc") else ServiceManager.SYSV
    for unit in fleet.truth(host)["services"]:
        service = seen[unit["name"]]
        if not unit["name"].endswith(".service"):
            assert service.manager is manager
        assert service.start is (StartMode.AUTOMATIC if unit["enabled"] == "enabled" else StartMode.DISABLED)
        if service.manager is ServiceManager.SYSTEMD:
            assert (" active " in service.state) is unit["active"]
            assert service.is_running is (unit["active"] and not service.state.endswith(" exited"))
        elif service.manager is ServiceManager.OPENRC:
            assert service.state == ("started" if unit["active"] else "stopped")
            assert service.is_running in ((None, True) if unit["active"] else (False,))
        else:
            assert service.is_running is None


def test_processes_of_the_embedded_host_have_paths_and_arguments(fleet: Fleet) -> None:
    reading = ask(fleet.lab, fleet.host("embedded-x11vnc"))
    (screen,) = [one for one in reading.of(Process) if one.name == "x11vnc"]
    assert (screen.executable, screen.user) == ("/usr/bin/x11vnc", "root")
    assert "-nopw" in screen.arguments
    assert reading.of(Software) == ()


def test_hidden_processes_are_said_to_be_hidden(fleet: Fleet) -> None:
    reading = ask(fleet.lab, fleet.host("hidepid"), user="plain")
    processes, sockets = reading.sections["processes.procfs"], reading.sections["sockets.ss"]
    assert (processes.outcome, sockets.outcome) == (Outcome.PARTIAL, Outcome.PARTIAL)
    assert "hidepid" in (processes.reason or "")
    assert [one for one in reading.of(Process) if one.pid == 1] == []


@pytest.mark.parametrize("role", ["german", "japanese"])
@pytest.mark.parametrize("user", ["root", "plain"])
def test_no_answer_depends_on_the_language(fleet: Fleet, role: str, user: str) -> None:
    def outcomes(of: str) -> dict[str, object]:
        reading = ask(fleet.lab, fleet.host(of), user=user)
        # x11vnc, which not all of them have, brings an entry of its own there.
        left_out = "services.autostart"
        return {name: section.outcome for name, section in reading.sections.items() if name != left_out}

    assert outcomes(role) == outcomes("read-only")


def _by_doas(fleet: Fleet, folder: Path, **variables: object) -> tuple[str, str | None, str]:
    """Audit the clean host with doas as ``auditor``; return rights, note, and whether its inventory is complete."""
    host = fleet.host("doas-clean")
    inventory = inventory_of(fleet.lab, (host,), folder / "hosts.yml", user="auditor", ansible_become=True, **variables)
    audited = audit(fleet.lab, inventory, folder)
    row = audited.hosts[host.name]
    return row["rights"], row["privilege_note"], audited.verdicts(host.name)["complete_inventory"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param("permit nopass auditor as root", ("doas", None, "pass"), id="anything-as-root"),
        pytest.param(
            "permit auditor", ("user", "doas was refused (doas: Authentication required)", "unknown"), id="a-password"
        ),
        pytest.param(
            "deny auditor", ("user", "doas was refused (doas: Operation not permitted)", "unknown"), id="denied"
        ),
        pytest.param(
            f"permit nopass auditor as root cmd {INSTALLED} args", ("doas", None, "pass"), id="the-probe-only"
        ),
    ],
)
def test_what_doas_permits_is_what_is_seen(
    fleet: Fleet, tmp_path: Path, rules: str, expected: tuple[str, str | None, str]
) -> None:
    host = fleet.host("doas-clean")
    try:
        host.run(f"cp -p /etc/doas.conf /root/; echo '{rules}' >/etc/doas.conf")
        if INSTALLED in rules:
            host.run(f"mkdir -p {INSTALLED.rpartition('/')[0]}; cat >{INSTALLED}", feed=sh_probe())
            host.run(f"chmod 755 {INSTALLED}")
        assert _by_doas(fleet, tmp_path, ansible_become_method="doas") == expected
    finally:
        host.run(f"cp -p /root/doas.conf /etc/; rm -f {INSTALLED}")
