"""Copies of remote-access software in places of users' own."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.per_user_copy import CONTROL
from auditor.controls.program_places import users_place
from auditor.model.case import Case
from auditor.model.facts.accounts import Account
from auditor.model.facts.containers import Container
from auditor.model.facts.processes import Process, ProgramTrace
from auditor.model.facts.software import ProgramFile, Scope, Software
from auditor.model.host import OsFamily
from auditor.model.verdict import Verdict
from tests.controls.cases import NOW, a_host, an_approval

_ID = "a1" * 32


def file(path: str, size: int = 8_000_000) -> ProgramFile:
    return ProgramFile(path=path, mode=0o755, uid=1000, size=size, modified=0)


def process(path: str, **more: Any) -> Process:
    values: dict[str, Any] = {"pid": 7, "parent": 1, "user": "alice", "uid": 1000, "name": path.rpartition("/")[2][:15]}
    return Process(executable=path, **{**values, **more})


def linux(*files: ProgramFile, **more: Any) -> Case:
    return a_host({"software.portable": files}, **more)


def runs(one: Process, *others: object, **more: Any) -> Case:
    return a_host({"processes.procfs": [one], "containers.docker": others}, **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: linux(file("/home/alice/Downloads/anydesk")),
    Verdict.PASS: lambda: linux(file("/opt/anydesk/anydesk")),
    Verdict.UNKNOWN: lambda: linux(blind=("software.portable",)),
}
ALWAYS_APPLIES = "on every system users have places of their own"


def _subjects(case: Case) -> list[str]:
    found = CONTROL.assess(case)
    assert found.suspected == ()
    return sorted(one.subject for one in found.violations)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/home/alice/Downloads/anydesk", "/home/alice"),
        ("/root/anydesk-6.4/anydesk", "/root"),
        ("/tmp/x/anydesk", "/tmp"),  # noqa: S108 — a path of a case
        ("/dev/shm/anydesk", "/dev/shm"),  # noqa: S108 — as above
        ("/media/usb/anydesk", "/media"),
    ],
)
def test_where_a_copy_is_somebodys_own(path: str, place: str) -> None:
    assert _subjects(linux(file(path))) == [f"copy:anydesk:{place}"]
    assert _subjects(runs(process(path))) == [f"copy:anydesk:{place}"]


@pytest.mark.parametrize("path", ["/opt/anydesk/anydesk", "/usr/bin/anydesk", "/usr/local/bin/anydesk"])
def test_where_it_is_everybodys(path: str) -> None:
    assert _subjects(linux(file(path))) == []
    assert _subjects(runs(process(path))) == []


def test_a_home_may_be_anywhere() -> None:
    case = a_host(
        {
            "accounts.users": [
                Account(name="alice", uid=1000, home="/data/people/alice"),
                Account(name="svc", uid=998, home="/data"),
                Account(name="web", uid=1001, home="/usr/share/web"),
            ],
            "software.portable": [file("/data/people/alice/bin/anydesk"), file("/data/anydesk/anydesk")],
        }
    )
    assert _subjects(case) == ["copy:anydesk:/data/people/alice"]


@pytest.mark.parametrize(
    ("portable", "wanted"),
    [(False, ["copy:anydesk:/home/alice"]), (True, [])],
    ids=["an-approval-does-not-cover-copies", "one-that-says-so-does"],
)
def test_what_approvals_say(portable: bool, wanted: list[str]) -> None:
    assert (
        _subjects(
            linux(file("/home/alice/anydesk"), approvals=(an_approval(product="anydesk", may_be_portable=portable),))
        )
        == wanted
    )


def test_a_version_that_nobody_approved_is_said_apart() -> None:
    other = an_approval(product="anydesk", versions=">=99", may_be_portable=True)
    assert _subjects(linux(file("/home/alice/anydesk"), approvals=(other,))) == []


def test_two_users_have_two_findings_and_one_user_one() -> None:
    case = linux(file("/home/alice/anydesk"), file("/home/alice/old/anydesk"), file("/home/bob/anydesk"))
    assert _subjects(case) == ["copy:anydesk:/home/alice", "copy:anydesk:/home/bob"]
    alices = next(one for one in CONTROL.assess(case).violations if one.subject.endswith("alice"))
    assert "and 1 more" in alices.reason
    assert len(alices.proof) == 2


def test_a_script_that_only_bears_the_name_is_a_suspicion() -> None:
    found = CONTROL.assess(linux(file("/home/alice/bin/anydesk", size=200)))
    assert (found.violations, [one.subject for one in found.suspected]) == ((), ["copy:anydesk:/home/alice"])


def test_the_script_of_an_interpreter_is_the_program() -> None:
    script = "/home/alice/noVNC/websockify"
    one = process(
        "/usr/bin/python3.11", name="python3.11", arguments=f"/usr/bin/python3.11 {script} 6080 localhost:5900"
    )
    assert _subjects(runs(one)) == ["copy:websockify:/home/alice"]


def test_what_runs_in_a_container_lies_in_its_image() -> None:
    inside = process("/home/kasm/anydesk", uid=0, user="root", cgroup=f"/system.slice/docker-{_ID}.scope")
    box = Container(
        engine="docker", identifier=_ID, name="desk", image="example/desk", is_running=True, pid=7, user=None,
    )  # fmt: skip
    assert _subjects(runs(inside, box)) == []
    # In his own slice an account calls control groups what it likes.
    feigned = process("/home/alice/anydesk", cgroup=f"/user.slice/user-1000.slice/docker-{_ID}.scope")
    assert _subjects(runs(feigned)) == ["copy:anydesk:/home/alice"]


def test_a_copy_that_runs_weighs_more_than_one_that_lies_there() -> None:
    (lies,) = CONTROL.assess(linux(file("/home/alice/anydesk"))).violations
    (does,) = CONTROL.assess(runs(process("/home/alice/anydesk"))).violations
    assert (lies.severity, does.severity) == ("medium", "high")


def test_windows() -> None:
    def host(**facts: list[object]) -> Case:
        return a_host({name.replace("_", "."): told for name, told in facts.items()}, os=OsFamily.WINDOWS)

    sid = "S-1-5-21-1-2-3-1001"
    mine = Software(name="RustDesk", version="1.2.3", source="software.uninstall", scope=Scope.USER, user=sid)
    assert _subjects(host(software_uninstall=[mine])) == [f"copy:rustdesk:user {sid}"]
    one = process("C:\\Users\\Jane\\Downloads\\AnyDesk.exe", name="AnyDesk.exe", company="AnyDesk Software GmbH")
    assert _subjects(host(processes_windows=[one])) == ["copy:anydesk:C:\\Users\\Jane"]
    one = process("C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe", name="AnyDesk.exe")
    assert _subjects(host(processes_windows=[one])) == []
    # A record that it ran says nothing of whether it is there still.
    trace = ProgramTrace(path="C:\\Users\\Jane\\AnyDesk.exe", when=NOW, user=sid, record="bam")
    assert _subjects(host(services_traces=[trace])) == []


def test_macos() -> None:
    app = Software(
        name="AnyDesk", version="8", source="software.apps", identifier="com.philandro.anydesk", signer="KHRWM533LU",
        scope=Scope.USER, user="alice", location="/Users/alice/Applications/AnyDesk.app",
    )  # fmt: skip
    case = a_host({"software.apps": [app]}, os=OsFamily.MACOS)
    assert _subjects(case) == ["copy:anydesk:/Users/alice"]
    one = process("/private/tmp/AnyDesk.app/Contents/MacOS/AnyDesk", name="AnyDesk")
    assert _subjects(a_host({"processes.macos": [one]}, os=OsFamily.MACOS)) == ["copy:anydesk:/tmp"]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("C:\\Users\\Jane\\x.exe", "C:\\Users\\Jane"),
        ("\\\\?\\C:\\Users\\Jane\\x.exe", "C:\\Users\\Jane"),
        ("C:\\Users\\x.exe", None),
        ("d:\\USERS\\Public\\x.exe", "d:\\USERS\\Public"),
        ("C:\\Windows\\Temp\\x.exe", "C:\\Windows\\Temp"),
        ("C:\\$Recycle.Bin\\S-1-5-21\\x.exe", "C:\\$Recycle.Bin"),
        ("C:\\ProgramData\\x.exe", None),
        ("x.exe", None),
        ("", None),
    ],
)
def test_places_on_windows(path: str, place: str | None) -> None:
    assert users_place(path, a_host({}, os=OsFamily.WINDOWS)) == place
