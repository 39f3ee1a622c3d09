# ruff: noqa: T201 — a command prints
"""Measure the catalogue's matcher: a server, a large host, and a catalogue that a process meets for the first time.

    make catalogue-bench

One core, processor time, the median of many hosts. The goals: a host of profile `server` in 1.5 ms, one with 3,000
rows of software, 400 processes and 200 sockets in 10 ms; the same of Windows hosts, whose processes have a version
resource, and 150 programs a signature. Hosts differ: each has rows of its own beside those that a
fleet has in common; *unseen* is the first host of a process, which finds nothing remembered.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from auditor.catalogue import index
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.network import Family, Listener, Owner, Protocol
from auditor.model.facts.processes import Process, ProgramSignature
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.facts.software import InstallState, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading

_HOSTS = 40
_CLEAN = Path(__file__).parents[1] / "catalogue" / "clean"
_SERVER = {"software": 450, "processes": 120, "services": 180, "sockets": 25}
_LARGE = {"software": 3000, "processes": 400, "services": 400, "sockets": 200}
_GOALS = {"server": 1.5, "large host": 10.0}
_SIGNED, _MAKERS = 150, 40
_Maker = Callable[[int, dict[str, int], Sequence[str]], Reading]


def _found(facts: Sequence[Any], section: str) -> tuple[Found[Any], ...]:
    return tuple(Found(fact, section, line) for line, fact in enumerate(facts, 1))


def _names() -> list[str]:
    files = sorted(_CLEAN.glob("*.txt"))
    return sorted({line for file in files for line in file.read_text("utf-8").splitlines() if line[:1] != "#"})


def _host(number: int, size: dict[str, int], names: Sequence[str]) -> Reading:
    """Make a host: most of it as on every other, a twentieth its own; two products that listen."""
    own = max(size["software"] // 20, 1)
    known = list(names[: size["software"] - own])
    known += [f"package-{number}-{at}" for at in range(size["software"] - len(known))]
    software = [
        Software(name=name, version="1.0-1", source="software.dpkg", state=InstallState.INSTALLED)
        for name in (*known[2:], "x11vnc", "rustdesk")
    ]

    def own_of(pid: int) -> str:
        return f" --host {number}" if pid % 20 == 0 else ""

    processes = [
        Process(
            pid=pid, parent=1, user="root", uid=0, name=name[:15], executable=f"/usr/sbin/{name}",
            arguments=f"/usr/sbin/{name} --config /etc/{name}/{name}.conf{own_of(pid)}",
        )
        for pid, name in enumerate(names[: size["processes"]], 100)
    ]  # fmt: skip
    processes[5:6] = [
        Process(
            pid=105,
            parent=1,
            user="a",
            uid=1,
            name="x11vnc",
            executable="/usr/bin/x11vnc",
            arguments="x11vnc -rfbauth f",
        )
    ]
    services = [
        Service(
            name=f"{name}.service", manager=ServiceManager.SYSTEMD, start=StartMode.AUTOMATIC, is_running=True,
            command=f"/usr/sbin/{name} -D",
        )
        for name in names[: size["services"]]
    ]  # fmt: skip
    sockets = [
        Listener(
            protocol=Protocol.TCP, family=Family.IP, address="0.0.0.0", port=5900 if at == 0 else 1000 + at,
            owners=(Owner(pid=105 if at == 0 else 100 + at % size["processes"], name="x"),),
        )
        for at in range(size["sockets"])
    ]  # fmt: skip
    facts: dict[type, Sequence[Any]] = {Software: software, Process: processes, Service: services, Listener: sockets}
    ids = ("software.dpkg", "processes.procfs", "services.systemd", "sockets.ss")
    return _reading(OsFamily.LINUX, facts, ids)


def _windows_host(number: int, size: dict[str, int], names: Sequence[str]) -> Reading:
    """Make a host of Windows: signed programs of many makers, one of them renamed, and one with nothing but a name."""
    software = [
        Software(
            name=f"{name} {number if at % 20 == 0 else 1}.0",
            version="1.0",
            source="software.uninstall",
            publisher=f"Maker {at} Ltd",
        )
        for at, name in enumerate(names[: size["software"]])
    ]
    processes = [
        Process(
            pid=pid, parent=4, user="NT AUTHORITY\\SYSTEM", name=f"{name}.exe",
            executable=f"C:\\Program Files\\{name}\\{name}.exe", company=f"Maker {pid % _MAKERS}, Inc.",
            original_name=f"{name}.exe", product_name=f"{name} for Windows",
            arguments=f'"C:\\Program Files\\{name}\\{name}.exe" --service' + (f" {number}" if pid % 20 == 0 else ""),
        )
        for pid, name in enumerate(names[: size["processes"]], 100)
    ]  # fmt: skip
    makers = [f'CN="Maker {at}, Inc.", O="Maker {at}, Inc.", L=Somewhere, C=US' for at in range(_MAKERS)]
    makers[7] = "CN=AnyDesk Software GmbH, O=AnyDesk Software GmbH, L=Stuttgart, S=Baden-Württemberg, C=DE"
    signatures = [
        ProgramSignature(path=process.executable or "", status="Valid", signer=makers[at % _MAKERS])
        for at, process in enumerate(processes[:_SIGNED])
    ]
    services = [
        Service(
            name=name, manager=ServiceManager.WINDOWS_SERVICE, start=StartMode.AUTOMATIC, is_running=True,
            command=f'"C:\\Program Files\\{name}\\{name}.exe" --service',
        )
        for name in names[: size["services"]]
    ]  # fmt: skip
    sockets = [
        Listener(
            protocol=Protocol.TCP, family=Family.IP, address="0.0.0.0", port=1000 + at,
            owners=(Owner(pid=100 + at % size["processes"], name="x"),),
        )
        for at in range(size["sockets"])
    ]  # fmt: skip
    facts: dict[type, Sequence[Any]] = {
        Software: software, Process: processes, Service: services, Listener: sockets, ProgramSignature: signatures,
    }  # fmt: skip
    ids = ("software.uninstall", "processes.windows", "services.windows", "sockets.windows", "processes.signers")
    return _reading(OsFamily.WINDOWS, facts, ids)


def _reading(system: OsFamily, facts: dict[type, Sequence[Any]], ids: Sequence[str]) -> Reading:
    sections = dict(zip(facts, ids, strict=True))
    return Reading(
        os=system,
        rights=Rights.ROOT,
        sections={
            name: SectionReading(id=name, outcome=Outcome.COLLECTED, lines=("",) * len(facts[kind]))
            for kind, name in sections.items()
        },
        facts={kind: _found(rows, sections[kind]) for kind, rows in facts.items()},
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _hosts_of(make: _Maker, size: dict[str, int], catalogue: Catalogue, names: Sequence[str]) -> tuple[float, float]:
    """Return what the first host costs whose process knows the catalogue and nothing else, and the median of others."""
    hosts = [make(number, size, names) for number in range(_HOSTS)]
    index._BUILT.clear()
    index.index_of(catalogue, hosts[0].os)
    first, *rest = [_seconds(lambda host=host: match(host, catalogue)) for host in hosts]  # type: ignore[misc]
    return first * 1000, statistics.median(rest) * 1000


def main() -> None:
    """Measure, and print each figure beside its goal."""
    names = _names()
    with tempfile.TemporaryDirectory() as folder:
        cold = _seconds(lambda: load_catalogue(cache_folder=Path(folder))) * 1000
        catalogue = load_catalogue(cache_folder=Path(folder))
        warm = _seconds(lambda: load_catalogue(cache_folder=Path(folder))) * 1000
    indicators = sum(len(product.indicators) for product in catalogue.products)
    print(f"{len(catalogue.products)} products, {indicators} indicators")
    print(f"read from YAML {cold:8.0f} ms, from the cache {warm:.0f} ms; once a run")
    index._BUILT.clear()
    print(
        f"index of Linux {_seconds(lambda: index.index_of(catalogue, OsFamily.LINUX)) * 1000:8.1f} ms; once a process"
    )
    rounds: tuple[tuple[str, str, _Maker, dict[str, int]], ...] = (
        ("Linux", "server", _host, _SERVER),
        ("Linux", "large host", _host, _LARGE),
        ("Windows", "server", _windows_host, _SERVER),
        ("Windows", "large host", _windows_host, _LARGE),
    )
    for system, word, make, size in rounds:
        unseen, seen = _hosts_of(make, size, catalogue, names)
        rows = ", ".join(f"{count} {kind}" for kind, count in size.items())
        is_met = "met" if seen < _GOALS[word] else "NOT MET"
        print(f"{system:7} {word:10} {seen:8.2f} ms (goal {_GOALS[word]}: {is_met}), unseen {unseen:.2f} ms: {rows}")


if __name__ == "__main__":
    main()
