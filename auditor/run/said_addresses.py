"""The addresses that a host says it has, from its sealed evidence: read in a reader process, as all it said."""

import json
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from auditor.collect.read import read
from auditor.collect.seal import head_from_record
from auditor.errors import HostError, Reason
from auditor.model.evidence import Evidence
from auditor.model.facts.network import InterfaceAddress
from auditor.model.record import Record, Unshown, replace
from auditor.run.connections import stored_section
from auditor.run.open_bundle import Bundle
from auditor.run.wire import joined, parted
from auditor.store.record import SectionRecord

SECTIONS = "network."
"""Begin the ids of the sections that say it."""
_MOST = 10_000


class AddressesJob(Record, kw_only=True):
    """One host whose evidence is to be read for its addresses: what a store holds, or where a bundle has it."""

    head: Unshown[str] = ""
    """Head of the evidence as JSON."""
    sha256: str = ""
    """Seal of the evidence."""
    sections: Unshown[tuple[SectionRecord, ...]] = ()
    """Its sections that say it."""
    bundle: int | None = None
    """Which of the bundles that the readers were made with holds it; None for none."""
    line: int = 0
    """Byte of that bundle's lines that the host's begins at."""


def shortest(text: str) -> str | None:
    """Return an address in its shortest form; None for what is no address, or every machine's own."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return None if address.is_loopback or address.is_unspecified or address.is_link_local else str(address)


def read_addresses(job: AddressesJob, bundles: Sequence[Bundle]) -> tuple[str, ...]:
    """Read evidence for the addresses that its host said it has, each once, in their order."""
    if job.bundle is None:
        sections = tuple(map(stored_section, job.sections))
        evidence = Evidence(head=head_from_record(json.loads(job.head)), sections=sections, sha256=job.sha256)
        return tuple(dict.fromkeys(_said(evidence)))
    bundle = bundles[job.bundle]
    found = bundle.evidence(bundle.answer(job.line))
    return () if found is None else tuple(dict.fromkeys(_said(found)))


def _said(evidence: Evidence) -> Iterator[str]:
    sections = tuple(section for section in evidence.sections if section.id.startswith(SECTIONS))
    for one in read(replace(evidence, sections=sections)).of(InterfaceAddress):
        address = shortest(one.address)
        if address is not None:
            yield address


# ---- the wire


def pack_addresses(made: tuple[str, ...]) -> bytes:
    """Write them as one message."""
    return joined({"addresses": list(made[:_MOST]), "count": len(made)})


def unpack_addresses(message: bytes) -> tuple[str, ...]:
    """Read a message back; HostError for a failure, and for more addresses than a host may have: none is dropped."""
    head, _ = parted(message)
    if head["count"] > _MOST:
        raise HostError(Reason.READER_LIMIT, f"it says that it has {head['count']} addresses, more than {_MOST}")
    return tuple(word for word in head["addresses"] if isinstance(word, str) and shortest(word) == word)
