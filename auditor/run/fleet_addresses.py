"""Which host has which address: by the inventory, and by what hosts said of themselves in a run."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice

from auditor.catalogue.product import Catalogue
from auditor.errors import HostError
from auditor.model.host import Host
from auditor.run.fleet_connections import connection_rules
from auditor.run.open_bundle import Bundle
from auditor.run.readers import Readers
from auditor.run.said_addresses import SECTIONS, AddressesJob, shortest
from auditor.store.record import RunRecord
from auditor.store.store import Store

_AT_ONCE = 32
"""Hosts whose evidence is fetched in one question."""
_Told = tuple[str, tuple[str, ...] | HostError]
"""A host, and the addresses that it said; the error where its evidence could not be read."""


def inventory_addresses(hosts: Iterable[Host]) -> dict[str, str]:
    """Return hosts by the addresses that the inventory reaches them at; names are not asked of anybody."""
    found: dict[str, str] = {}
    for host in hosts:
        for word in (host.address, host.name):
            address = shortest(word)
            if address is not None:
                found.setdefault(address, host.name)
    return found


def run_addresses(store: Store, run: RunRecord, catalogue: Catalogue) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the hosts of a run by the addresses that they said they have; one that two claim is nobody's.

    Beside it, sentences about hosts whose evidence could not be read. The caller has no other thread.
    """
    with closing(Readers(_count(), connection_rules(datetime.fromisoformat(run.as_of), catalogue))) as readers:
        return _agreed(_told(store, run, readers))


def bundle_addresses(bundles: Sequence[Bundle], catalogue: Catalogue) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the same of the hosts of bundles."""
    with closing(Readers(_count(), connection_rules(bundles[0].as_of, catalogue), bundles=bundles)) as readers:
        return _agreed(_told_in(bundles, readers))


def _count() -> int:
    return min(2, os.cpu_count() or 1)


def _told(store: Store, run: RunRecord, readers: Readers) -> Iterator[_Told]:
    answers = iter(store.answers(run.id))
    while some := list(islice(answers, _AT_ONCE)):
        kept = store.sections({sha for answer in some for sha in answer.sections})
        sections = {one.sha256: one for one in kept if one.id.startswith(SECTIONS)}
        for answer in some:
            if answer.head is None or answer.sha256 is None:
                # It gave no evidence, and has no address that it said.
                continue
            job = AddressesJob(
                head=answer.head,
                sha256=answer.sha256,
                sections=tuple(sections[sha] for sha in answer.sections if sha in sections),
            )
            yield answer.host, _read(job, readers)


def _told_in(bundles: Sequence[Bundle], readers: Readers) -> Iterator[_Told]:
    for number, bundle in enumerate(bundles):
        for answer in bundle.answers():
            yield answer.facts.name, _read(AddressesJob(bundle=number, line=answer.place), readers)


def _read(job: AddressesJob, readers: Readers) -> tuple[str, ...] | HostError:
    try:
        return readers.addresses(job)
    except HostError as error:
        return error


def _agreed(told: Iterable[_Told]) -> tuple[dict[str, str], tuple[str, ...]]:
    found: dict[str, str | None] = {}
    notes = []
    for host, addresses in told:
        if isinstance(addresses, HostError):
            notes.append(f"{host}: which addresses it has is not known: {addresses.detail}")
            continue
        for address in addresses:
            found[address] = host if found.get(address, host) == host else None
    return {address: host for address, host in found.items() if host is not None}, tuple(notes)
