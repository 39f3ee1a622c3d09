"""Listeners on ports of remote access that nobody can name."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.unknown_listener import CONTROL
from auditor.model.case import Case
from auditor.model.facts.containers import Container
from auditor.model.facts.network import Family, Listener, Owner, Protocol
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host

_ID = "b2" * 32


def process(path: str | None, **more: Any) -> Process:
    name = (path or "x").rpartition("/")[2].rpartition("\\")[2]
    values: dict[str, Any] = {"pid": 7, "parent": 1, "user": "root", "uid": 0, "name": name[:15]}
    return Process(executable=path, **{**values, **more})


def listener(port: int, **more: Any) -> Listener:
    values: dict[str, Any] = {
        "protocol": Protocol.TCP, "family": Family.IP, "address": "127.0.0.1", "owners": (Owner(pid=7, name="x"),)
    }  # fmt: skip
    return Listener(port=port, **{**values, **more})


def host(path: str | None, *sockets: Listener, os: OsFamily = OsFamily.LINUX, **more: Any) -> Case:
    names = {
        OsFamily.LINUX: ("processes.procfs", "sockets.ss"),
        OsFamily.WINDOWS: ("processes.windows", "sockets.windows"),
        OsFamily.MACOS: ("processes.macos", "sockets.macos"),
    }[os]
    facts = {names[0]: [process(path, **more)], names[1]: sockets}
    return a_host(facts, os=os)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: host("/opt/x/helper", listener(5900)),
    Verdict.PASS: lambda: host("/usr/sbin/nginx", listener(80)),
    Verdict.UNKNOWN: lambda: host(None, listener(5900)),
}
ALWAYS_APPLIES = "on every system programs listen"


def _subjects(case: Case) -> list[str]:
    found = CONTROL.assess(case)
    assert (found.suspected, found.gaps) == ((), ())
    return sorted(one.subject for one in found.violations)


@pytest.mark.parametrize(
    ("path", "port", "violated"),
    [
        pytest.param("/opt/x/helper", 5900, True, id="a-program-of-no-package-on-a-port-of-vnc"),
        pytest.param("/home/alice/helper", 3389, True, id="one-in-a-home-on-the-port-of-rdp"),
        pytest.param("/usr/local/bin/helper", 5912, True, id="one-that-was-put-there-by-hand"),
        pytest.param("/usr/bin/qemu-system-x86_64", 5900, False, id="a-program-of-the-system"),
        pytest.param("/usr/bin/../../tmp/helper", 5900, True, id="a-path-that-leaves-the-system"),
        pytest.param("/usr/bin/socat", 5900, True, id="a-relay-says-nothing-of-what-answers"),
        pytest.param("/usr/bin/python3.11", 5900, True, id="nor-does-an-interpreter"),
        pytest.param("/usr/bin/x11vnc", 5900, False, id="a-product-is-others-business"),
        pytest.param("/opt/tomcat/bin/jsvc", 7070, False, id="an-administrator's-program-on-a-port-of-one-product"),
        pytest.param("/home/alice/helper", 7070, True, id="a-user's-program-there"),
        pytest.param("/home/alice/helper", 3000, False, id="a-port-where-developers-are-at-home"),
        pytest.param("/home/alice/helper", 8080, False, id="a-port-of-everybody"),
        pytest.param("/home/alice/helper", 48010, False, id="a-port-that-the-kernel-gives-to-anybody"),
        pytest.param("/home/alice/helper", 5984, False, id="a-port-of-couchdb"),
    ],
)
def test_who_can_be_named(path: str, port: int, violated: bool) -> None:
    assert _subjects(host(path, listener(port))) == ([f"listener:tcp/{port}"] if violated else [])


def test_a_manager_that_holds_a_socket_for_others_names_nobody() -> None:
    case = a_host(
        {
            "processes.procfs": [process("/usr/lib/systemd/systemd", pid=1, name="systemd")],
            "sockets.ss": [listener(5900, owners=(Owner(pid=1, name="systemd"),))],
        }
    )
    assert _subjects(case) == ["listener:tcp/5900"]


def test_a_program_whose_file_is_gone_is_of_no_package() -> None:
    (found,) = CONTROL.assess(host("/usr/bin/helper", listener(5900), deleted=True)).violations
    assert "whose file is gone" in found.reason


def test_the_kernel_can_be_named() -> None:
    assert _subjects(host("/usr/bin/a", listener(7070, owners=(), by_kernel=True))) == []


def test_udp_is_not_judged() -> None:
    assert _subjects(host("/home/a/b", listener(6771, protocol=Protocol.UDP))) == []


def test_both_families_of_a_port_are_one_finding() -> None:
    case = host("/opt/x/helper", listener(5900), listener(5900, family=Family.IP6, address="::1"))
    (found,) = CONTROL.assess(case).violations
    assert len(found.proof) == 2


def test_a_program_that_was_not_told_is_a_gap() -> None:
    found = CONTROL.assess(host(None, listener(5900)))
    assert (found.violations, [gap.section for gap in found.gaps]) == ((), ["processes.*"])


def test_a_container_that_an_engine_lists_has_a_name() -> None:
    box = Container(engine="docker", identifier=_ID, name="app", image="example/app:1", is_running=True, pid=7)
    inside = process("/opt/x/helper", cgroup=f"/system.slice/docker-{_ID}.scope")
    facts: dict[str, list[object]] = {"processes.procfs": [inside], "sockets.ss": [listener(5900)]}
    assert _subjects(a_host({**facts, "containers.docker": [box]})) == []
    # What only calls its control group so has none.
    feigned = process("/home/a/helper", uid=1000, user="a", cgroup=f"/user.slice/user-1000.slice/docker-{_ID}.scope")
    assert _subjects(a_host({**facts, "processes.procfs": [feigned]})) == ["listener:tcp/5900"]


@pytest.mark.parametrize(
    ("path", "violated"),
    [
        ("C:\\ProgramData\\helper.exe", True),
        ("C:\\Users\\Jane\\helper.exe", True),
        ("C:\\Windows\\Temp\\helper.exe", True),
        ("C:\\Program Files\\Hypervisor\\vmx.exe", False),
        ("C:\\Windows\\System32\\OpenSSH\\ssh.exe", True),
        ("\\\\server\\share\\helper.exe", True),
    ],
)
def test_windows(path: str, violated: bool) -> None:
    case = host(path, listener(5901), os=OsFamily.WINDOWS)
    assert _subjects(case) == (["listener:tcp/5901"] if violated else [])


@pytest.mark.parametrize(
    ("path", "violated"),
    [
        ("/Users/alice/helper", True),
        ("/usr/local/bin/helper", True),
        ("/Applications/VMware Fusion.app/Contents/Library/vmware-vmx", False),
        ("/sbin/launchd", True),
    ],
)
def test_macos(path: str, violated: bool) -> None:
    case = host(path, listener(5901), os=OsFamily.MACOS)
    assert _subjects(case) == (["listener:tcp/5901"] if violated else [])
