"""Which host has which address: by the inventory, and by what hosts said of themselves in a run."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address

from auditor.collect.read import read
from auditor.errors import UsageError
from auditor.model.evidence import Evidence
from auditor.model.facts.network import InterfaceAddress
from auditor.model.host import Host
from auditor.run.stored_evidence import stored_evidence
from auditor.store.record import RunRecord
from auditor.store.store import Store

_SECTIONS = "network."


def inventory_addresses(hosts: Iterable[Host]) -> dict[str, str]:
    """Return hosts by the addresses that the inventory reaches them at; names are not asked of anybody."""
    found: dict[str, str] = {}
    for host in hosts:
        for word in (host.address, host.name):
            address = shortest(word)
            if address is not None:
                found.setdefault(address, host.name)
    return found


def shortest(text: str) -> str | None:
    """Return an address in its shortest form; None for what is no address, or every machine's own."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return None if address.is_loopback or address.is_unspecified or address.is_link_local else str(address)


def said_addresses(evidence: Evidence) -> Iterator[str]:
    """Yield the addresses that a host says it has."""
    sections = tuple(section for section in evidence.sections if section.id.startswith(_SECTIONS))
    for one in read(replace(evidence, sections=sections)).of(InterfaceAddress):
        address = shortest(one.address)
        if address is not None:
            yield address


def run_addresses(store: Store, run: RunRecord) -> dict[str, str]:
    """Return the hosts of a run by the addresses that they said they have; one that two claim is nobody's."""
    return agreed(_told(store, run))


def _told(store: Store, run: RunRecord) -> Iterator[tuple[str, Evidence]]:
    for row in store.scope(run.id):
        host = str(row["name"])
        try:
            yield host, stored_evidence(store, run, host)
        except UsageError:
            # It gave none, and has no address that it said.
            continue


def agreed(told: Iterable[tuple[str, Evidence]]) -> dict[str, str]:
    """Return hosts by the addresses that they said they have; one that two claim is nobody's."""
    found: dict[str, str | None] = {}
    for host, evidence in told:
        for address in said_addresses(evidence):
            found[address] = host if found.get(address, host) == host else None
    return {address: host for address, host in found.items() if host is not None}
