"""What single facts say for products: each fact that meets an indicator becomes a claim."""

from collections.abc import Iterable, Iterator, Sequence

from auditor.catalogue.activation import activated_sockets
from auditor.catalogue.claim import Basis, Claim, claim_of, socket_claim, spoken_for, trust
from auditor.catalogue.features import feature_claims
from auditor.catalogue.index import KEPT, KEPT_LENGTH, Hit, Index, known_by
from auditor.catalogue.product import IndicatorKind, Strength
from auditor.catalogue.programs import (
    Program,
    program_of_command,
    program_of_launchd,
    program_of_windows_command,
    short_root,
)
from auditor.catalogue.running import process_claims
from auditor.catalogue.signatures import maker_hits
from auditor.catalogue.traces import trace_claims
from auditor.model.facts.containers import Container
from auditor.model.facts.network import Listener, Protocol
from auditor.model.facts.remote_config import BrowserExtension, RemoteAccessSetting
from auditor.model.facts.services import Service, ServiceManager
from auditor.model.facts.software import InstallState, ProgramFile, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading
from auditor.model.sighting import SightingState

_APPLES = (ServiceManager.LAUNCHD, ServiceManager.LOGIN_ITEM)
_WITHOUT_SUFFIX = (ServiceManager.SYSV, ServiceManager.OPENRC, ServiceManager.XINETD)
_PUBLIC_REGISTRIES = frozenset(
    {"docker.io", "index.docker.io", "ghcr.io", "quay.io", "lscr.io", "registry.gitlab.com", "mcr.microsoft.com"}
)
_RECEIPTS = "software.receipts"
_UNSIGNED = (None, "", "None")
"""Kinds of signature of a package of the Store's kind that stand for none: it was registered by a developer."""
_APPLICATION_KINDS = (IndicatorKind.TEAM_ID, IndicatorKind.SIGNER)


def collect_claims(reading: Reading, index: Index) -> list[Claim]:
    """Return every claim of a host's facts, in the order of the facts."""
    services = list(_service_claims(reading.found(Service), index))
    return [
        *_software_claims(reading.found(Software), index),
        *process_claims(reading, index),
        *services,
        *_listener_claims(reading.found(Listener), index),
        *_activation_claims(services, reading.found(Service), reading.found(Listener)),
        *_container_claims(reading.found(Container), index),
        *_file_claims(reading.found(ProgramFile), index),
        *_extension_claims(reading.found(BrowserExtension), index),
        *_setting_claims(reading.found(RemoteAccessSetting), index),
        *feature_claims(reading, index),
        *trace_claims(reading, index),
    ]


def _software_claims(facts: Iterable[Found[Software]], index: Index) -> Iterator[Claim]:
    packages, source, strangers = index.packages, "", index.strangers_of("")
    for found in facts:
        fact = found.fact
        if fact.source != source:
            source, strangers = fact.source, index.strangers_of(fact.source)
        if fact.name in strangers and not fact.identifier and not fact.signer and not fact.location:
            continue
        table = packages.get(fact.source)
        named = index.find(IndicatorKind.DISPLAY_NAME, fact.name) if table is None else table.find(fact.name)
        if not named and not fact.identifier and not fact.signer and not fact.location:
            # So it is with nearly every package, and hosts have most of them in common.
            index.keep_stranger(fact.source, fact.name)
            continue
        yield from _package_claims(found, named, index)


def _package_claims(found: Found[Software], named: tuple[Hit, ...], index: Index) -> Iterator[Claim]:
    """Return what one package says, whose name meets some indicators or none."""
    fact = found.fact
    hits = [(hit, fact.name) for hit in named]
    for kind, text in ((IndicatorKind.BUNDLE_ID, fact.identifier), (IndicatorKind.PATH, fact.location)):
        hits += [(hit, text) for hit in index.find(kind, text)] if text else []
    # A receipt outlives what it was given for: what is there, an app or a job of launchd shows.
    is_receipt = fact.source == _RECEIPTS
    is_there = fact.state is InstallState.INSTALLED and not is_receipt
    state = SightingState.INSTALLED if is_there else SightingState.RESIDUAL
    for hit, text in hits:
        yield claim_of(hit, Basis.RECEIPT if is_receipt else Basis.PACKAGE, state, found, text)
    if fact.publisher and named:
        # What a list says of the maker adds to a name; alone it would make a server of each of his viewers.
        products = {hit.product.id for hit in named}
        for hit in index.find(IndicatorKind.COMPANY, fact.publisher):
            if hit.product.id in products:
                yield claim_of(hit, Basis.MAKER, state, found, fact.publisher)
    if fact.signer:
        for hit in spoken_for(_signed(fact, fact.signer, index), {hit.product.id for hit, _ in hits}):
            yield claim_of(hit, Basis.SIGNER, state, found, fact.signer)


def _service_claims(facts: Iterable[Found[Service]], index: Index) -> Iterator[Claim]:
    for found in facts:
        fact = found.fact
        if fact.is_left_over:
            # Units outlive their programs, and systemd names some that no file defines: asked for by others, masked.
            state = SightingState.RESIDUAL
        else:
            state = SightingState.RUNNING if fact.is_running else SightingState.INSTALLED
        kind = IndicatorKind.LAUNCHD if fact.manager is ServiceManager.LAUNCHD else IndicatorKind.SERVICE
        hits = index.find(kind, fact.name)
        if fact.manager is ServiceManager.LOGIN_ITEM:
            # It is called by its app's name or id.
            hits += index.find(IndicatorKind.BUNDLE_ID, fact.name) + index.find(IndicatorKind.DISPLAY_NAME, fact.name)
        if fact.manager in _WITHOUT_SUFFIX:
            hits += index.find(kind, f"{fact.name}.service")
        is_windows = index.os is OsFamily.WINDOWS
        context = (fact.command or "") if is_windows else ""
        at_most = trust(is_trusted=_has_own_name(fact, index))
        for hit in hits:
            yield claim_of(hit, Basis.SERVICE, state, found, fact.name, at_most=at_most, context=context)
        for hit, text in _command_hits(fact, index) if fact.command else ():
            yield claim_of(hit, Basis.SERVICE, state, found, text, at_most=Strength.SUPPORTING, context=context)


