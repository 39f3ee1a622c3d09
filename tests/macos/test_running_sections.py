"""What the sections of processes and sockets say of the eight Macs, in every shell, to root and to others."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from auditor.model.evidence import Outcome
from auditor.model.facts.network import Connection, Family, Listener
from auditor.model.facts.processes import Process
from tests.macos.fake_mac import HOSTS, SHELLS, FakeMac
from tests.macos.sections import Told, facts, said

SECTIONS = ("processes.macos", "sockets.macos")
MacOf = Callable[[str], FakeMac]


def _said(mac: FakeMac, **how: Any) -> Told:
    return said(mac, *SECTIONS, **how)


@pytest.mark.parametrize("host", HOSTS)
def test_root_sees_every_program_and_every_holder(host: str, mac_of: MacOf) -> None:
    told = _said(mac_of(host))
    assert set(told) == set(SECTIONS)
    for name, (answer, parsed) in told.items():
        assert answer.outcome is Outcome.COLLECTED, (name, answer)
        assert (parsed.unread, parsed.partial) == ((), None), name
    processes = {one.pid: one for one in facts(told, Process)}
    assert processes[1].executable == "/sbin/launchd"
    assert all((one.executable or one.is_kernel) and one.started.startswith("2026-11-") for one in processes.values())
    for socket in facts(told, Listener):
        assert socket.owners, socket
        assert {owner.pid for owner in socket.owners} <= set(processes), socket
    ssh = [one for one in facts(told, Listener) if one.port == 22]
    assert {(one.family, one.is_v6only) for one in ssh} == {(Family.IP, None), (Family.IP6, True)}
    assert {owner.pid for one in ssh for owner in one.owners} == {1}


@pytest.mark.parametrize("host", HOSTS)
def test_others_see_all_sockets_and_are_told_what_they_lack(host: str, mac_of: MacOf) -> None:
    root, plain = _said(mac_of(host)), _said(mac_of(host), become=False)
    assert {name: answer.outcome for name, (answer, _) in plain.items()} == dict.fromkeys(SECTIONS, Outcome.PARTIAL)
    for kind in (Listener, Connection):
        seen, all_of_them = (
            {(one.protocol, getattr(one, "address", ""), getattr(one, "port", one)) for one in facts(told, kind)}
            if kind is Listener
            else {(one.local_port, one.remote_address, one.remote_port) for one in facts(told, kind)}
            for told in (plain, root)
        )
        assert seen == all_of_them
    assert {one.pid for one in facts(plain, Process)} == {one.pid for one in facts(root, Process)}
    assert all(one.executable is None for one in facts(plain, Process) if one.uid == 0)


@pytest.mark.parametrize("shell", [name for name in SHELLS if name != "dash"])
@pytest.mark.parametrize("host", ["macos13-dirty", "macos26-clean"])
def test_every_shell_says_the_same(host: str, shell: str, mac_of: MacOf) -> None:
    if shutil.which(SHELLS[shell]) is None:
        pytest.skip(f"{shell} is not installed")
    texts = [
        {name: answer.text for name, (answer, _) in _said(mac_of(host), shell=one).items()} for one in ("dash", shell)
    ]
    assert texts[0] == texts[1]


def test_a_name_is_whole_where_the_kernel_cuts_it(mac_of: MacOf) -> None:
    names = {one.name for one in facts(_said(mac_of("macos13-dirty")), Process)}
    assert "TeamViewer_Service" in names


def test_what_launchd_holds_for_a_job_is_its_own(mac_of: MacOf) -> None:
    found = [one for one in facts(_said(mac_of("macos13-dirty")), Listener) if one.port == 5900]
    assert found
    assert all(1 in {owner.pid for owner in one.owners} for one in found)
