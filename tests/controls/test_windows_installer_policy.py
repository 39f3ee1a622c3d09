from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.windows_installer_policy import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.accounts import InstallerPolicy
from auditor.model.host import OsFamily
from auditor.model.policy import Settings
from auditor.model.record import replace
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host

Make = Callable[..., Any]
_KEY = "SOFTWARE\\Policies\\Microsoft\\Windows\\Installer"
_STORE = "SOFTWARE\\Policies\\Microsoft\\WindowsStore"
JANE = "S-1-5-21-1-2-3-1001"


def policy(name: str, value: str, hive: str = "HKLM", key: str = _KEY) -> InstallerPolicy:
    return InstallerPolicy(setting=f"{hive}\\{key}\\{name}", value=value, allows_users=None)


def elevated(value: str, hive: str = "HKLM") -> InstallerPolicy:
    return policy("AlwaysInstallElevated", value, hive)


MACHINE, USER = elevated("1"), elevated("1", f"HKU\\{JANE}")
KEPT = (policy("DisableMSI", "1"), policy("RemoveWindowsStore", "1", key=_STORE))


@pytest.fixture
def on_windows(a_case: Make, a_section: Make) -> Callable[..., Case]:
    def make(
        *facts: object, users: bool = True, logged_off: bool = False, outcome: Outcome = Outcome.COLLECTED
    ) -> Case:
        profiles = a_section("software.logged_off", Outcome.PARTIAL if logged_off else Outcome.COLLECTED)
        sections = (a_section("accounts.install_policy", outcome), profiles)
        case: Case = a_case(*facts, sections=sections, settings=Settings(user_installs=users))
        return replace(case, head=replace(case.head, os=OsFamily.WINDOWS))

    return make


@pytest.mark.parametrize(
    ("facts", "subjects"),
    [
        pytest.param((MACHINE, USER), ["setting:AlwaysInstallElevated"], id="in-both-hives"),
        pytest.param((MACHINE,), [], id="the-machine-alone"),
        pytest.param((USER,), [], id="a-user-alone"),
        pytest.param((MACHINE, elevated("0", f"HKU\\{JANE}")), [], id="the-user-says-no"),
        pytest.param((elevated("0"), USER), [], id="the-machine-says-no"),
        pytest.param((), [], id="nothing-is-set"),
    ],
)
def test_installing_with_the_systems_rights(on_windows: Make, facts: tuple[object, ...], subjects: list[str]) -> None:
    found = CONTROL.assess(on_windows(*facts))
    assert [one.subject for one in found.violations] == subjects
    assert all(JANE in one.reason for one in found.violations)


@pytest.mark.parametrize(
    ("facts", "subjects"),
    [
        pytest.param(KEPT, [], id="both-are-kept-from-users"),
        pytest.param((), ["setting:DisableMSI", "setting:WindowsStore"], id="nothing-keeps-them"),
        pytest.param(
            (policy("DisableMSI", "0"), KEPT[1]), ["setting:DisableMSI"], id="the-installer-is-open-to-everybody"
        ),
        pytest.param((policy("DisableUserInstalls", "1"), KEPT[1]), [], id="no-installs-for-oneself"),
        pytest.param(
            (policy("DisableMSI", "1", f"HKU\\{JANE}"), KEPT[1]), ["setting:DisableMSI"], id="a-user-binds-only-himself"
        ),
    ],
)
def test_installing_for_oneself_where_the_policy_forbids_it(
    on_windows: Make, facts: tuple[object, ...], subjects: list[str]
) -> None:
    assert [one.subject for one in CONTROL.assess(on_windows(*facts, users=False)).violations] == subjects


def test_what_half_an_answer_lacks_breaks_nothing(on_windows: Make) -> None:
    assert CONTROL.assess(on_windows(users=False, outcome=Outcome.PARTIAL)).violations == ()


def test_users_who_are_logged_off_matter_where_the_machine_has_its_half(on_windows: Make) -> None:
    assert [one.section for one in CONTROL.assess(on_windows(MACHINE, logged_off=True)).gaps] == ["software.logged_off"]
    assert CONTROL.assess(on_windows(MACHINE)).gaps == ()
    assert CONTROL.assess(on_windows(logged_off=True)).gaps == ()


def _windows(*facts: object, blind: tuple[str, ...] = ()) -> Case:
    return a_host({"accounts.install_policy": facts}, os=OsFamily.WINDOWS, blind=blind)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _windows(MACHINE, USER),
    Verdict.PASS: lambda: _windows(MACHINE),
    Verdict.UNKNOWN: lambda: _windows(blind=("accounts.install_policy",)),
}
