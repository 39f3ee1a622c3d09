"""Readings made of a few words: what the matcher is tried on."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.containers import Container, PublishedPort
from auditor.model.facts.network import Family, Listener, Owner, Protocol, ResolvedName
from auditor.model.facts.processes import Process, ProgramSignature, ProgramTrace
from auditor.model.facts.remote_config import BrowserExtension, PrivacyGrant, RemoteAccessSetting, RemoteManagement
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.facts.software import InstallState, ProgramFile, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading

Case = Mapping[str, Any]
_SECTIONS: dict[type, str] = {
    Software: "software.dpkg",
    Process: "processes.proc",
    Service: "services.systemd",
    Listener: "sockets.ss",
    RemoteAccessSetting: "remote_config.products",
    Container: "containers.docker",
    ProgramFile: "software.portable",
    BrowserExtension: "remote_config.extensions",
    RemoteManagement: "remote_config.rdp",
    ProgramTrace: "services.traces",
    PrivacyGrant: "remote_config.privacy",
    ResolvedName: "sockets.resolved",
    ProgramSignature: "processes.signers",
}


def _software(row: Case) -> Software:
    return Software(
        name=row["name"],
        version=row.get("version", "1.0"),
        source=row.get("source", "software.dpkg"),
        state=InstallState(row.get("state", "installed")),
        identifier=row.get("identifier"),
        signer=row.get("signer"),
        publisher=row.get("publisher"),
        location=row.get("location"),
        origin=row.get("origin"),
    )


def _process(row: Case) -> Process:
    return Process(
        pid=row["pid"],
        parent=row.get("parent", 1),
        user=row.get("user", "root"),
        uid=row.get("uid", 0),
        name=row["name"],
        executable=row.get("exe"),
        deleted=row.get("deleted", False),
        is_kernel=row.get("kernel", False),
        arguments=row.get("args", ""),
        signer=row.get("signer"),
        original_name=row.get("original_name"),
        company=row.get("company"),
        product_name=row.get("product"),
        cgroup=row.get("cgroup"),
        namespace=row.get("space"),
    )


def _signature(row: Case) -> ProgramSignature:
    """Make what Windows says of a program: a name alone stands for a subject that has it and nothing else."""
    signer = row.get("signer")
    if signer is not None and "=" not in signer:
        quoted = '"' + signer.replace('"', '""') + '"' if set(signer) & set(',+="<>#;') else signer
        signer = f"CN={quoted}, O={quoted}"
    return ProgramSignature(path=row["exe"], status=row.get("signature", "Valid"), signer=signer)


def _service(row: Case) -> Service:
    return Service(
        name=row["name"],
        manager=ServiceManager(row.get("manager", "systemd")),
        start=StartMode(row.get("start", "automatic")),
        is_running=row.get("running", False),
        state=row.get("state", ""),
        command=row.get("command"),
        pid=row.get("pid"),
        ports=tuple(row.get("ports", ())),
        is_defined=row.get("defined", True),
        is_program_gone=row.get("gone", False),
    )


def _listener(row: Case) -> Listener:
    return Listener(
        protocol=Protocol(row.get("protocol", "tcp")),
        family=Family.IP,
        address=row.get("address", "0.0.0.0"),
        port=row["port"],
        owners=tuple(Owner(pid=pid, name="said-by-the-host") for pid in row.get("pids", ())),
        namespace=row.get("space"),
        by_kernel=row.get("kernel", False),
    )


def _setting(row: Case) -> RemoteAccessSetting:
    return RemoteAccessSetting(
        product=row["product"], key=row["key"], value=row["value"], file=row["file"], user=row.get("user")
    )


def _container(row: Case) -> Container:
    return Container(
        engine="docker",
        identifier=row.get("id", "4f" * 32),
        name=row.get("name", "some"),
        image=row["image"],
        is_running=row.get("running", True),
        is_on_host_network=row.get("on_host", False),
        published=tuple(
            PublishedPort(protocol="tcp", address="0.0.0.0", host_port=outer, container_port=inner)
            for outer, inner in row.get("published", ())
        ),
        pid=row.get("pid"),
        user=row.get("account"),
    )


def _file(row: Case) -> ProgramFile:
    return ProgramFile(
        path=row["path"], mode=row.get("mode", 0o755), uid=1000, size=row.get("size"), modified=1_790_000_000
    )


def _extension(row: Case) -> BrowserExtension:
    return BrowserExtension(
        browser=row["browser"], identifier=row["identifier"], version=row.get("version", ""), path=row["path"]
    )


def _feature(row: Case) -> RemoteManagement:
    return RemoteManagement(
        feature=row["feature"], is_enabled=row["enabled"], detail="said", ports=frozenset(row.get("ports", ()))
    )


def _trace(row: Case) -> ProgramTrace:
    return ProgramTrace(
        path=row["path"], when=datetime(2026, 11, 20, tzinfo=UTC), user="S-1-5-21-1-2-3-1001", record="bam"
    )


def _grant(row: Case) -> PrivacyGrant:
    return PrivacyGrant(service="ScreenCapture", client=row["client"], is_allowed=row.get("allowed", True))


def _lookup(row: Case) -> ResolvedName:
    return ResolvedName(name=row["name"], record=row.get("record", row["name"]), kind=1, data="203.0.113.9")


_MAKERS: dict[str, tuple[type, Callable[[Case], Any]]] = {
    "software": (Software, _software),
    "process": (Process, _process),
    "service": (Service, _service),
    "listener": (Listener, _listener),
    "setting": (RemoteAccessSetting, _setting),
    "container": (Container, _container),
    "file": (ProgramFile, _file),
    "extension": (BrowserExtension, _extension),
    "feature": (RemoteManagement, _feature),
    "trace": (ProgramTrace, _trace),
    "grant": (PrivacyGrant, _grant),
    "lookup": (ResolvedName, _lookup),
    "signature": (ProgramSignature, _signature),
}


def _reading(case: Case) -> Reading:
    """Make a reading; of Windows, who signed the program of a process is told in a section of its own."""
    if case.get("os") == "windows":
        signed = {row["exe"]: row for row in case.get("process", ()) if "signer" in row}
        processes = [{**row, "signer": None} for row in case.get("process", ())]
        case = {**case, "process": processes, "signature": list(signed.values())}
    facts: dict[type, tuple[Found[Any], ...]] = {}
    sections: dict[str, SectionReading] = {}
    for word, (kind, make) in _MAKERS.items():
        rows: Sequence[Case] = case.get(word, ())
        section = _SECTIONS[kind]
        facts[kind] = tuple(
            Found(fact=make(row), section=section, line=number) for number, row in enumerate(rows, start=1)
        )
        lines = tuple(" ".join(str(value) for value in row.values()) for row in rows)
        sections[section] = SectionReading(id=section, outcome=Outcome.COLLECTED, items=len(rows), lines=lines)
    return Reading(os=OsFamily(case.get("os", "linux")), rights=Rights.ROOT, sections=sections, facts=facts)


@pytest.fixture
def make_reading() -> Callable[[Case], Reading]:
    """Give a function that makes a reading of rows by kind of fact."""
    return _reading


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Give the bundled catalogue."""
    return load_catalogue(cache_folder=tmp_path_factory.mktemp("cache"))
