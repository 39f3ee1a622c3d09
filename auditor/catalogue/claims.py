"""What single facts say for products: each fact that meets an indicator becomes a claim."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from auditor.catalogue.activation import activated_sockets
from auditor.catalogue.index import Hit, Index
from auditor.catalogue.product import IndicatorKind, Strength
from auditor.catalogue.programs import (
    base,
    program_of_command,
    program_of_process,
    program_of_windows,
    program_of_windows_command,
)
from auditor.catalogue.windows_command import started
from auditor.model.facts.containers import Container
from auditor.model.facts.network import ConnectionTrace, Listener, Protocol, ResolvedName
from auditor.model.facts.processes import Process, ProgramTrace
from auditor.model.facts.remote_config import BrowserExtension, RemoteManagement
from auditor.model.facts.services import Service, ServiceInstallation, ServiceManager
from auditor.model.facts.software import InstallState, ProgramFile, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading
from auditor.model.sighting import SightingState


class Basis(StrEnum):
    """What sort of evidence a claim rests on; supporting claims count once for each."""

    PACKAGE = "package"
    PROCESS = "process"
    LISTENER = "listener"
    SERVICE = "service"
    ACTIVATION = "activation"
    """A socket that a manager of services holds for a program, which it starts when somebody connects."""
    SIGNER = "signer"
    COMPANY = "company"
    CONTAINER = "container"
    FILE = "file"
    EXTENSION = "extension"
    FEATURE = "feature"
    TRACE = "trace"
    """A record that it ran, was installed or was looked up: it says nothing of whether it is there still."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Claim:
    """One fact that speaks for one product."""

    hit: Hit
    """The indicator it meets."""
    strength: Strength
    """How much it says here: at most what the indicator says."""
    basis: Basis
    """What sort of evidence it is."""
    state: SightingState
    """How alive the product is by it."""
    found: Found[Any]
    """The fact and its place."""
    text: str
    """What met the indicator."""
    pid: int | None = None
    """The process, where it is one's."""
    context: str = ""
    """The command line it was met in, which may tell whose instance it is."""

    @property
    def product(self) -> str:
        """Return the product's id."""
        return self.hit.product.id


# Of processes; what a host says at length is not kept, for it takes the memory that another's needs.
_KEPT, _KEPT_LENGTH = 4096, 512
_WITHOUT_SUFFIX = (ServiceManager.SYSV, ServiceManager.OPENRC, ServiceManager.XINETD)
_PUBLIC_REGISTRIES = frozenset(
    {"docker.io", "index.docker.io", "ghcr.io", "quay.io", "lscr.io", "registry.gitlab.com", "mcr.microsoft.com"}
)
# Features of Windows by the service that listens for them, which shares its process with others, and their usual ports.
_SERVICES_OF = {"remote desktop": ("TermService",)}
_PORTS_OF = {"remote desktop": frozenset({3389})}
_APPLICATION_KINDS = (IndicatorKind.TEAM_ID, IndicatorKind.SIGNER)


def collect_claims(reading: Reading, index: Index) -> list[Claim]:
    """Return every claim of a host's facts, in the order of the facts."""
    services = list(_service_claims(reading.found(Service), index))
    return [
        *_software_claims(reading.found(Software), index),
        *_process_claims(reading.found(Process), index),
        *services,
        *_listener_claims(reading.found(Listener), index),
        *_activation_claims(services, reading.found(Service), reading.found(Listener)),
        *_container_claims(reading.found(Container), index),
        *_file_claims(reading.found(ProgramFile), index),
        *_extension_claims(reading.found(BrowserExtension), index),
        *feature_claims(reading, index),
        *_trace_claims(reading, index),
    ]


def _software_claims(facts: Iterable[Found[Software]], index: Index) -> Iterator[Claim]:
    packages = index.packages
    for found in facts:
        fact = found.fact
        table = packages.get(fact.source)
        named = index.find(IndicatorKind.DISPLAY_NAME, fact.name) if table is None else table.find(fact.name)
        if not named and not fact.identifier and not fact.signer:
            # So it is with nearly every package.
            continue
        hits = [(hit, fact.name) for hit in named]
        if fact.identifier:
            hits += [(hit, fact.identifier) for hit in index.find(IndicatorKind.BUNDLE_ID, fact.identifier)]
        is_there = fact.state is InstallState.INSTALLED
        state = SightingState.INSTALLED if is_there else SightingState.RESIDUAL
        for hit, text in hits:
            yield _claim(hit, Basis.PACKAGE, state, found, text)
        if fact.publisher and named:
            # What a list says of the maker adds to a name; alone it would make a server of each of his viewers.
            products = {hit.product.id for hit in named}
            for hit in index.find(IndicatorKind.COMPANY, fact.publisher):
                if hit.product.id in products:
                    yield _claim(hit, Basis.COMPANY, state, found, fact.publisher)
        if fact.signer:
            for hit in _signed(index, fact.signer):
                yield _claim(hit, Basis.SIGNER, state, found, fact.signer)