def _command_hits(service: Service, index: Index) -> Iterable[tuple[Hit, str]]:
    """Return what the programs meet that a service starts, and by what; hosts have most of their services in common."""
    command = service.command or ""
    key = (service.manager in _APPLES, known_by(command))
    known = index.command_hits.get(key)
    if known is not None:
        return known
    program = _programs(service, index)
    hits = [(hit, name) for name in program.names for hit in index.find(IndicatorKind.PROCESS, name)]
    hits += [(hit, path) for path in program.paths for hit in index.find(IndicatorKind.EXECUTABLE, path)]
    if all(len(text) <= KEPT_LENGTH for _, text in hits):
        if len(index.command_hits) >= KEPT:
            index.command_hits.clear()
        index.command_hits[key] = tuple(hits)
    return hits


def _has_own_name(service: Service, index: Index) -> bool:
    """Tell whether a name is the service's: tasks, start-up entries and login items are called whatever one likes."""
    if index.os is OsFamily.WINDOWS:
        return service.manager is ServiceManager.WINDOWS_SERVICE
    return service.manager is not ServiceManager.LOGIN_ITEM


def _programs(service: Service, index: Index) -> Program:
    command = service.command or ""
    if index.os is OsFamily.WINDOWS:
        return program_of_windows_command(command)
    return program_of_launchd(command) if service.manager in _APPLES else program_of_command(command)


def _listener_claims(facts: Iterable[Found[Listener]], index: Index) -> Iterator[Claim]:
    for found in facts:
        fact = found.fact
        for hit in index.ports.get((fact.protocol, fact.port), ()):
            yield claim_of(hit, Basis.LISTENER, SightingState.RUNNING, found, f"{fact.port}/{fact.protocol}")


def _activation_claims(
    claims: Iterable[Claim], services: Sequence[Found[Service]], listeners: Sequence[Found[Listener]]
) -> Iterator[Claim]:
    """Give a socket that a manager of services holds to the products whose program it starts."""
    sockets = activated_sockets([found.fact for found in services], listeners)
    if not sockets:
        return
    best: dict[tuple[str, int], Claim] = {}
    for claim in claims:
        if claim.state is not SightingState.RESIDUAL:
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
                at_most = trust(is_trusted=is_public)
                yield claim_of(hit, Basis.CONTAINER, state, found, fact.image, pid=pid, at_most=at_most)


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
            at_most = trust(is_trusted=fact.is_large)
            yield claim_of(hit, Basis.FILE, SightingState.INSTALLED, found, fact.path, at_most=at_most)


def _extension_claims(facts: Iterable[Found[BrowserExtension]], index: Index) -> Iterator[Claim]:
    for found in facts:
        for hit in index.find(IndicatorKind.EXTENSION, found.fact.identifier):
            yield claim_of(hit, Basis.EXTENSION, SightingState.INSTALLED, found, found.fact.identifier)


def _setting_claims(facts: Iterable[Found[RemoteAccessSetting]], index: Index) -> Iterator[Claim]:
    """Take a file of settings for what is left of its product at least; one claim for each file."""
    seen: set[tuple[str, str]] = set()
    for found in facts:
        key = (found.fact.product, found.fact.file)
        if key in seen:
            continue
        seen.add(key)
        names = dict.fromkeys((found.fact.file, short_root(found.fact.file)))
        for hit in (hit for name in names for hit in index.find(IndicatorKind.PATH, name)):
            if hit.product.id == found.fact.product:
                yield claim_of(
                    hit, Basis.SETTING, SightingState.RESIDUAL, found, found.fact.file, at_most=Strength.SUPPORTING
                )


def socket_claims(claims: Iterable[Claim], facts: Iterable[Found[Listener]]) -> Iterator[Claim]:
    """Let a TCP socket that a recognised process holds support what its name or signer says.

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
        if claim.pid in held and claim.strength is not Strength.WEAK and _names_program(claim):
            best.setdefault((claim.product, claim.pid), claim)
    for (_, pid), claim in best.items():
        for found in held[pid]:
            yield socket_claim(claim, Basis.LISTENER, found)


def _names_program(claim: Claim) -> bool:
    """Tell whether a claim names a program: by its file, what its maker called it, or a signature checked on it."""
    if claim.basis is Basis.SIGNER:
        return claim.signature is not None
    return claim.basis is Basis.PROCESS or claim.hit.indicator.kind is IndicatorKind.ORIGINAL_NAME


def _signed(fact: Software, signer: str, index: Index) -> list[Hit]:
    """Return which makers' indicators the signer of a package meets; of one that is unsigned, its word is none."""
    if index.os is OsFamily.WINDOWS:
        return [hit for hit, _ in maker_hits(signer, index)] if fact.origin not in _UNSIGNED else []
    return [hit for kind in _APPLICATION_KINDS for hit in index.find(kind, signer)]
