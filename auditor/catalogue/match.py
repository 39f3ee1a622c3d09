"""Which products are on a host: claims weighed against each other become sightings.

How claims on one fact are settled: a strong one silences the others; else products that something else proves
silence those that nothing does; else a single named product keeps it; else the fallback product that also claims it
(``Unidentified VNC server``) takes it, so that one unknown thing is one sighting and not one for each product it
might be. What a program's valid signature says is not silenced: whoever has a file gives it its name. A listener on a
known port counts for a fallback only while no process that holds it is recognised as something else; whose port it is
cannot be ruled out by an unknown program's name, so it stays a suspicion.
"""

from collections.abc import Iterable, Sequence

from auditor.catalogue.belonging import Belongings
from auditor.catalogue.claim import Basis, Claim
from auditor.catalogue.claims import collect_claims, socket_claims
from auditor.catalogue.holdings import holdings_of
from auditor.catalogue.index import index_of
from auditor.catalogue.masquerade import renamed_programs
from auditor.catalogue.product import Catalogue, Product, Strength
from auditor.catalogue.signatures import signatures_of
from auditor.catalogue.tenants import Told, tenant_in, tenants_of_settings
from auditor.catalogue.users import users_of
from auditor.model.facts.network import Listener
from auditor.model.facts.processes import Process
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.reading import Reading
from auditor.model.sighting import Confidence, Quote, Sighting, SightingState

QUOTES = 12
"""Quotes of claims a sighting carries at most, the strongest first."""

_ENOUGH_SUPPORT = 2
_SOCKETS = (Basis.LISTENER, Basis.ACTIVATION)
_UNSIGNED = ("software.homebrew", "software.receipts")
_BASES = {basis: rank for rank, basis in enumerate(Basis)}
_STATES = {state: rank for rank, state in enumerate(SightingState)}


def match(reading: Reading, catalogue: Catalogue) -> tuple[Sighting, ...]:
    """Return every product that a host's facts show, sorted by product and tenant; one sighting for each pair."""
    claims = collect_claims(reading, index_of(catalogue, reading.os))
    if not claims:
        return ()
    settled = _without_explained_ports(_settle(claims), Belongings(reading))
    settled += socket_claims(settled, reading.found(Listener))
    by_product: dict[str, list[Claim]] = {}
    for claim in settled:
        by_product.setdefault(claim.product, []).append(claim)
    told = tenants_of_settings(reading, catalogue)
    return tuple(
        sighting
        for _, group in sorted(by_product.items())
        for sighting in _sightings(reading, group, told.get(group[0].product, ()))
    )


def owners(sightings: Iterable[Sighting]) -> dict[int, str]:
    """Map every process to the product it belongs to; a confirmed sighting goes before a suspected one."""
    found: dict[int, str] = {}
    for sighting in sorted(sightings, key=lambda seen: (seen.confidence is not Confidence.CONFIRMED, seen.product)):
        for pid in sighting.pids:
            found.setdefault(pid, sighting.product)
    return found


def _settle(claims: Sequence[Claim]) -> list[Claim]:
    """Leave each fact to the products it speaks for best."""
    proven = {
        claim.product
        for claim in claims
        if claim.strength is Strength.STRONG and claim.state is not SightingState.RESIDUAL
    }
    by_fact: dict[tuple[str, int], list[Claim]] = {}
    for claim in claims:
        by_fact.setdefault((claim.found.section, claim.found.line), []).append(claim)
    kept: list[Claim] = []
    for rivals in by_fact.values():
        winners = _winners(rivals, proven)
        kept += [claim for claim in rivals if claim.product in winners]
    return kept


def _winners(rivals: Sequence[Claim], proven: set[str]) -> set[str]:
    everyone = {claim.product for claim in rivals}
    if len(everyone) == 1:
        return everyone
    return _best(rivals, everyone, proven) | {claim.product for claim in rivals if _is_signed(claim)}


def _is_signed(claim: Claim) -> bool:
    """Tell whether it is what a valid signature of a program says, whose maker signs that product alone."""
    return (
        claim.basis is Basis.SIGNER
        and claim.signature is not None
        and claim.hit.indicator.strength is not Strength.WEAK
    )


