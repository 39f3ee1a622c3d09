"""Administrators of a Mac, and whom its sudoers let be root."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.software_installers import CONTROL
from auditor.model.facts.accounts import Account, Group, SudoRule
from auditor.model.policy import Installers, Settings

Make = Callable[..., Any]
ROOT = Account(name="root", uid=0, gid=0)
ALICE = Account(name="alice", uid=501, gid=20)
BOB = Account(name="bob", uid=502, gid=20)
STAFF = Group(name="staff", gid=20, members=("root",))
ADMIN = Group(name="admin", gid=80, members=("root", "alice"))
WHEEL = Group(name="wheel", gid=0, members=("root",))
PEOPLE = (ROOT, ALICE, BOB, STAFF, WHEEL)
IT = Group(name="it", gid=600, members=("bob", "admin"))
STOCK = SudoRule(principal="%admin", hosts=("ALL",), run_as=("ALL",), commands=("ALL",), file="/etc/sudoers", line=1)


def a_rule(principal: str, *commands: str) -> SudoRule:
    return SudoRule(
        principal=principal, hosts=("ALL",), run_as=("ALL",), commands=commands or ("ALL",), needs_password=False,
        file="/etc/sudoers", line=2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "installers", "principals"),
    [
        pytest.param((ADMIN, STOCK), {"groups": ("admin",)}, [], id="administrators-are-approved-as-a-group"),
        pytest.param((ADMIN, STOCK), {}, ["alice"], id="once-for-group-and-sudoers"),
        pytest.param((ADMIN, STOCK), {"users": ("root", "alice")}, [], id="approved-by-name"),
        pytest.param((ADMIN, STOCK), {"users": ()}, ["root", "alice"], id="root-too-has-to-be-approved"),
        pytest.param((ADMIN, STOCK, a_rule("bob")), {"groups": ("admin",)}, ["bob"], id="a-rule-of-his-own"),
        pytest.param(
            (ADMIN, a_rule("bob", "/usr/sbin/installer -pkg *")),
            {"groups": ("admin",)},
            ["bob"],
            id="the-installer-is-enough",
        ),
        pytest.param(
            (ADMIN, a_rule("bob", "/usr/sbin/softwareupdate")),
            {"groups": ("admin",)},
            [],
            id="updates-of-apple-are-not",
        ),
        pytest.param(
            (Group(name="admin", gid=80, members=("root", "it")), IT), {}, ["bob"], id="a-nested-group-in-a-ring"
        ),
        pytest.param(
            (Group(name="admin", gid=80, members=("root", "it")), IT),
            {"groups": ("it",)},
            [],
            id="a-nested-group-approved",
        ),
        pytest.param(
            (Group(name="admin", gid=80, members=("EXAMPLE\\jane",)),),
            {},
            ["EXAMPLE\\jane"],
            id="a-user-of-a-directory",
        ),
        pytest.param(
            (ADMIN, a_rule("%example\\it")), {"groups": ("admin",)}, ["%example\\it"], id="a-group-of-a-directory"
        ),
        pytest.param(
            (ADMIN, a_rule("%staff")), {"groups": ("admin",)}, ["alice", "bob"], id="everybody-by-primary-group"
        ),
        pytest.param((ADMIN, Account(name="toor", uid=0)), {"groups": ("admin",)}, ["toor"], id="a-second-root"),
    ],
)
def test_who_may_install(
    on_a_mac: Make, facts: tuple[object, ...], installers: dict[str, Any], principals: list[str]
) -> None:
    case = on_a_mac(*PEOPLE, *facts, section="accounts.macos", settings=Settings(installers=Installers(**installers)))
    found = CONTROL.assess(case)
    assert [one.subject for one in found.violations] == [f"principal:{name}" for name in principals]
    assert found.gaps == ()
    assert not any("gpasswd" in step for one in found.violations for step in one.remediation)


def test_a_list_without_administrators_is_not_whole(on_a_mac: Make) -> None:
    found = CONTROL.assess(on_a_mac(*PEOPLE, section="accounts.macos"))
    assert [gap.section for gap in found.gaps] == ["accounts.macos"]
