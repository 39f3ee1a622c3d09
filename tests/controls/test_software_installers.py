from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.software_installers import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.accounts import Account, DoasRule, Group, PolkitGrant, SudoRule
from auditor.model.facts.processes import Process
from auditor.model.facts.software import Software
from auditor.model.policy import Installers, Settings
from auditor.model.record import replace
from auditor.model.verdict import Severity, Verdict
from tests.controls.cases import a_host

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


DISK = Group(name="disk", gid=6, members=("alice",))
DOCKER = Group(name="docker", gid=998, members=("alice",))
DOCKERD = Process(pid=7, parent=1, user="root", uid=0, name="dockerd", executable="/usr/bin/dockerd")


def doas(principal: str, *, permits: bool = True, command: str = "", target: str = "") -> DoasRule:
    return DoasRule(permits=permits, principal=principal, target=target, command=command, file="/etc/doas.conf", line=1)


def polkit(principal: str, action: str = "org.freedesktop.packagekit.package-install", where: str = "anywhere") -> Any:
    answer = "auth_admin" if action == "*" else "yes"
    return PolkitGrant(
        principal=principal, action=action, answer=answer, where=where, file="/etc/polkit-1/rules.d/a.rules"
    )


@pytest.mark.parametrize(
    ("facts", "principals"),
    [
        pytest.param([doas("alice")], ["alice"], id="doas-any-command"),
        pytest.param([doas("alice", target="postgres")], [], id="doas-as-somebody-else"),
        pytest.param([doas("alice", command="/usr/bin/systemctl")], [], id="doas-one-harmless-command"),
        pytest.param([doas("alice", command="/sbin/apk")], ["alice"], id="doas-a-package-manager"),
        pytest.param([Group(name="wheel", members=("alice",)), doas("%wheel")], ["alice"], id="doas-a-group"),
        pytest.param([doas("alice"), doas("alice", permits=False)], [], id="doas-the-last-rule-decides"),
        pytest.param([doas("alice", permits=False), doas("alice")], ["alice"], id="doas-a-denial-before-it-does-not"),
        pytest.param(
            [doas("alice"), doas("alice", permits=False, command="/bin/sh")], ["alice"], id="doas-one-command-less"
        ),
        pytest.param(
            [Group(name="wheel", members=("alice", "bob")), doas("%wheel"), doas("bob", permits=False)], ["alice"],
            id="doas-a-member-less",
        ),
        pytest.param([polkit("alice")], ["alice"], id="polkit-a-user"),
        pytest.param([polkit("ALL", where="at the console")], ["ALL"], id="polkit-everybody"),
        pytest.param([Group(name="ops", members=("alice",)), polkit("%ops")], ["alice"], id="polkit-a-group"),
        pytest.param([Group(name="sudo", members=("alice",)), polkit("%sudo", "*")], ["alice"], id="polkit-admins"),
        pytest.param([Group(name="sudo"), polkit("%sudo", "*")], [], id="polkit-admins-that-are-none"),
        pytest.param([ALICE, polkit("#1000", "*")], ["alice"], id="polkit-by-number"),
        pytest.param([DISK], ["alice"], id="the-disks-are-always-there"),
        pytest.param([DOCKER], [], id="docker-was-removed-and-left-its-group"),
        pytest.param([DOCKER, DOCKERD], ["alice"], id="docker-runs"),
        pytest.param(
            [DOCKER, Software(name="docker-ce", version="28", source="software.dpkg")], ["alice"],
            id="docker-is-installed",
        ),
        pytest.param([Group(name="docker", gid=998), DOCKERD], [], id="docker-for-nobody"),
    ],
)  # fmt: skip
def test_who_may_install_without_sudo(a_case: Make, facts: list[object], principals: list[str]) -> None:
    found = CONTROL.assess(a_case(*facts))
    assert ([violation.subject for violation in found.violations], found.gaps) == (
        [f"principal:{name}" for name in principals],
        (),
    )


def test_a_group_of_what_was_not_seen_is_a_gap(a_case: Make, a_section: Make) -> None:
    found = CONTROL.assess(a_case(DOCKER, sections=(a_section("software.dpkg", Outcome.FAILED),)))
    assert (found.violations, [gap.section for gap in found.gaps]) == ((), ["software.*"])


def test_an_approved_group_opens_nothing(a_case: Make) -> None:
    settings = Settings(installers=Installers(groups=("docker", "ops")))
    facts = (DOCKER, DOCKERD, Group(name="ops", members=("bob",)), polkit("%ops"), doas("%ops"))
    assert CONTROL.assess(a_case(*facts, settings=settings)).violations == ()


def test_who_sits_at_the_console_matters_less(a_case: Make) -> None:
    (violation,) = CONTROL.assess(a_case(polkit("ALL", where="at the console"))).violations
    assert violation.severity is Severity.LOW
    assert violation.reason.startswith("everybody is let use org.freedesktop.packagekit.package-install of polkit")


def test_without_rights_polkit_is_not_accused(a_case: Make) -> None:
    case = a_case(polkit("alice"))
    assert CONTROL.assess(replace(case, head=replace(case.head, rights=Rights.USER))).violations == ()


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: a_host({"accounts.users": [ROOT, ALICE], "accounts.sudoers": [a_rule("alice")]}),
    Verdict.PASS: lambda: a_host({"accounts.users": [ROOT, ALICE]}),
    Verdict.UNKNOWN: lambda: a_host({"accounts.users": [ROOT, ALICE]}, blind=("accounts.sudoers",)),
}
ALWAYS_APPLIES = "on every system somebody may install"