def _best(rivals: Sequence[Claim], everyone: set[str], proven: set[str]) -> set[str]:
    strong = {claim.product for claim in rivals if claim.strength is Strength.STRONG}
    if strong:
        return strong
    fallbacks = {claim.product for claim in rivals if claim.hit.product.is_fallback}
    named = everyone - fallbacks
    if named & proven:
        return named & proven
    if len(named) == 1:
        return named
    return fallbacks or everyone


def _without_explained_ports(claims: Sequence[Claim], belongings: Belongings) -> list[Claim]:
    """Drop what only a port says of a socket that a recognised process holds, or that leads to one in a container.

    A name that a program gave itself explains a port of its own category only: calling itself by the name of an
    approved agent does not hide a VNC server.
    """
    recognised: dict[int, list[Claim]] = {}
    for claim in claims:
        if claim.pid is not None and claim.strength is not Strength.WEAK:
            recognised.setdefault(claim.pid, []).append(claim)

    def is_explained(port: Claim) -> bool:
        pids = (*(owner.pid for owner in port.found.fact.owners), *belongings.behind(port.found.fact))
        return any(_explains(claim, port) for pid in pids for claim in recognised.get(pid, ()))

    return [claim for claim in claims if claim.basis is not Basis.LISTENER or not is_explained(claim)]


def _explains(holder: Claim, port: Claim) -> bool:
    if holder.product == port.product:
        return False
    return holder.strength is Strength.STRONG or holder.hit.product.category is port.hit.product.category


def _sightings(reading: Reading, claims: Sequence[Claim], told: Sequence[Told]) -> list[Sighting]:
    """Make one sighting for each tenant of a product; claims that name none go to the first tenant."""
    product = claims[0].hit.product
    groups: dict[str | None, list[Claim]] = {}
    for claim in claims:
        groups.setdefault(tenant_in(product, claim.hit.indicator.kind, claim.text), []).append(claim)
    if set(groups) == {None}:
        # No name tells it: the command line may. Both together would make two instances of one.
        groups = {}
        for claim in claims:
            groups.setdefault(tenant_in(product, claim.hit.indicator.kind, claim.context), []).append(claim)
    for tenant, _ in told:
        groups.setdefault(tenant, [])
    nameless = groups.pop(None, [])
    if not groups:
        return [_sighting(reading, product, None, nameless, ())]
    made = []
    for position, tenant in enumerate(sorted(name for name in groups if name is not None)):
        quotes = tuple(reading.quote(found) for name, found in told if name == tenant)
        # A tenant that only a file names shares what shows the product; one that names show stands on its own.
        own = groups[tenant] or list(nameless or claims)
        if position == 0 and groups[tenant]:
            own = [*own, *nameless]
        made.append(_sighting(reading, product, tenant, own, quotes))
    return made


def _sighting(
    reading: Reading, product: Product, tenant: str | None, claims: Sequence[Claim], extra: tuple[Quote, ...]
) -> Sighting:
    state = _state(claims)
    if state is not SightingState.RESIDUAL:
        # What a removed package left behind says nothing of what is there now.
        claims = [claim for claim in claims if claim.state is not SightingState.RESIDUAL]
    quotes: dict[Quote, None] = {}
    for claim in sorted(claims, key=_weight):
        if len(quotes) >= QUOTES:
            break
        quotes[reading.quote(claim.found)] = None
        if claim.signature is not None:
            quotes[reading.quote(claim.signature)] = None
    quotes |= dict.fromkeys(extra)
    pids = _pids(reading, claims)
    confidence = _confidence(claims)
    renamed = renamed_programs(product, claims, reading.os)
    is_sure = confidence is Confidence.CONFIRMED
    return Sighting(
        product=product.id,
        name=product.name,
        category=product.category,
        role=product.role,
        state=state,
        confidence=confidence,
        version=_version(claims),
        tenant=tenant,
        pids=pids,
        renamed=tuple(sorted({*renamed.by_name, *renamed.by_signature})) if is_sure else renamed.by_name,
        perhaps_renamed=() if is_sure else renamed.by_signature,
        signers=_signers(reading, claims),
        users=users_of(reading, claims, pids),
        sockets=tuple(sorted({(claim.found.section, claim.found.line) for claim in claims if claim.basis in _SOCKETS})),
        holdings=holdings_of(claims),
        places=frozenset((claim.found.section, claim.found.line) for claim in claims),
        proof=tuple(quotes),
    )


