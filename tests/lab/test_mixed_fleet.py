"""Hosts over SSH and Windows hosts over WinRM in one audit: neither kind changes what is said of the other."""

import os
import subprocess
from contextlib import ExitStack

import pytest
import yaml

from tests.lab.auditing import Audited, command, environment, finished, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host
from tests.lab.test_audit import assert_truth
from tests.winrm.fleet import FLEET
from tests.winrm.planted import Planted
from tests.winrm.running import row_of, serve_answer
from tests.winrm.server import PASSWORD, user_file

pytestmark = pytest.mark.lab

_LINUX = 20


@pytest.fixture(scope="module")
def hosts(fleet: Fleet) -> tuple[Host, ...]:
    return fleet.planted[:_LINUX]


@pytest.fixture(scope="module")
def audited(fleet: Fleet, hosts: tuple[Host, ...], tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Audit both kinds at once."""
    folder = tmp_path_factory.mktemp("mixed")
    inventory = inventory_of(fleet.lab, hosts, folder / "hosts.yml")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("NTLM_USER_FILE", str(user_file(folder)))
        rows = yaml.safe_load(inventory.read_text())
        rows += [row_of(one.host.name, serve_answer(stack, folder / one.host.name, one.answer())) for one in FLEET]
        inventory.write_text(yaml.safe_dump(rows))
        ran = subprocess.run(
            command(fleet.lab, inventory, folder),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env={**environment(folder), "WINDOWS_PASSWORD": PASSWORD, "PATH": os.environ["PATH"]},
        )
    return finished(ran.returncode, folder, ran.stdout, ran.stderr)


def test_the_ledger_holds_both_kinds(audited: Audited, hosts: tuple[Host, ...]) -> None:
    names = sorted([*(host.name for host in hosts), *(one.host.name for one in FLEET)])
    assert [row["host"] for row in audited.results["ledger"]] == names
    refused = {row["host"]: row["reason"] for row in audited.results["ledger"] if row["reason"]}
    assert refused == {one.host.name: one.reason for one in FLEET if one.reason}


def test_what_is_said_of_hosts_over_ssh_is_true(fleet: Fleet, audited: Audited, hosts: tuple[Host, ...]) -> None:
    assert_truth(fleet, audited, hosts)
    assert {audited.hosts[host.name]["os"]["family"] for host in hosts} == {"linux"}


@pytest.mark.parametrize("planted", [one for one in FLEET if one.reason is None], ids=lambda one: one.host.name)
def test_what_is_said_of_windows_hosts_is_true(audited: Audited, planted: Planted) -> None:
    row = audited.hosts[planted.host.name]
    assert row["os"]["family"] == "windows"
    seen = {(one["product"], one["state"], one["confidence"], one["tenant"]) for one in row["sightings"]}
    assert seen == planted.sightings
    listeners = {(one["port"], one["product"], one["reachability"]) for one in row["listeners"] if one["product"]}
    assert listeners == planted.listeners


def test_each_kind_is_judged_by_the_controls_that_are_about_it(audited: Audited, hosts: tuple[Host, ...]) -> None:
    windows = [one.host.name for one in FLEET if one.reason is None]
    for control in ("remote_desktop", "windows_installer_policy"):
        assert {audited.verdicts(host.name)[control] for host in hosts} == {"not_applicable"}
        assert {audited.verdicts(name)[control] for name in windows} - {"not_applicable"}
    assert {audited.verdicts(name)["writable_program_path"] for name in windows} == {"not_applicable"}
