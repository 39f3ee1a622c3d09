"""Whole answers of Windows hosts, served by a WS-Man host and brought by the real transport: every line is read.

Each folder of ``answers/`` is a host: its ``case.toml`` describes it, says on what its rows are based, and names the
sections that cannot be whole on it. What is found has to be what it was said to have, and no more.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.collect.probe import sections_of
from auditor.collect.ps_probe import ps_call
from auditor.collect.read import read
from auditor.model.evidence import Evidence, Rights
from auditor.model.facts.accounts import InstallerPolicy, UserProfile
from auditor.model.facts.appcontrol import ExecutionControl
from auditor.model.facts.logons import RemoteLogon
from auditor.model.facts.network import InterfaceAddress, Listener
from auditor.model.facts.remote_config import RemoteAccessSetting, RemoteManagement
from auditor.model.facts.services import Service
from auditor.model.facts.system import OperatingSystem
from auditor.model.host import Host, OsFamily, host_facts
from auditor.model.probe import ProbeLimits
from auditor.model.reading import Reading
from auditor.run.pipeline import Answered, to_evidence
from auditor.transport.winrm import WinRmTransport
from tests.winrm.host import PROGRAMS, WindowsHost, described, plain
from tests.winrm.host import Service as HostService
from tests.winrm.host_firewall import firewall_rows
from tests.winrm.host_sections import SECTIONS

_ANSWERS = Path(__file__).parent / "answers"
_CASES = {path.parent.name: tomllib.loads(path.read_text()) for path in sorted(_ANSWERS.glob("*/case.toml"))}
_SERVED = {section for section in sections_of(OsFamily.WINDOWS) if section in SECTIONS}
Ask = Callable[[WindowsHost], Evidence]


@pytest.fixture
def ask(serve: Any, describe: Callable[..., Host], powershell: Path) -> Ask:
    """Return what serves a host as it is described, and asks it."""

    def collect(one: WindowsHost) -> Evidence:
        powershell.with_name("powershell.exe.answer").write_bytes(one.body())
        host = describe(serve())
        call = ps_call(limits=ProbeLimits(), deadline=30, output_limit=10**7)
        raw = WinRmTransport().collect(host, call)
        answered = Answered(
            host=host_facts(host), raw=raw, token=call.token, probe_sha256=call.script_sha256, unpacked_limit=10**7
        )
        return to_evidence(answered)

    return collect


def _settings(reading: Reading, product: str) -> dict[str, str]:
    return {one.key: one.value for one in reading.of(RemoteAccessSetting) if one.product == product}


@pytest.mark.parametrize("case", _CASES)
def test_every_line_is_read_and_what_was_said_is_found(case: str, ask: Ask) -> None:
    about = _CASES[case]
    host = described(about["host"])
    evidence = ask(host)
    reading = read(evidence)
    assert (evidence.head.hostname, evidence.head.rights) == (
        host.name, Rights.ROOT if host.is_administrator else Rights.USER,
    )  # fmt: skip
    assert {name: section.unread for name, section in reading.sections.items() if section.unread} == {}
    gaps = {name: one.outcome.value for name, one in reading.sections.items() if one.outcome.is_gap and name in _SERVED}
    assert gaps == {name: outcome for name, outcome in about["gaps"].items() if name in _SERVED}
    (system,) = reading.of(OperatingSystem)
    assert str(host.release.build) in system.version
    assert ("11" in system.name) == ("Windows 11" in about["version"])
    found = {one.product: one.state.value for one in match(reading, load_catalogue())}
    assert {name: found.get(name) for name in host.sightings} == host.sightings
    assert set(found) & (PROGRAMS.keys() - host.sightings.keys()) == set()


@pytest.mark.parametrize("case", _CASES)
def test_what_was_set_is_what_is_read(case: str, ask: Ask) -> None:
    host = described(_CASES[case]["host"])
    reading = read(ask(host))
    features = {one.feature: one for one in reading.of(RemoteManagement)}
    assert features["remote desktop"].is_enabled == host.has_remote_desktop
    ports = {host.remote_desktop_port} if host.has_remote_desktop else set()
    assert features["remote desktop"].ports == ports
    rdp = _settings(reading, "microsoft-rdp")
    assert rdp["UserAuthentication"] == str(int(host.needs_authentication))
    assert bool(_settings(reading, "tightvnc")) == ("tightvnc" in host.sightings)
    assert bool(_settings(reading, "anydesk")) == ("anydesk" in (*host.running, *host.installed))
    assert {str(one.address) for one in reading.of(InterfaceAddress)} >= {host.address, "127.0.0.1"}
    elevated = [
        one for one in reading.of(InstallerPolicy) if one.allows_users and "AlwaysInstallElevated" in one.setting
    ]
    assert bool(elevated) == host.elevates_installers
    sockets = {(one.protocol.value, one.port) for one in reading.of(Listener)}
    planted = {("tcp", port) for name in host.running for port in PROGRAMS[name].ports}
    planted |= {(one.protocol, one.port) for one in host.listeners} | {("tcp", port) for port in ports}
    assert sockets >= planted
    services = {one.name for one in reading.of(Service)}
    assert services >= {one.name for one in host.services}
    modes = {one.mode for one in reading.of(ExecutionControl) if one.mechanism == "applocker" and not one.subject}
    assert modes == ({"enforcing"} if host.applocker else {"off"})
    profiles = [one.is_loaded for one in reading.of(UserProfile)]
    assert profiles.count(False) == host.logged_off
    if "logons.windows" not in host.outcomes:
        told = {(one.user, one.source) for one in reading.of(RemoteLogon)}
        assert told == {(user, address) for _, user, address in host.logons}


def test_each_case_says_what_it_is_based_on() -> None:
    assert {about["basis"] for about in _CASES.values()} == {"documented", "synthetic"}
    assert {about["host"]["release"] for about in _CASES.values()} >= {
        "windows-10", "windows-11", "server-2016", "server-2019", "server-2022", "server-2025",
    }  # fmt: skip
    assert all(about["os"] == "windows" and about["how"] and about["version"] for about in _CASES.values())


def test_the_host_with_many_rules_has_them() -> None:
    host = described(_CASES["many-rules"]["host"])
    rules = [row for row in firewall_rows(host) if row[0] == "rule"]
    assert len(rules) == len({row[2] for row in rules}) > host.firewall_rules == 900


def test_a_line_that_no_reader_knows_would_be_noticed(ask: Ask) -> None:
    host = WindowsHost(rows={"system.windows": (("version", "Windows 12"),)})
    section = read(ask(host)).sections["system.windows"]
    assert [one.text for one in section.unread] == ["version\tWindows 12"]


def test_secrets_in_command_lines_stay_behind(ask: Ask) -> None:
    secret, command = "hunter2-of-the-host", '"C:\\x.exe" --password hunter2-of-the-host'
    run = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run"
    host = WindowsHost(
        services=(HostService(name="x", command=command),),
        rows={
            "services.traces": (("run", "", run, "x", command), ("task", "\\", "x", 3, "", "program", "x", command)),
            "logons.windows": (("install", "System", "2026-11-19T09:00:00Z", "x", "LocalSystem", command),),
            "remote_config.vnc": (
                ("key", "ultravnc", "", "C:\\ultravnc.ini"),
                ("value", "service_commandline", 3, command),
            ),
        },
    )
    evidence = ask(host)
    redacted = {section.id: section.redactions for section in evidence.sections if section.redactions}
    assert redacted == {"services.windows": 1, "services.traces": 2, "logons.windows": 1, "remote_config.vnc": 1}
    assert all(secret not in section.text for section in evidence.sections)


def test_a_name_that_would_part_rows_stays_in_its_field(ask: Ask) -> None:
    """An administrator of the host, or who became one, chooses names; none can forge a row, a marker or a section."""
    name = "x\r\n@end services.windows 0\n@begin software.uninstall\n|\tTeamViewer\tTeamViewer\ud800"
    host = WindowsHost(services=(HostService(name=name, command="=cmd|' /C calc'!A0"),))
    reading = read(ask(host))
    (forged,) = [one for one in reading.of(Service) if one.name.startswith("x")]
    assert forged.name.startswith(
        "x^u000d^u000a@end services.windows 0^u000a@begin software.uninstall^u000a|^u0009Team"
    )
    assert {one.product for one in match(reading, load_catalogue())} & PROGRAMS.keys() == set()


def test_a_product_that_is_not_planted_is_not_found(ask: Ask) -> None:
    clean = read(ask(WindowsHost()))
    assert {one.product for one in match(clean, load_catalogue())} & PROGRAMS.keys() == set()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("Ämter ^", "^u00c4mter ^u005e", id="letters-and-the-mark-itself"),
        pytest.param("\N{DESKTOP COMPUTER}", "^ud83d^udda5", id="two-units"),
        pytest.param("a\tb\n", "a^u0009b^u000a", id="what-would-part-rows"),
    ],
)
def test_text_is_written_as_the_probe_writes_it(text: str, written: str) -> None:
    assert plain(text) == written
