"""Sealed evidence on its way from a worker: written there, opened here in a reader process, every seal checked."""

import base64
import binascii
import json
import zlib

from auditor import __version__
from auditor.collect.seal import evidence_digest, head_from_record
from auditor.errors import HostError, Reason
from auditor.model.evidence import Delivery, Evidence, Outcome
from auditor.model.host import ConnectionKind, HostFacts, OsFamily
from auditor.run.exchange import Parcel
from auditor.run.open_bundle import UNPACKED, check_head, section_of
from auditor.run.strict_json import strict_json
from auditor.store.record import HostRecord, SectionRecord


def parcel_text(record: HostRecord) -> str:
    """Write the evidence of a record."""
    sections = [
        [one.id, one.outcome, one.reason, one.stderr, one.redactions, one.sha256, base64.b64encode(one.packed).decode()]
        for one in record.sections
        if not isinstance(one, str)
    ]
    return json.dumps({"head": record.head, "sha256": record.evidence_sha256, "sections": sections})


def open_parcel(parcel: Parcel, host: HostFacts) -> Evidence:
    """Open what a worker sent; HostError ``malformed`` for anything that is not whole evidence of this host."""
    try:
        return _opened(parcel, host)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, zlib.error) as error:
        raise HostError(Reason.MALFORMED, f"what its worker sent is no sealed evidence: {error}") from error


def _opened(parcel: Parcel, host: HostFacts) -> Evidence:
    row = strict_json(parcel.text)
    said = strict_json(row["head"].encode())
    check_head(said)
    head = head_from_record(said)
    left, sections = UNPACKED, []
    for section, outcome, reason, stderr, redactions, sha256, packed in row["sections"]:
        texts = (section, outcome, stderr, sha256, packed)
        if not all(isinstance(one, str) for one in texts) or type(redactions) is not int:
            raise TypeError("a section is not in the form of one")
        if reason is not None and not isinstance(reason, str):
            raise TypeError("a section's reason is no text")
        record = SectionRecord(
            sha256=sha256,
            id=section,
            outcome=Outcome(outcome),
            reason=reason,
            stderr=stderr,
            redactions=redactions,
            packed=_bytes(packed),
        )
        sections.append(section_of(record, left))
        left -= len(sections[-1].text)
    evidence = Evidence(head=head, sections=tuple(sections), sha256=row["sha256"])
    if evidence_digest(head, evidence.sections) != evidence.sha256:
        raise ValueError("it is not what its seal says")
    wanted = (host.name, parcel.probe_sha256, __version__, Delivery.LIVE)
    if (head.host, head.probe_sha256, head.tool_version, head.delivered) != wanted:
        raise ValueError("it is of another host, probe or version than was asked for")
    if (head.os is OsFamily.WINDOWS) is not (host.connection is ConnectionKind.WINRM):
        raise ValueError(f"a host that is asked over {host.connection} answers as {head.os}")
    return evidence


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a section is not base64") from error
