"""Programs that run although their file is gone."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.deleted_executable import CONTROL
from auditor.model.case import Case
from auditor.model.facts.network import Family, Listener, Owner, Protocol
from auditor.model.facts.processes import Process
from auditor.model.facts.software import ProgramFile, Software
from auditor.model.verdict import Severity, Verdict
from tests.controls.cases import a_host, an_approval


def process(path: str, *, deleted: bool = True, **more: Any) -> Process:
    values: dict[str, Any] = {
        "pid": 7, "parent": 1, "user": "root", "uid": 0, "name": path.rpartition("/")[2][:15],
        "started": "2026-11-20T08:00:00Z",
    }  # fmt: skip
    return Process(executable=path, deleted=deleted, **{**values, **more})


def listens(port: int) -> Listener:
    owners = (Owner(pid=7, name="x"),)
    return Listener(protocol=Protocol.TCP, family=Family.IP, address="127.0.0.1", port=port, owners=owners)


def package(name: str, day: str | None = None) -> Software:
    return Software(name=name, version="1", source="software.rpm", installed_on=day)


def host(one: Process, *, port: int | None = None, **more: Any) -> Case:
    facts: dict[str, list[object]] = {"processes.procfs": [one], **more.pop("facts", {})}
    if port is not None:
        facts["sockets.ss"] = [listens(port)]
    return a_host(facts, **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: host(process("/srv/x/x11vnc")),
    Verdict.PASS: lambda: host(process("/srv/x/x11vnc", deleted=False)),
    Verdict.UNKNOWN: lambda: a_host({}, blind=("processes.procfs",)),
}


def _found(case: Case) -> list[tuple[str, Severity]]:
    found = CONTROL.assess(case)
    assert found.suspected == ()
    return [(one.subject, one.severity) for one in found.violations]


@pytest.mark.parametrize(
    ("one", "facts", "subject", "severity"),
    [
        pytest.param(process("/srv/x/x11vnc"), {}, "/srv/x/x11vnc", Severity.HIGH, id="deleted"),
        pytest.param(process("/usr/bin/x11vnc"), {}, "/usr/bin/x11vnc", Severity.HIGH, id="no-package-is-left"),
        pytest.param(
            process("/usr/bin/x11vnc"), {"software.rpm": [package("x11vnc", "2026-11-20")]}, "/usr/bin/x11vnc",
            Severity.LOW, id="the-package-is-as-new-as-the-process",
        ),
        pytest.param(
            process("/usr/bin/x11vnc"), {"software.rpm": [package("x11vnc", "2026-11-19")]}, "/usr/bin/x11vnc",
            Severity.HIGH, id="the-package-is-older-so-that-it-replaced-nothing",
        ),
        pytest.param(
            process("/usr/bin/x11vnc"), {"software.rpm": [package("x11vnc")]}, "/usr/bin/x11vnc", Severity.LOW,
            id="nobody-tells-the-day",
        ),
        pytest.param(
            process("/srv/x/x11vnc"), {"software.rpm": [package("x11vnc", "2026-11-20")]}, "/srv/x/x11vnc",
            Severity.HIGH, id="a-package-puts-nothing-there",
        ),
        pytest.param(
            process("/opt/x/x11vnc"),
            {"software.portable": [ProgramFile(path="/opt/x/x11vnc", mode=0o755, uid=0, size=9, modified=0)]},
            "/opt/x/x11vnc", Severity.LOW, id="a-file-is-there-again",
        ),
    ],
)  # fmt: skip
def test_an_upgrade_is_told_apart(
    one: Process, facts: dict[str, list[object]], subject: str, severity: Severity
) -> None:
    assert _found(host(one, facts=facts)) == [(f"program:x11vnc:{subject}", severity)]


def test_what_never_was_a_file_runs_from_memory() -> None:
    case = host(process("/memfd:3", name="x11vnc", arguments="x11vnc -forever"), port=22222)
    assert _found(case) == [("program:x11vnc:memory", Severity.HIGH)]


def test_an_interpreter_is_upgraded_with_its_own_package() -> None:
    one = process("/usr/bin/python3.11", name="websockify", arguments="/usr/bin/python3 /usr/bin/websockify 6080 h:1")
    assert [severity for _, severity in _found(host(one))] == [Severity.LOW]


def test_an_approval_covers_no_program_without_a_file() -> None:
    (found,) = CONTROL.assess(host(process("/srv/x/x11vnc"), approvals=(an_approval(),))).violations
    assert "'/srv/x/x11vnc'" in found.reason
    assert found.product == "x11vnc"


@pytest.mark.parametrize(
    ("path", "port", "wanted"),
    [
        pytest.param("/srv/a", 5901, [("listener:tcp/5901", Severity.HIGH)], id="on-a-port-of-vnc"),
        pytest.param("/srv/a", 7070, [("listener:tcp/7070", Severity.HIGH)], id="on-a-port-of-one-product"),
        pytest.param(
            "/usr/bin/qemu-system-x86_64", 5901, [("listener:tcp/5901", Severity.LOW)], id="upgraded-under-a-guest"
        ),
        pytest.param("/srv/a", 80, [], id="on-a-port-of-others"),
        pytest.param("/srv/a", None, [], id="on-no-port"),
    ],
)
def test_who_listens_on_a_port_of_remote_access(
    path: str, port: int | None, wanted: list[tuple[str, Severity]]
) -> None:
    assert _found(host(process(path), port=port)) == wanted


def test_a_suspected_product_makes_a_suspicion() -> None:
    one = process("/srv/a", name="a", arguments="x11vnc -forever")
    found = CONTROL.assess(host(one))
    assert (found.violations, [one.subject for one in found.suspected]) == ((), ["program:x11vnc:/srv/a"])
