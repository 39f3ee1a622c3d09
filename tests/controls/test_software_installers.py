from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.software_installers import CONTROL
from auditor.model.facts.accounts import Account, Group, SudoRule
from auditor.model.policy import Installers, Settings

Make = Callable[..., Any]

ROOT = Account(name="root", uid=0, gid=0)
ALICE = Account(name="alice", uid=1000, gid=1000)
BOB = Account(name="bob", uid=1001, gid=27)


def a_rule(principal: str, *commands: str, hosts: tuple[str, ...] = ("ALL",), run_as: tuple[str, ...] = ()) -> SudoRule:
    return SudoRule(
        principal=principal, hosts=hosts, run_as=run_as, commands=commands or ("ALL",), file="/etc/sudoers", line=1
    )


@pytest.mark.parametrize(
    ("facts", "principals"),
    [
        pytest.param([ROOT, ALICE], [], id="root-alone"),
        pytest.param([ROOT, Account(name="toor", uid=0)], ["toor"], id="a-second-uid-0"),
        pytest.param([ROOT, a_rule("root")], [], id="the-stock-sudoers-line"),
        pytest.param([ROOT, ALICE, a_rule("alice")], ["alice"], id="sudo-all"),
        pytest.param([ALICE, a_rule("#1000")], ["alice"], id="by-number"),
        pytest.param([ALICE, a_rule("alice", "/usr/bin/apt-get install *")], ["alice"], id="a-package-manager"),
        pytest.param([ALICE, a_rule("alice", "/bin/bash")], ["alice"], id="a-shell"),
        pytest.param([ALICE, a_rule("alice", "/usr/local/bin/")], ["alice"], id="a-whole-folder"),
        pytest.param([ALICE, a_rule("alice", "/usr/bin/systemctl restart nginx")], [], id="one-harmless-command"),
        pytest.param([ALICE, a_rule("alice", "!/bin/bash")], [], id="an-exclusion-grants-nothing"),
        pytest.param([ALICE, a_rule("alice", run_as=("postgres",))], [], id="as-somebody-else-than-root"),
        pytest.param([ALICE, a_rule("alice", run_as=("ALL",))], ["alice"], id="as-anybody"),
        pytest.param([ALICE, a_rule("alice", hosts=("db1",))], [], id="on-another-host"),
        pytest.param([ALICE, a_rule("alice", hosts=("web1",))], ["alice"], id="on-this-host"),
        pytest.param([Group(name="sudo", gid=27), a_rule("%sudo")], [], id="an-empty-group"),
        pytest.param([Group(name="sudo", gid=27, members=("alice",)), a_rule("%sudo")], ["alice"], id="a-member"),
        pytest.param([BOB, Group(name="sudo", gid=27), a_rule("%sudo")], ["bob"], id="by-primary-group"),
        pytest.param([Group(name="sudo", gid=27, members=("alice",)), a_rule("%#27")], ["alice"], id="group-by-number"),
        pytest.param([a_rule("%domain admins")], ["%domain admins"], id="a-group-of-the-directory"),
        pytest.param([a_rule("ALL")], ["ALL"], id="everybody"),
    ],
)
def test_who_may_install(a_case: Make, facts: list[object], principals: list[str]) -> None:
    found = CONTROL.assess(a_case(*facts))
    assert [violation.subject for violation in found.violations] == [f"principal:{name}" for name in principals]
    assert found.gaps == ()


@pytest.mark.parametrize(
    "settings",
    [
        Settings(installers=Installers(users=("root", "alice"))),
        Settings(installers=Installers(groups=("sudo",))),
        Settings(service_accounts=("alice",)),
    ],
)
def test_the_policy_approves_users_groups_and_its_own_accounts(a_case: Make, settings: Settings) -> None:
    facts = (ALICE, Group(name="sudo", gid=27, members=("alice",)), a_rule("%sudo"))
    assert CONTROL.assess(a_case(*facts, settings=settings)).violations == ()


def test_a_host_list_that_cannot_be_told_is_a_gap(a_case: Make) -> None:
    found = CONTROL.assess(a_case(ALICE, a_rule("alice", hosts=("10.0.0.0/8",))))
    assert (found.violations, len(found.gaps)) == ((), 1)


def test_one_person_is_one_finding_however_many_ways_there_are(a_case: Make) -> None:
    facts = (ALICE, Group(name="sudo", gid=27, members=("alice",)), a_rule("%sudo"), a_rule("alice"))
    assert len(CONTROL.assess(a_case(*facts)).violations) == 1
