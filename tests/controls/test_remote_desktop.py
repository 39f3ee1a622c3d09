import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.remote_desktop import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.remote_config import RemoteAccessSetting, RemoteManagement
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.record import replace
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host

Make = Callable[..., Any]
_LOCAL = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp"
_SECOND = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\Second"
_SERVICE = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters"
_POLICY = "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services"


def feature(name: str, *, on: bool) -> RemoteManagement:
    return RemoteManagement(feature=name, is_enabled=on, detail="said")


def setting(key: str, value: str, file: str = _LOCAL) -> RemoteAccessSetting:
    return RemoteAccessSetting(product="microsoft-rdp", key=key, value=value, file=file)


RDP, NO_RDP = feature("remote desktop", on=True), feature("remote desktop", on=False)
HELP = feature("remote assistance", on=True)
POLICY_NLA = setting("UserAuthentication", "1", _POLICY)
NLA = setting("UserAuthentication", "1")


@pytest.fixture
def on_windows(a_case: Make, a_section: Make) -> Callable[..., Case]:
    def make(*facts: object, outcome: Outcome = Outcome.COLLECTED) -> Case:
        case: Case = a_case(*facts, sections=(a_section("remote_config.rdp", outcome, lines=("a line",)),))
        facts_of = {
            kind: tuple(Found(one.fact, "remote_config.rdp", 1) for one in found)
            for kind, found in case.reading.facts.items()
        }
        reading = dataclasses.replace(case.reading, os=OsFamily.WINDOWS, facts=facts_of)
        return replace(case, head=replace(case.head, os=OsFamily.WINDOWS), reading=reading)

    return make


@pytest.mark.parametrize(
    ("facts", "subjects"),
    [
        pytest.param((RDP, NLA), [], id="on-with-nla"),
        pytest.param((RDP, setting("UserAuthentication", "0")), ["setting:UserAuthentication"], id="on-without"),
        pytest.param((RDP,), ["setting:UserAuthentication"], id="not-set-is-not-asked-for"),
        pytest.param((RDP, NLA, setting("SecurityLayer", "0")), ["setting:SecurityLayer"], id="its-own-encryption"),
        pytest.param((RDP, NLA, setting("SecurityLayer", "2")), [], id="tls"),
        pytest.param((RDP, NLA, setting("Shadow", "2", _POLICY)), ["setting:Shadow"], id="taken-over-unasked"),
        pytest.param((RDP, NLA, setting("Shadow", "1", _POLICY)), [], id="taken-over-with-consent"),
        pytest.param(
            (RDP, NLA, setting("UserAuthentication", "0", _POLICY)), ["setting:UserAuthentication"], id="policy-wins"
        ),
        pytest.param((RDP, NLA, setting("PortNumber", "3390", _SECOND)), ["setting:UserAuthentication"],
                     id="a-second-listener-without"),
        pytest.param((RDP, NLA, setting("PortNumber", "3390", _SECOND), setting("fEnableWinStation", "0", _SECOND)), [],
                     id="which-is-switched-off"),
        pytest.param((RDP, NLA, setting("ServiceDll", "C:\\Program Files\\RDP Wrapper\\rdpwrap.dll", _SERVICE)),
                     ["setting:ServiceDll"], id="another-library"),
        pytest.param((RDP, NLA, setting("ServiceDll", "%SystemRoot%\\System32\\termsrv.dll", _SERVICE)), [],
                     id="windows-own-library"),
        pytest.param((RDP, setting("UserAuthentication (overridden)", "0"), POLICY_NLA), [],
                     id="policy-wins-for-the-better-too"),
        pytest.param((NO_RDP, HELP, setting("fAllowUnsolicited", "1", _POLICY)), ["setting:fAllowUnsolicited"],
                     id="help-that-nobody-asked-for"),
        pytest.param((NO_RDP, HELP, setting("UserAuthentication", "0")), [], id="settings-of-what-is-off"),
    ],
)  # fmt: skip
def test_what_breaks_it(on_windows: Make, facts: tuple[object, ...], subjects: list[str]) -> None:
    assert [one.subject for one in CONTROL.assess(on_windows(*facts)).violations] == subjects


def test_where_both_are_off_it_does_not_apply_and_says_where_that_stands(on_windows: Make) -> None:
    found = CONTROL.assess(on_windows(NO_RDP, feature("remote assistance", on=False)))
    assert found.inapplicable is not None
    assert len(found.inapplicable.proof) == 2


def test_what_was_not_said_is_a_gap(on_windows: Make) -> None:
    assert [one.section for one in CONTROL.assess(on_windows()).gaps] == ["remote_config.rdp"]


def test_a_setting_that_is_missing_from_half_an_answer_breaks_nothing(on_windows: Make) -> None:
    assert CONTROL.assess(on_windows(RDP, outcome=Outcome.PARTIAL)).violations == ()


def test_it_is_not_about_other_systems() -> None:
    assert set(CONTROL.not_on) == {OsFamily.LINUX, OsFamily.MACOS}


def _windows(*facts: object, blind: tuple[str, ...] = ()) -> Case:
    return a_host({"remote_config.rdp": facts}, os=OsFamily.WINDOWS, blind=blind)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _windows(RDP),
    Verdict.PASS: lambda: _windows(RDP, NLA),
    Verdict.UNKNOWN: lambda: _windows(blind=("remote_config.rdp",)),
    Verdict.NOT_APPLICABLE: lambda: _windows(NO_RDP, feature("remote assistance", on=False)),
}
