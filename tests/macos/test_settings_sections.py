"""What the sections of settings, grants, profiles, execution and logons say of the eight Macs, in every shell."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from auditor.model.evidence import Outcome
from auditor.model.facts.appcontrol import ExecutionControl, WritableProgramPath
from auditor.model.facts.logons import RemoteLogon
from auditor.model.facts.remote_config import (
    BrowserExtension,
    ManagedProfile,
    PrivacyGrant,
    RemoteAccessSetting,
    RemoteManagement,
)
from tests.macos.fake_mac import HOSTS, SHELLS, FakeMac
from tests.macos.sections import Told, facts, said

SECTIONS = (
    "appcontrol.macos",
    "appcontrol.macos_modes",
    "logons.macos",
    "remote_config.extensions",
    "remote_config.privacy",
    "remote_config.profiles",
    "remote_config.sharing",
)
MacOf = Callable[[str], FakeMac]


def _said(mac: FakeMac, *sections: str, **how: Any) -> Told:
    return said(mac, *(sections or SECTIONS), **how)


@pytest.mark.parametrize("host", HOSTS)
def test_every_section_answers_whole(host: str, mac_of: MacOf) -> None:
    told = _said(mac_of(host))
    assert set(told) == set(SECTIONS)
    for name, (answer, parsed) in told.items():
        is_none = name == "remote_config.extensions" and not parsed.facts
        assert answer.outcome is (Outcome.ABSENT if is_none else Outcome.COLLECTED), (name, answer)
        assert (parsed.unread, parsed.partial, parsed.limits) == ((), None, ()), name


@pytest.mark.parametrize("shell", [name for name in SHELLS if name != "dash"])
@pytest.mark.parametrize("host", ["macos14-dirty", "macos26-clean"])
def test_every_shell_says_the_same(host: str, shell: str, mac_of: MacOf) -> None:
    if shutil.which(SHELLS[shell]) is None:
        pytest.skip(f"{shell} is not installed")
    first, second = _said(mac_of(host)), _said(mac_of(host), shell=shell)
    assert {name: answer.text for name, (answer, _) in first.items()} == {
        name: answer.text for name, (answer, _) in second.items()
    }


@pytest.mark.parametrize(
    ("host", "on"),
    [
        *((f"macos{version}-clean", {"remote login": ("group admin",)}) for version in (13, 14, 15, 26)),
        (
            "macos13-dirty",
            {"remote login": ("group admin",), "remote management": (), "screen sharing": ()},
        ),
        (
            "macos14-dirty",
            {
                "remote login": ("group admin",),
                "remote management": ("alice", "bob"),
                "screen sharing": ("alice", "bob"),
            },
        ),
        ("macos15-dirty", {"remote login": ("group admin",), "screen sharing": ()}),
        ("macos26-dirty", {"remote login": ("group admin",), "screen sharing": ("bob", "group admin")}),
    ],
)
def test_what_is_on_and_for_whom(host: str, on: dict[str, tuple[str, ...]], mac_of: MacOf) -> None:
    told = _said(mac_of(host), "remote_config.sharing")
    features = facts(told, RemoteManagement)
    assert {one.feature for one in features} == {
        "remote apple events", "remote login", "remote management", "screen sharing",
    }  # fmt: skip
    assert {one.feature: one.users for one in features if one.is_enabled} == on
    settings = {one.key: one.value for one in facts(told, RemoteAccessSetting)}
    assert settings.get("legacy VNC password") == ("(set)" if host.endswith("dirty") else None)
    # It is asked whether the password is there: its file is never read.
    assert "what nobody is to read" not in told["remote_config.sharing"][0].text


@pytest.mark.parametrize(
    ("host", "mode"), [("macos13-dirty", "enforcing"), ("macos14-dirty", "off"), ("macos26-clean", "enforcing")]
)
def test_gatekeeper(host: str, mode: str, mac_of: MacOf) -> None:
    found = {one.mechanism: one.mode for one in facts(_said(mac_of(host), "appcontrol.macos"), ExecutionControl)}
    assert found == {"gatekeeper": mode, "sip": "enforcing"}


@pytest.mark.parametrize(
    ("host", "folders"),
    [
        ("macos14-clean", {"/Applications": "0"}),
        ("macos13-dirty", {"/Applications": "0", "/usr/local/bin": "502", "/opt/tools/bin": "0"}),
        ("macos14-dirty", {"/Applications": "0", "/opt/homebrew": "501", "/opt/homebrew/bin": "501"}),
        # There an entry of an access list lets bob write.
        ("macos15-dirty", {"/Applications": "0", "/usr/local/bin": "502"}),
    ],
)
def test_folders_that_others_write_to(host: str, folders: dict[str, str], mac_of: MacOf) -> None:
    found = facts(_said(mac_of(host), "appcontrol.macos_modes"), WritableProgramPath)
    assert {one.path: one.owner for one in found} == folders


@pytest.mark.parametrize("shell", SHELLS)
def test_settings_of_products_are_told_and_no_secret_is(shell: str, mac_of: MacOf) -> None:
    if shutil.which(SHELLS[shell]) is None:
        pytest.skip(f"{shell} is not installed")
    told = _said(mac_of("macos14-dirty"), "remote_config.products", shell=shell)
    answer, parsed = told["remote_config.products"]
    assert (answer.outcome, parsed.unread, parsed.partial) == (Outcome.COLLECTED, (), None)
    assert {(one.product, one.key, one.value, one.user) for one in facts(told, RemoteAccessSetting)} == {
        ("teamviewer", "OwningManagerAccountName", "Tom & Co <it@example.org>", None),
        ("teamviewer", "OwningManagerCompanyName", "Example", None),
        ("teamviewer", "OptionsPasswordAES", "(set)", None),
        ("teamviewer", "PermanentPassword", "(set)", None),
        ("anydesk", "ad.anynet.id", "987654321", "alice"),
        ("anydesk", "ad.security.interactive_access", "2", "alice"),
        ("anydesk", "ad.anynet.pwd_hash", "(set)", "alice"),
    }
    assert "hunter2-never-told" not in answer.text


def test_a_mac_without_settings_of_products_says_so(mac_of: MacOf) -> None:
    answer, _ = _said(mac_of("macos15-clean"), "remote_config.products")["remote_config.products"]
    assert answer.outcome is Outcome.ABSENT
    assert answer.reason == "there is no file of settings of a product that is known"


def test_grants_need_full_disk_access(mac_of: MacOf) -> None:
    mac = mac_of("macos15-dirty")
    seen = facts(_said(mac, "remote_config.privacy"), PrivacyGrant)
    assert ("ScreenCapture", "com.teamviewer.TeamViewer", True) in {
        (one.service, one.client, one.is_allowed) for one in seen
    }
    answer, parsed = _said(mac, "remote_config.privacy", full_disk=False)["remote_config.privacy"]
    assert (answer.outcome, parsed.facts) == (Outcome.DENIED, ())


def test_profiles_of_the_device_need_root_and_show_no_secret(mac_of: MacOf) -> None:
    mac = mac_of("macos26-clean")
    told = _said(mac, "remote_config.profiles")
    keys = {(one.payload, one.key): one.value for one in facts(told, ManagedProfile)}
    assert keys["com.apple.RemoteManagement", "VNCLegacyConnectionsEnabled"] == "false"
    assert keys["com.apple.mdm", "MDM enrollment"] == "Yes (User Approved)"
    text = told["remote_config.profiles"][0].text
    assert "never-shown" not in text
    assert "Office" not in text
    plain = _said(mac, "remote_config.profiles", become=False)["remote_config.profiles"][0]
    assert plain.outcome is Outcome.PARTIAL


def test_who_came_in(mac_of: MacOf) -> None:
    found = facts(_said(mac_of("macos26-dirty"), "logons.macos"), RemoteLogon)
    assert [(one.product, one.user, one.source, one.succeeded) for one in found] == [
        ("apple-screen-sharing", "", "2001:db8::77", True),
        ("apple-screen-sharing", "bob", "203.0.113.9", True),
        ("ssh", "alice", "192.0.2.200", True),
        ("apple-screen-sharing", "admin", "203.0.113.9", False),
    ]


def test_host_of_chrome_remote_desktop(mac_of: MacOf) -> None:
    found = facts(_said(mac_of("macos26-dirty"), "remote_config.extensions"), BrowserExtension)
    assert {(one.browser, one.identifier) for one in found if one.user is None} == {
        ("chrome", "com.google.chrome.remote_desktop"), ("firefox", "com.google.chrome.remote_desktop"),
    }  # fmt: skip
