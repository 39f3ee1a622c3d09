"""What of a host is a product's, by what speaks for it: for whoever is to remove or stop it."""

from collections.abc import Iterable
from typing import TypeVar

from auditor.catalogue.claim import Basis, Claim
from auditor.catalogue.product import Strength
from auditor.model.facts.services import Service
from auditor.model.facts.software import InstallState, ProgramFile, Software
from auditor.model.holdings import HeldPackage, HeldService, Holdings
from auditor.model.sighting import SightingState

_MOST = 50
"""Things of one kind that are kept: a host may claim thousands."""

Fact = TypeVar("Fact")


def holdings_of(claims: Iterable[Claim]) -> Holdings:
    """Return what of a host is a product's, given what speaks for it there.

    A package or a program is the product's only where its own name says so and nothing else is called that. A service
    is also where the program it starts says so. What is left of removed software is nobody's.
    """
    there = [
        claim for claim in claims if claim.strength is not Strength.WEAK and claim.state is not SightingState.RESIDUAL
    ]
    sure = [claim for claim in there if claim.strength is Strength.STRONG]
    packages = {
        (one.source, one.name, one.version, one.user or ""): HeldPackage(
            source=one.source, name=one.name, version=one.version, user=one.user
        )
        for one in _facts(sure, Basis.PACKAGE, Software)
        if one.state is InstallState.INSTALLED
    }
    services = {
        (one.manager, one.name): HeldService(
            manager=one.manager, name=one.name, start=one.start, is_running=one.is_running
        )
        for one in _facts(there, Basis.SERVICE, Service)
    }
    files = {one.path for one in _facts(sure, Basis.FILE, ProgramFile)}
    return Holdings(
        packages=tuple(one for _, one in sorted(packages.items())[:_MOST]),
        services=tuple(one for _, one in sorted(services.items())[:_MOST]),
        files=tuple(sorted(files)[:_MOST]),
        is_cut=max(len(packages), len(services), len(files)) > _MOST,
    )


def _facts(claims: Iterable[Claim], basis: Basis, kind: type[Fact]) -> Iterable[Fact]:
    return (claim.found.fact for claim in claims if claim.basis is basis and isinstance(claim.found.fact, kind))