def _process_claims(facts: Iterable[Found[Process]], index: Index) -> Iterator[Claim]:
    for found in facts:
        fact = found.fact
        if fact.is_kernel:
            continue
        for hit, text, trusted in _process_hits(fact, index):
            yield _claim(
                hit,
                Basis.PROCESS,
                SightingState.RUNNING,
                found,
                text,
                pid=fact.pid,
                at_most=_trust(is_trusted=trusted),
                context=fact.arguments if index.os is OsFamily.WINDOWS else "",
            )
        if fact.company:
            for hit in index.find(IndicatorKind.COMPANY, fact.company):
                yield _claim(hit, Basis.COMPANY, SightingState.RUNNING, found, fact.company, pid=fact.pid)
        if fact.signer:
            for hit in _signed(index, fact.signer):
                yield _claim(hit, Basis.SIGNER, SightingState.RUNNING, found, fact.signer, pid=fact.pid)


def _process_hits(fact: Process, index: Index) -> Iterable[tuple[Hit, str, bool]]:
    """Return what a process meets, by what, and whether that is trusted; hosts have most processes in common."""
    key = (fact.executable, fact.name, fact.arguments, fact.original_name)
    known = index.process_hits.get(key)
    if known is not None:
        return known
    name_program = program_of_windows if index.os is OsFamily.WINDOWS else program_of_process
    program = name_program(fact.executable, fact.name, fact.arguments)
    hits: list[tuple[Hit, str, bool]] = []
    for name, trusted in program.names.items():
        hits += [(hit, name, trusted) for hit in index.find(IndicatorKind.PROCESS, name)]
    for path, trusted in program.paths.items():
        hits += [(hit, path, trusted) for hit in index.find(IndicatorKind.EXECUTABLE, path)]
    hits += [(hit, fact.name, False) for hit in index.cut_names.get(fact.name, ())]
    if fact.original_name:
        hits += [(hit, fact.original_name, True) for hit in _original(index, fact.original_name)]
    if len(fact.arguments) <= _KEPT_LENGTH:
        if len(index.process_hits) >= _KEPT:
            index.process_hits.clear()
        index.process_hits[key] = tuple(hits)
    return hits


def _service_claims(facts: Iterable[Found[Service]], index: Index) -> Iterator[Claim]:
    for found in facts:
        fact = found.fact
        if "not-found" in fact.state.split():
            # systemd names units that others ask for although no file defines them.
            state = SightingState.RESIDUAL
        else:
            state = SightingState.RUNNING if fact.is_running else SightingState.INSTALLED
        kind = IndicatorKind.LAUNCHD if fact.manager is ServiceManager.LAUNCHD else IndicatorKind.SERVICE
        hits = index.find(kind, fact.name)
        if fact.manager in _WITHOUT_SUFFIX:
            hits += index.find(kind, f"{fact.name}.service")
        is_windows = index.os is OsFamily.WINDOWS
        context = (fact.command or "") if is_windows else ""
        # A task or an entry of a start-up key is called whatever its maker likes; services have names of their own.
        is_own = not is_windows or fact.manager is ServiceManager.WINDOWS_SERVICE
        for hit in hits:
            yield _claim(
                hit, Basis.SERVICE, state, found, fact.name, at_most=_trust(is_trusted=is_own), context=context
            )
        if fact.command:
            program = (program_of_windows_command if is_windows else program_of_command)(fact.command)
            for texts, kind in ((program.names, IndicatorKind.PROCESS), (program.paths, IndicatorKind.EXECUTABLE)):
                for text in texts:
                    for hit in index.find(kind, text):
                        yield _claim(
                            hit, Basis.SERVICE, state, found, text, at_most=Strength.SUPPORTING, context=context
                        )


