"""Folders, products and listeners of a Mac, in the words of macOS."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.complete_inventory import CONTROL as INVENTORY
from auditor.controls.control import limits_on
from auditor.controls.exposed_listener import CONTROL as LISTENER
from auditor.controls.registry import controls
from auditor.controls.unapproved_product import CONTROL as PRODUCT
from auditor.controls.writable_program_path import CONTROL as FOLDERS
from auditor.model.evidence import Outcome
from auditor.model.facts.accounts import Account, Group
from auditor.model.facts.appcontrol import WritableProgramPath
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.policy import Installers, Settings
from auditor.model.sighting import Category, Quote, SightingState

Make = Callable[..., Any]
PEOPLE = (
    Account(name="root", uid=0, gid=0),
    Account(name="alice", uid=501, gid=20),
    Account(name="bob", uid=502, gid=20),
    Group(name="wheel", gid=0, members=("root",)),
    Group(name="staff", gid=20, members=("root",)),
    Group(name="admin", gid=80, members=("root", "alice")),
)
JOB = Service(name="x", manager=ServiceManager.LAUNCHD, start=StartMode.AUTOMATIC, command="/Applications/X.app/x")
ADMINS = {"groups": ("admin",)}


def folder(path: str, owner: str, group: str, mode: str, reason: str = "folder of programs") -> WritableProgramPath:
    return WritableProgramPath(path=path, owner=owner, group=group, mode=mode, reason=reason)


BREW = folder("/opt/homebrew/bin", "501", "80", "drwxrwxr-x")


@pytest.mark.parametrize(
    ("facts", "installers", "writers"),
    [
        pytest.param((BREW,), {}, "alice", id="homebrew-is-of-who-installed-it"),
        pytest.param((BREW,), ADMINS, "", id="who-may-install-anyway"),
        pytest.param((folder("/opt/homebrew/bin", "502", "80", "drwxr-xr-x"),), ADMINS, "bob", id="who-may-not"),
        pytest.param(
            (folder("/usr/local/bin", "0", "20", "drwxrwxr-x", "in PATH"),), ADMINS, "bob", id="a-group-of-all"
        ),
        pytest.param((folder("/Applications", "0", "80", "drwxrwxr-x+"), JOB), {}, "alice", id="root-runs-from-there"),
        pytest.param((folder("/Applications", "0", "80", "drwxrwxr-x+"), JOB), ADMINS, "", id="administrators-may"),
        pytest.param((folder("/Applications", "0", "80", "drwxrwxr-x"),), {}, "", id="and-nothing-of-root-runs"),
        pytest.param(
            (folder("/Library/LaunchDaemons", "502", "0", "drwxr-xr-x", "start-up folder"),),
            ADMINS,
            "bob",
            id="where-launchd-looks",
        ),
        pytest.param((folder("/usr/local/bin", "0", "0", "drwxrwxr-x", "in PATH"),), {}, "", id="wheel-is-root-alone"),
        pytest.param(
            (
                folder("/usr/local/bin", "0", "0", "drwxrwxr-x", "in PATH"),
                Group(name="wheel", gid=0, members=("root", "bob")),
            ),
            {},
            "bob",
            id="unless-somebody-joined",
        ),
        pytest.param(
            (folder("/usr/local/bin", "0", "0", "drwxrwxrwx", "in PATH"),), ADMINS, "everybody", id="everybody"
        ),
    ],
)
def test_folders_that_others_write_to(
    on_a_mac: Make, facts: tuple[object, ...], installers: dict[str, Any], writers: str
) -> None:
    settings = Settings(installers=Installers(**installers))
    found = FOLDERS.assess(on_a_mac(*PEOPLE, *facts, section="appcontrol.macos_modes", settings=settings))
    assert [one.reason.partition(" may write")[0] for one in found.violations] == ([writers] if writers else [])
    assert all("root:wheel" in one.remediation[1] for one in found.violations)
    assert found.gaps == ()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({"category": Category.BUILTIN}, "System Settings", id="a-part-of-macos"),
        pytest.param({"proof": (Quote(section="software.homebrew", quote="x"),)}, "brew uninstall", id="of-homebrew"),
        pytest.param({"proof": (Quote(section="software.receipts", quote="x"),)}, "pkgutil --forget", id="a-receipt"),
        pytest.param({"proof": (Quote(section="software.apps", quote="x"),)}, "launchctl bootout", id="an-app"),
        pytest.param({"proof": (Quote(section="software.portable", quote="x"),)}, "delete the files", id="a-file"),
    ],
)
def test_how_a_product_goes(on_a_mac: Make, a_use: Make, more: dict[str, Any], said: str) -> None:
    use = a_use(state=SightingState.INSTALLED, **more)
    (violation,) = PRODUCT.assess(on_a_mac(section="software.apps", products=(use,))).violations
    assert said in " ".join(violation.remediation)


def test_screen_sharing_is_switched_off_and_not_bound(on_a_mac: Make, an_exposure: Make) -> None:
    exposure = an_exposure(
        product="apple-screen-sharing", product_name="Screen Sharing (macOS)", process="launchd", pid=1
    )
    (violation,) = LISTENER.assess(on_a_mac(exposures=(exposure,))).violations
    assert "Sharing" in violation.remediation[0]
    assert "127.0.0.1" not in violation.remediation[0]


def test_an_inventory_that_lacks_something_breaks_after_a_while(on_a_mac: Make) -> None:
    assert INVENTORY.needs[OsFamily.MACOS] == ("*",)
    assert INVENTORY.assess(on_a_mac(section="remote_config.privacy", outcome=Outcome.DENIED)).violations == ()


def test_what_is_about_windows_is_not_judged() -> None:
    for name in ("windows_installer_policy", "remote_desktop"):
        assert OsFamily.MACOS in controls()[name].not_on


def test_limits_of_a_mac_are_its_own() -> None:
    told = {limit.id for control in controls().values() for limit in limits_on(control, OsFamily.MACOS)}
    assert {"app_places", "macos_management", "macos_interpreters", "ard_privileges"} <= told
    assert not {"walk-places", "interpreters", "program_traces"} & told
