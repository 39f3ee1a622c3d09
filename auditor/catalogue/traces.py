"""Records of what ran, was installed, let in, connected or looked up: remains of products, for nothing may be there."""

from collections.abc import Iterable, Iterator
from typing import Any

from auditor.catalogue.claim import Basis, Claim, claim_of, spoken_for
from auditor.catalogue.index import Hit, Index
from auditor.catalogue.product import IndicatorKind, Strength
from auditor.catalogue.programs import base
from auditor.catalogue.windows_command import started
from auditor.model.facts.network import ConnectionTrace, ResolvedName
from auditor.model.facts.processes import ProgramTrace
from auditor.model.facts.remote_config import PrivacyGrant
from auditor.model.facts.services import ServiceInstallation
from auditor.model.reading import Found, Reading
from auditor.model.sighting import SightingState


def trace_claims(reading: Reading, index: Index) -> Iterator[Claim]:
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
    for grant in reading.found(PrivacyGrant):
        yield from _granted_traces(grant, index)
    for looked_up in reading.found(ResolvedName):
        for name in dict.fromkeys((looked_up.fact.name.lower(), looked_up.fact.record.lower())):
            yield from _domain_traces(looked_up, name, index)


def _granted_traces(found: Found[PrivacyGrant], index: Index) -> Iterator[Claim]:
    """Take what may see or control the screen (macOS) for what was there: the grant stays when the program goes."""
    client = found.fact.client
    if found.fact.is_allowed and client.startswith("/"):
        yield from _named_traces(found, [client], index)
    elif found.fact.is_allowed:
        for hit in index.find(IndicatorKind.BUNDLE_ID, client):
            yield _trace(hit, found, client)


def _ran_traces(found: Found[ProgramTrace], index: Index) -> Iterator[Claim]:
    fact = found.fact
    named = list(_named_traces(found, [fact.path], index))
    original = fact.original_name or ""
    named += [_trace(hit, found, original) for hit in index.find(IndicatorKind.ORIGINAL_NAME, original)]
    yield from named
    products = {claim.product for claim in named}
    for kind, text in ((IndicatorKind.COMPANY, fact.company), (IndicatorKind.PRODUCT_NAME, fact.product_name)):
        for hit in spoken_for(index.find(kind, text), products) if text else ():
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
    return claim_of(hit, Basis.TRACE, SightingState.RESIDUAL, found, text, at_most=trust, context=context)