def _listener_claims(facts: Iterable[Found[Listener]], index: Index) -> Iterator[Claim]:
    for found in facts:
        fact = found.fact
        for hit in index.ports.get((fact.protocol, fact.port), ()):
            yield _claim(hit, Basis.LISTENER, SightingState.RUNNING, found, f"{fact.port}/{fact.protocol}")


def _activation_claims(
    claims: Iterable[Claim], services: Sequence[Found[Service]], listeners: Sequence[Found[Listener]]
) -> Iterator[Claim]:
    """Give a socket that a manager of services holds to the products whose program it starts."""
    sockets = activated_sockets([found.fact for found in services], listeners)
    if not sockets:
        return
    best: dict[tuple[str, int], Claim] = {}
    for claim in claims:
        best.setdefault((claim.product, id(claim.found.fact)), claim)
    for (_, service), claim in best.items():
        for found in sockets.get(service, ()):
            yield socket_claim(claim, Basis.ACTIVATION, found)


def _container_claims(facts: Iterable[Found[Container]], index: Index) -> Iterator[Claim]:
    for found in facts:
        fact = found.fact
        state = SightingState.RUNNING if fact.is_running else SightingState.INSTALLED
        name, is_public = image_name(fact.image)
        # A registry of one's own has copies of others' images, most often below a folder of its own.
        names = [name] if is_public else dict.fromkeys((name, "/".join(name.split("/")[-2:])))
        for text in names:
            for hit in index.find(IndicatorKind.IMAGE, text):
                # What an account says of its own containers makes no other process its product's.
                pid = fact.pid if fact.user is None else None
                trust = _trust(is_trusted=is_public)
                yield _claim(hit, Basis.CONTAINER, state, found, fact.image, pid=pid, at_most=trust)


def image_name(image: str) -> tuple[str, bool]:
    """Return an image's name without registry, tag and digest, and whether it is a public registry's.

    ``registry:5000/a/b:1@sha256:…`` is ``a/b``. What stands before the first slash is a registry where it has a dot or
    a colon, or is ``localhost`` (distribution/reference); without one Docker Hub is meant, whose ``library`` is left
    out.
    """
    name = image.partition("@")[0]
    registry, slash, rest = name.partition("/")
    has_registry = bool(slash) and ("." in registry or ":" in registry or registry == "localhost")
    path = rest if has_registry else name
    head, colon, tag = path.rpartition(":")
    if colon and "/" not in tag:
        path = head
    return path.removeprefix("library/"), not has_registry or registry in _PUBLIC_REGISTRIES


def _file_claims(facts: Iterable[Found[ProgramFile]], index: Index) -> Iterator[Claim]:
    """Take a file that is as large as a program for the program whose name it bears, and any other for a hint."""
    for found in facts:
        fact = found.fact
        for hit in index.find(IndicatorKind.FILE, fact.name):
            at_most = _trust(is_trusted=fact.is_large)
            yield _claim(hit, Basis.FILE, SightingState.INSTALLED, found, fact.path, at_most=at_most)


def _extension_claims(facts: Iterable[Found[BrowserExtension]], index: Index) -> Iterator[Claim]:
    for found in facts:
        for hit in index.find(IndicatorKind.EXTENSION, found.fact.identifier):
            yield _claim(hit, Basis.EXTENSION, SightingState.INSTALLED, found, found.fact.identifier)


def _trace_claims(reading: Reading, index: Index) -> Iterator[Claim]:
    """Take records of what ran, was installed, connected or was looked up for remains: nothing may be there."""
    for ran in reading.found(ProgramTrace):
        yield from _ran_traces(ran, index)
    for installed in reading.found(ServiceInstallation):
        for hit in index.find(IndicatorKind.SERVICE, installed.fact.name):
            yield _trace(hit, installed, installed.fact.name, installed.fact.command)
        yield from _named_traces(installed, started(installed.fact.command), index, installed.fact.command)
    for connection in reading.found(ConnectionTrace):
        yield from _named_traces(connection, [connection.fact.path], index)
        # The destination of a connection that came in is the host itself.
        if connection.fact.is_initiated:
            yield from _domain_traces(connection, connection.fact.name, index)
    for looked_up in reading.found(ResolvedName):
        for name in dict.fromkeys((looked_up.fact.name.lower(), looked_up.fact.record.lower())):
            yield from _domain_traces(looked_up, name, index)


