"""How Screen Sharing and Remote Management of macOS let people in."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.screen_sharing import CONTROL
from auditor.model.case import Case
from auditor.model.facts.remote_config import RemoteAccessSetting, RemoteManagement
from auditor.model.host import OsFamily
from auditor.model.verdict import Severity, Verdict
from tests.controls.cases import a_host

Make = Callable[..., Any]
_PLIST = "/Library/Preferences/com.apple.RemoteManagement.plist"
_FILE = "/Library/Preferences/com.apple.VNCSettings.txt"


def feature(name: str, *, on: bool, users: tuple[str, ...] = ()) -> RemoteManagement:
    return RemoteManagement(feature=name, is_enabled=on, detail="said", users=users)


def setting(key: str, value: str, file: str = _PLIST) -> RemoteAccessSetting:
    return RemoteAccessSetting(product="apple-remote-management", key=key, value=value, file=file)


SHARING = feature("screen sharing", on=True, users=("alice",))
OPEN_SHARING = feature("screen sharing", on=True)
NO_SHARING = feature("screen sharing", on=False)
ARD = feature("remote management", on=True, users=("alice",))
NO_ARD = feature("remote management", on=False)
LEGACY, NO_LEGACY = setting("VNCLegacyConnectionsEnabled", "true"), setting("VNCLegacyConnectionsEnabled", "0")
PASSWORD = setting("legacy VNC password", "(set)", _FILE)
VNC = "setting:VNCLegacyConnectionsEnabled"


@pytest.mark.parametrize(
    ("facts", "subjects"),
    [
        pytest.param((SHARING, NO_ARD), [], id="named-users-only"),
        pytest.param((SHARING, NO_ARD, NO_LEGACY), [], id="the-legacy-password-is-off"),
        pytest.param((SHARING, NO_ARD, LEGACY, PASSWORD), [VNC], id="viewers-by-the-legacy-password"),
        pytest.param((SHARING, NO_ARD, LEGACY), [VNC], id="which-may-stand-elsewhere"),
        pytest.param((SHARING, NO_ARD, PASSWORD), [VNC], id="a-password-that-is-kept"),
        pytest.param((SHARING, NO_ARD, NO_LEGACY, PASSWORD), [VNC], id="even-where-it-is-off"),
        pytest.param((OPEN_SHARING, NO_ARD), ["users:apple-screen-sharing"], id="nobody-is-named"),
        pytest.param((NO_SHARING, ARD), [], id="remote-management-for-named-users"),
        pytest.param(
            (NO_SHARING, feature("remote management", on=True)),
            ["users:apple-remote-management"],
            id="nobody-named-there",
        ),
        pytest.param(
            (NO_SHARING, ARD, setting("ARD_AllLocalUsers", "1")),
            ["users:apple-remote-management"],
            id="all-local-users",
        ),
        pytest.param(
            (NO_SHARING, feature("remote management", on=True), setting("ARD_AllLocalUsers", "false")),
            [],
            id="rights-of-each-user-and-nobody-has-any",
        ),
        pytest.param(
            (SHARING, NO_ARD, setting("ScreenSharingReqPermEnabled", "1")),
            ["setting:ScreenSharingReqPermEnabled"],
            id="anyone-may-ask",
        ),
        pytest.param((SHARING, NO_ARD, setting("ScreenSharingReqPermEnabled", "0")), [], id="nobody-may-ask"),
    ],
)
def test_what_breaks_it(on_a_mac: Make, facts: tuple[object, ...], subjects: list[str]) -> None:
    found = CONTROL.assess(on_a_mac(*facts))
    assert [one.subject for one in found.violations] == subjects
    assert all(one.proof and one.remediation and one.product for one in found.violations)
    assert (found.gaps, found.inapplicable) == ((), None)


@pytest.mark.parametrize(
    ("facts", "severity"),
    [((LEGACY, PASSWORD), Severity.HIGH), ((PASSWORD,), Severity.MEDIUM), ((NO_LEGACY, PASSWORD), Severity.LOW)],
)
def test_a_password_that_lets_in_weighs_more(on_a_mac: Make, facts: tuple[object, ...], severity: Severity) -> None:
    (violation,) = CONTROL.assess(on_a_mac(SHARING, NO_ARD, *facts)).violations
    assert violation.severity is severity


def test_it_does_not_apply_where_both_are_off(on_a_mac: Make) -> None:
    found = CONTROL.assess(on_a_mac(NO_SHARING, NO_ARD, LEGACY, PASSWORD))
    assert found.inapplicable is not None
    assert len(found.inapplicable.proof) == 2


@pytest.mark.parametrize("facts", [(), (NO_SHARING,), (NO_ARD,), (SHARING,)])
def test_what_was_not_said_is_a_gap(on_a_mac: Make, facts: tuple[object, ...]) -> None:
    found = CONTROL.assess(on_a_mac(*facts))
    assert found.gaps
    assert found.inapplicable is None
    assert "Full Disk Access" in found.gaps[0].advice


def _mac(*facts: object, blind: tuple[str, ...] = ()) -> Case:
    return a_host({"remote_config.sharing": facts}, os=OsFamily.MACOS, blind=blind)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _mac(OPEN_SHARING, NO_ARD),
    Verdict.PASS: lambda: _mac(SHARING, NO_ARD),
    Verdict.UNKNOWN: lambda: _mac(blind=("remote_config.sharing",)),
    Verdict.NOT_APPLICABLE: lambda: _mac(NO_SHARING, NO_ARD),
}
