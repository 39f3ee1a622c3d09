"""As whom a product runs and in whose folders it lies."""

from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.accounts import Account
from auditor.model.facts.network import Family, Listener, Owner, Protocol
from auditor.model.facts.processes import Process
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.facts.software import ProgramFile, Scope, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading

_PLACES: dict[type, str] = {
    Software: "software.dpkg",
    Process: "processes.procfs",
    Service: "services.systemd",
    Listener: "sockets.ss",
    ProgramFile: "software.portable",
    Account: "accounts.users",
}
_ACCOUNTS = (
    Account(name="root", uid=0, home="/root"),
    Account(name="daemon", uid=1, home="/usr/sbin"),
    Account(name="till", uid=300, home="/opt/till"),
    Account(name="ada", uid=1000, home="/home/ada"),
    Account(name="bob", uid=1001, home="/home/bob"),
)
PACKAGE = Software(name="x11vnc", version="0.9.16", source="software.dpkg")
HERS = Software(name="x11vnc", version="0.9.16", source="software.dpkg", scope=Scope.USER, user="ada")


def a_process(user: str, pid: int = 7) -> Process:
    return Process(pid=pid, parent=1, user=user, name="x11vnc", executable="/usr/bin/x11vnc")


def a_file(path: str, uid: int | None) -> ProgramFile:
    return ProgramFile(path=path, mode=0o755, uid=uid, size=100_000, modified=1)


def a_unit(manager: ServiceManager, user: str | None) -> Service:
    return Service(name="x11vnc.service", manager=manager, start=StartMode.AUTOMATIC, user=user)


def users_in(*facts: object, os: OsFamily = OsFamily.LINUX) -> tuple[str, ...] | None:
    by_type: dict[type, list[Found[Any]]] = {}
    for number, fact in enumerate((*_ACCOUNTS, *facts), 1):
        by_type.setdefault(type(fact), []).append(Found(fact, _PLACES[type(fact)], number))
    sections = {
        name: SectionReading(id=name, outcome=Outcome.COLLECTED, lines=("x",) * 20) for name in _PLACES.values()
    }
    found = {kind: tuple(rows) for kind, rows in by_type.items()}
    seen = match(Reading(os=os, rights=Rights.ROOT, sections=sections, facts=found), load_catalogue())
    return {one.product: one.users for one in seen}["x11vnc"]


@pytest.mark.parametrize(
    ("facts", "users"),
    [
        pytest.param((PACKAGE,), (), id="installed-for-all-is-of-nobody"),
        pytest.param((PACKAGE, a_process("ada")), ("ada",), id="runs-as"),
        pytest.param((a_process("ada"), a_process("root", 8)), ("ada", "root"), id="runs-as-two"),
        pytest.param((a_process("ada"), a_process("", 8)), None, id="one-process-that-does-not-tell"),
        pytest.param((HERS,), ("ada",), id="installed-for-one"),
        pytest.param((HERS, a_process("bob")), ("ada", "bob"), id="installed-for-one-and-run-by-another"),
        pytest.param((a_file("/home/ada/bin/x11vnc", 1001),), ("ada",), id="in-whose-home-it-lies"),
        pytest.param((a_file("/root/x11vnc", 0),), ("root",), id="in-roots-home"),
        pytest.param((a_file("/opt/till/x11vnc", 0),), (), id="the-home-of-a-service-is-a-folder-of-programs"),
        pytest.param((a_file("/srv/x11vnc", 1001),), ("bob",), id="elsewhere-its-owner"),
        pytest.param((a_file("/srv/x11vnc", 4711),), ("4711",), id="an-owner-without-a-name"),
        pytest.param((a_file("/usr/local/bin/x11vnc", 0),), (), id="roots-elsewhere-is-for-all"),
        pytest.param((a_file("/srv/x11vnc", None),), None, id="an-owner-who-is-not-told"),
        pytest.param((PACKAGE, a_unit(ServiceManager.SYSTEMD_USER, "bob")), ("bob",), id="a-unit-of-a-user"),
        pytest.param((PACKAGE, a_unit(ServiceManager.SYSTEMD, "vnc")), (), id="a-unit-of-the-system-that-does-not-run"),
    ],
)  # fmt: skip
def test_who_has_to_do_with_a_product(facts: tuple[object, ...], users: tuple[str, ...] | None) -> None:
    assert users_in(*facts) == users


def test_the_holder_of_a_socket_tells_as_whom_it_runs() -> None:
    socket = Listener(
        protocol=Protocol.TCP, family=Family.IP, address="0.0.0.0", port=5900, owners=(Owner(pid=9, name="x11vnc"),)
    )
    assert users_in(a_process("ada", 9), socket) == ("ada",)


def test_what_runs_and_shows_no_process_is_of_nobody_knows_whom() -> None:
    running = Service(name="x11vnc.service", manager=ServiceManager.SYSTEMD, start=StartMode.AUTOMATIC, is_running=True)
    assert users_in(PACKAGE, running) is None


def test_accounts_of_windows_itself_have_names() -> None:
    mine = Software(name="x11vnc", version="1", source="software.dpkg", scope=Scope.USER, user="S-1-5-18")
    assert users_in(mine) == ("NT AUTHORITY\\SYSTEM",)