def _state(claims: Sequence[Claim]) -> SightingState:
    """Say how alive a product is: a unit beside the remains of a removed package is one of its remains."""
    if any(claim.state is SightingState.RUNNING for claim in claims):
        return SightingState.RUNNING
    installed = {claim.basis for claim in claims if claim.state is SightingState.INSTALLED}
    was_removed = any(claim.state is SightingState.RESIDUAL and claim.basis is Basis.PACKAGE for claim in claims)
    if not installed or (was_removed and installed == {Basis.SERVICE}):
        return SightingState.RESIDUAL
    return SightingState.INSTALLED


def _confidence(claims: Sequence[Claim]) -> Confidence:
    """Confirm by one strong claim, or by supporting ones on two sorts of evidence."""
    supported = {claim.basis for claim in claims if claim.strength is Strength.SUPPORTING}
    is_strong = any(claim.strength is Strength.STRONG for claim in claims)
    return Confidence.CONFIRMED if is_strong or len(supported) >= _ENOUGH_SUPPORT else Confidence.SUSPECTED


def _version(claims: Sequence[Claim]) -> str | None:
    """Take the version of the package that the product names first."""
    sources = (Basis.PACKAGE, Basis.RECEIPT)
    packages = [claim for claim in claims if claim.basis in sources and isinstance(claim.found.fact, Software)]
    packages.sort(key=lambda claim: (claim.strength.rank, claim.hit.position))
    found = next((claim.found.fact.version for claim in packages if claim.found.fact.version), None)
    # AnyDesk puts two letters before its number on Windows: `ad 8.0.10`.
    word, _, number = (found or "").partition(" ")
    return number if word.isalpha() and number[:1].isdigit() else found


def _pids(reading: Reading, claims: Sequence[Claim]) -> tuple[int, ...]:
    """Return the product's processes.

    Where only ports speak, the holder counts if it listens on nothing else: a proxy for ten services is not one.
    """
    pids = {claim.pid for claim in claims if claim.pid is not None}
    ports = [claim.found for claim in claims if claim.basis is Basis.LISTENER and claim.pid is None]
    if ports:
        known = {(found.section, found.line) for found in ports}
        others = {
            owner.pid
            for found in reading.found(Listener)
            if (found.section, found.line) not in known
            for owner in found.fact.owners
        }
        pids |= {owner.pid for found in ports for owner in found.fact.owners} - others
    # The first process of a Mac holds sockets for others, and is none of them.
    return tuple(sorted(pids - {1} if reading.os is OsFamily.MACOS else pids))


def _signers(reading: Reading, claims: Sequence[Claim]) -> tuple[str, ...] | None:
    """Return who signed what shows a product; None where that is not known of every process and package of it.

    Windows checks the signature of a program (``processes.signers``); a package's source says who signed the package.
    """
    signatures = signatures_of(reading)
    found: set[str] = set()
    for claim in claims:
        fact = claim.found.fact
        if isinstance(fact, Process):
            row = signatures.of(fact)
            signer = row.fact.signer if row is not None and row.fact.is_valid else fact.signer
        elif isinstance(fact, Software) and claim.basis in (Basis.PACKAGE, Basis.SIGNER):
            signer = fact.signer
            if signer is None and (reading.os is OsFamily.WINDOWS or fact.source in _UNSIGNED):
                continue  # a list of what is installed names nobody; the program that runs does
        else:
            continue
        if signer is None:
            return None
        found.add(signer)
    return tuple(sorted(found)) or None


def _weight(claim: Claim) -> tuple[int, int, str, int]:
    return claim.strength.rank, _BASES[claim.basis], claim.found.section, claim.found.line
