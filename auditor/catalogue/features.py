"""Remote-access features of the operating system that are switched on, and the sockets that are held for them."""

from collections.abc import Iterator

from auditor.catalogue.claim import Basis, Claim, claim_of, socket_claim
from auditor.catalogue.index import Index
from auditor.catalogue.product import IndicatorKind
from auditor.catalogue.programs import base
from auditor.model.facts.network import Listener
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import RemoteManagement
from auditor.model.facts.services import Service
from auditor.model.reading import Reading
from auditor.model.sighting import SightingState

# Features by the service of Windows that listens for them, which shares its process with others; or by the programs of
# macOS that hold their sockets beside launchd, which does so until somebody connects. And their usual ports.
_SERVICES_OF = {"remote desktop": ("termservice",)}
_HOLDERS_OF = {
    "screen sharing": ("screensharingd",),
    "remote management": ("screensharingd", "ardagent"),
}
_PORTS_OF = {
    "remote desktop": frozenset({3389}),
    "screen sharing": frozenset({5900}),
    "remote management": frozenset({3283, 5900}),
}
_SHARES = ("remote management", "screen sharing")
_SEALED = "/System/Library/"
"""Where nobody can put a program of his own: the volume of the system is sealed (since macOS 11)."""


def feature_claims(reading: Reading, index: Index) -> Iterator[Claim]:
    """Take a feature of the operating system that is switched on for a product, and its service's sockets for its own.

    One that waits for whoever comes runs; one that a user has to start is installed. What is switched off is no product
    on the host, whatever its service does.
    """
    services = {found.fact.name.lower(): found.fact.pid for found in reading.found(Service) if found.fact.pid}
    apples = {
        found.fact.pid: base(found.fact.executable or "").lower()
        for found in reading.found(Process)
        if (found.fact.executable or "").startswith(_SEALED)
    }
    on = {found.fact.feature for found in reading.found(RemoteManagement) if found.fact.is_enabled}
    for found in reading.found(RemoteManagement):
        feature = found.fact.feature
        if not found.fact.is_enabled:
            continue
        held = {services[name] for name in _SERVICES_OF.get(feature, ()) if name in services}
        held |= {pid for pid, name in apples.items() if name in _HOLDERS_OF.get(feature, ())}
        if feature in _HOLDERS_OF:
            held.add(1)
        ports = _PORTS_OF.get(feature, frozenset()) | found.fact.ports
        if feature == _SHARES[0] and _SHARES[1] in on:
            # Both let viewers in by the one port, which is screen sharing's.
            ports -= _PORTS_OF[_SHARES[1]]
        for hit in index.find(IndicatorKind.FEATURE, feature):
            state = SightingState.RUNNING if feature in _PORTS_OF else SightingState.INSTALLED
            claim = claim_of(hit, Basis.FEATURE, state, found, feature)
            yield claim
            for socket in reading.found(Listener):
                if socket.fact.port in ports and held.intersection(owner.pid for owner in socket.fact.owners):
                    yield socket_claim(claim, Basis.ACTIVATION, socket)