def _ran_traces(found: Found[ProgramTrace], index: Index) -> Iterator[Claim]:
    yield from _named_traces(found, [found.fact.path], index)
    for kind, text in (
        (IndicatorKind.ORIGINAL_NAME, found.fact.original_name), (IndicatorKind.COMPANY, found.fact.company),
    ):  # fmt: skip
        for hit in index.find(kind, text) if text else ():
            yield _trace(hit, found, text or "")


def _domain_traces(found: Found[Any], name: str, index: Index) -> Iterator[Claim]:
    for hit in index.find(IndicatorKind.DOMAIN, name) if name else ():
        yield _trace(hit, found, name)


def _named_traces(found: Found[Any], paths: Iterable[str], index: Index, context: str = "") -> Iterator[Claim]:
    for path in paths:
        for kind, text in ((IndicatorKind.PROCESS, base(path)), (IndicatorKind.EXECUTABLE, path)):
            for hit in index.find(kind, text):
                yield _trace(hit, found, text, context)


def _trace(hit: Hit, found: Found[Any], text: str, context: str = "") -> Claim:
    trust = Strength.SUPPORTING
    return _claim(hit, Basis.TRACE, SightingState.RESIDUAL, found, text, at_most=trust, context=context)


def feature_claims(reading: Reading, index: Index) -> Iterator[Claim]:
    """Take a feature of the operating system that is switched on for a product, and its service's sockets for its own.

    One that waits for whoever comes runs; one that a user has to start is installed. What is switched off is no product
    on the host, whatever its service does.
    """
    services = {found.fact.name.lower(): found.fact.pid for found in reading.found(Service) if found.fact.pid}
    for found in reading.found(RemoteManagement):
        if not found.fact.is_enabled:
            continue
        for hit in index.find(IndicatorKind.FEATURE, found.fact.feature):
            waits = found.fact.feature in _SERVICES_OF
            state = SightingState.RUNNING if waits else SightingState.INSTALLED
            claim = _claim(hit, Basis.FEATURE, state, found, found.fact.feature)
            yield claim
            held = {services.get(name.lower()) for name in _SERVICES_OF.get(found.fact.feature, ())} - {None}
            ports = _PORTS_OF.get(found.fact.feature, frozenset()) | found.fact.ports
            for socket in reading.found(Listener):
                if socket.fact.port in ports and held.intersection(owner.pid for owner in socket.fact.owners):
                    yield socket_claim(claim, Basis.ACTIVATION, socket)


def socket_claims(claims: Iterable[Claim], facts: Iterable[Found[Listener]]) -> Iterator[Claim]:
    """Let a TCP socket that a recognised process holds support what its name says.

    A name alone can be made up; a program of a server's name that accepts connections is one more kind of evidence,
    on whatever port. Weak names are not helped by it.
    """
    held: dict[int, list[Found[Listener]]] = {}
    for found in facts:
        if found.fact.protocol is Protocol.TCP:
            for owner in found.fact.owners:
                held.setdefault(owner.pid, []).append(found)
    best: dict[tuple[str, int], Claim] = {}
    for claim in claims:
        if claim.basis is Basis.PROCESS and claim.pid in held and claim.strength is not Strength.WEAK:
            best.setdefault((claim.product, claim.pid), claim)
    for (_, pid), claim in best.items():
        for found in held[pid]:
            yield socket_claim(claim, Basis.LISTENER, found)


def socket_claim(claim: Claim, basis: Basis, found: Found[Listener]) -> Claim:
    """Let what speaks for a product speak for a socket of it too."""
    text = f"{found.fact.port}/{found.fact.protocol}"
    return _claim(claim.hit, basis, SightingState.RUNNING, found, text, at_most=Strength.SUPPORTING)


def _claim(
    hit: Hit,
    basis: Basis,
    state: SightingState,
    found: Found[Any],
    text: str,
    *,
    pid: int | None = None,
    at_most: Strength = Strength.STRONG,
    context: str = "",
) -> Claim:
    strength = max(hit.indicator.strength, at_most, key=lambda strength: strength.rank)
    return Claim(hit=hit, strength=strength, basis=basis, state=state, found=found, text=text, pid=pid, context=context)


def _trust(*, is_trusted: bool) -> Strength:
    return Strength.STRONG if is_trusted else Strength.SUPPORTING


def _signed(index: Index, signer: str) -> list[Hit]:
    return [hit for kind in _APPLICATION_KINDS for hit in index.find(kind, signer)]


def _original(index: Index, name: str) -> tuple[Hit, ...]:
    return index.find(IndicatorKind.ORIGINAL_NAME, name)
