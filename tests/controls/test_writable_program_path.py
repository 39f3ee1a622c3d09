from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.writable_program_path import CONTROL
from auditor.model.case import Case
from auditor.model.facts.accounts import Account, Group
from auditor.model.facts.appcontrol import WritableProgramPath
from auditor.model.facts.processes import Process
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.policy import Installers, Settings
from auditor.model.record import replace
from auditor.model.verdict import Severity, Verdict
from tests.controls.cases import a_host

Make = Callable[..., Any]
ALICE = Account(name="alice", uid=1000, gid=1000)
BOB = Account(name="bob", uid=1001, gid=50)
STAFF, STAFFED = Group(name="staff", gid=50), Group(name="staff", gid=50, members=("alice",))
IN_PATH, ABOVE, PROGRAMS = "in PATH", "above a folder in PATH", "folder of programs"


def folder(mode: str, reason: str = IN_PATH, *, path: str = "/opt/x", owner: str = "0", group: str = "0") -> Any:
    return WritableProgramPath(path=path, owner=owner, group=group, mode=mode, reason=reason)


def process(executable: str, uid: int) -> Process:
    return Process(pid=7, parent=1, user="x", uid=uid, name="x", executable=executable)


def service(command: str, user: str | None = None) -> Service:
    return Service(
        name="x.service", manager=ServiceManager.SYSTEMD, start=StartMode.AUTOMATIC, command=command, user=user
    )


@pytest.mark.parametrize(
    ("facts", "subjects"),
    [
        pytest.param([folder("drwxrwxrwx")], ["path:/opt/x"], id="open-to-everybody"),
        pytest.param([folder("drwxrwxrwt")], ["path:/opt/x"], id="a-sticky-folder-of-path-takes-new-programs"),
        pytest.param([folder("drwxrwxrwt", ABOVE)], [], id="above-a-sticky-one-nothing-is-replaced"),
        pytest.param([folder("drwxrwxrwx", ABOVE)], ["path:/opt/x"], id="above-a-folder-in-path"),
        pytest.param([ALICE, folder("drwxr-xr-x", owner="1000")], ["path:/opt/x"], id="owned-by-a-user"),
        pytest.param([folder("drwxr-xr-x", owner="4711")], ["path:/opt/x"], id="owned-by-nobody-known"),
        pytest.param([STAFF, folder("drwxrwsr-x", group="50")], [], id="a-group-that-nobody-is-in"),
        pytest.param([STAFFED, ALICE, folder("drwxrwsr-x", group="50")], ["path:/opt/x"], id="a-group-with-a-member"),
        pytest.param([STAFF, BOB, folder("drwxrwsr-x", group="50")], ["path:/opt/x"], id="by-primary-group"),
        pytest.param([folder("drwxrwxrwx", PROGRAMS)], [], id="nobody-runs-anything-from-there"),
        pytest.param([folder("drwxrwxrwx", PROGRAMS), process("/opt/x/bin/a", 0)], ["path:/opt/x"], id="root-does"),
        pytest.param([folder("drwxrwxrwx", PROGRAMS), process("/opt/x/bin/a", 7)], [], id="another-does"),
        pytest.param([folder("drwxrwxrwx", PROGRAMS), process("/opt/xy/a", 0)], [], id="from-a-folder-named-alike"),
        pytest.param(
            [folder("drwxrwxrwx", PROGRAMS), service("-/opt/x/a --daemon")], ["path:/opt/x"], id="a-service-of-root"
        ),
        pytest.param(
            [folder("drwxrwxrwx", PROGRAMS), replace(service("/opt/x/a"), is_program_gone=True)],
            ["path:/opt/x"],
            id="a-service-whose-program-is-gone-and-anybody-may-put-there",
        ),
        pytest.param([folder("drwxrwxrwx", PROGRAMS), service("/opt/x/a", "www")], [], id="a-service-of-another"),
    ],
)
def test_who_may_write(a_case: Make, facts: list[object], subjects: list[str]) -> None:
    found = CONTROL.assess(a_case(*facts))
    assert ([one.subject for one in found.violations], found.gaps) == (subjects, ())


@pytest.mark.parametrize(
    "settings",
    [
        Settings(installers=Installers(users=("alice",))),
        Settings(installers=Installers(groups=("staff",))),
        Settings(service_accounts=("alice",)),
    ],
)
def test_the_policy_approves_users_groups_and_its_own_accounts(a_case: Make, settings: Settings) -> None:
    case = a_case(STAFFED, ALICE, folder("drwxrwsr-x", group="50"), settings=settings)
    assert CONTROL.assess(case).violations == ()


def test_a_group_that_no_file_names_is_a_gap(a_case: Make) -> None:
    """Its members may stand in a directory: nobody here is no evidence that nobody is in it."""
    case = a_case(STAFF, ALICE, folder("drwxrwsr-x", group="4711"))
    found = CONTROL.assess(case)
    assert found.violations == ()
    (gap,) = found.gaps
    assert "group number 4711 may write to /opt/x" in gap.reason


def test_an_access_list_is_a_gap(a_case: Make) -> None:
    found = CONTROL.assess(a_case(folder("drwxrwxr-x+")))
    assert (found.violations, len(found.gaps)) == ((), 1)


def test_open_to_everybody_matters_more(a_case: Make) -> None:
    (violation,) = CONTROL.assess(a_case(folder("drwxrwxrwx"))).violations
    assert violation.severity is Severity.HIGH
    assert violation.reason.startswith("everybody may write to /opt/x, which is in PATH")


def _linux(mode: str, blind: tuple[str, ...] = ()) -> Case:
    return a_host({"appcontrol.program_paths": [folder(mode)]}, blind=blind)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _linux("drwxrwxrwx"),
    Verdict.PASS: lambda: _linux("drwxr-xr-x"),
    Verdict.UNKNOWN: lambda: _linux("drwxr-xr-x", blind=("accounts.groups",)),
}
