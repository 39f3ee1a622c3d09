"""What single facts say for products: each fact that meets an indicator becomes a claim."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from auditor.catalogue.activation import activated_sockets
from auditor.catalogue.index import Hit, Index
from auditor.catalogue.product import IndicatorKind, Strength
from auditor.catalogue.programs import program_of_command, program_of_process
from auditor.model.facts.containers import Container
from auditor.model.facts.network import Listener, Protocol
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import BrowserExtension
from auditor.model.facts.services import Service, ServiceManager
from auditor.model.facts.software import InstallState, ProgramFile, Software
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
    CONTAINER = "container"
    FILE = "file"
    EXTENSION = "extension"


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
                hit, Basis.PROCESS, SightingState.RUNNING, found, text, pid=fact.pid, at_most=_trust(is_trusted=trusted)
            )
        if fact.signer:
            for hit in _signed(index, fact.signer):
                yield _claim(hit, Basis.SIGNER, SightingState.RUNNING, found, fact.signer, pid=fact.pid)


def _process_hits(fact: Process, index: Index) -> Iterable[tuple[Hit, str, bool]]:
    """Return what a process meets, by what, and whether that is trusted; hosts have most processes in common."""
    key = (fact.executable, fact.name, fact.arguments, fact.original_name)
    known = index.process_hits.get(key)
    if known is not None:
        return known
    program = program_of_process(fact.executable, fact.name, fact.arguments)
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
        for hit in hits:
            yield _claim(hit, Basis.SERVICE, state, found, fact.name)
        if fact.command:
            program = program_of_command(fact.command)
            for texts, kind in ((program.names, IndicatorKind.PROCESS), (program.paths, IndicatorKind.EXECUTABLE)):
                for text in texts:
                    for hit in index.find(kind, text):
                        yield _claim(hit, Basis.SERVICE, state, found, text, at_most=Strength.SUPPORTING)


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
) -> Claim:
    strength = max(hit.indicator.strength, at_most, key=lambda strength: strength.rank)
    return Claim(hit=hit, strength=strength, basis=basis, state=state, found=found, text=text, pid=pid)


def _trust(*, is_trusted: bool) -> Strength:
    return Strength.STRONG if is_trusted else Strength.SUPPORTING


def _signed(index: Index, signer: str) -> list[Hit]:
    return [hit for kind in _APPLICATION_KINDS for hit in index.find(kind, signer)]


def _original(index: Index, name: str) -> tuple[Hit, ...]:
    return index.find(IndicatorKind.ORIGINAL_NAME, name)
