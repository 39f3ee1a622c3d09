"""What is sealed of the way to a host is part of the seal, and evidence of before has the seal that it had."""

from datetime import UTC, datetime

import pytest

from auditor.collect.seal import evidence_digest, head_from_record, head_record
from auditor.model.evidence import EvidenceHead, Rights
from auditor.model.host import OsFamily
from auditor.model.record import replace
from auditor.run.open_bundle import check_head

_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
_HEAD = EvidenceHead(
    host="web1", os=OsFamily.LINUX, rights=Rights.ROOT, user="root", hostname="web1", kernel="Linux 6.1 x86_64",
    clock=_AT, collected_at=_AT, probe_sha256="0" * 64, tool_version="0.1.0", redaction=1,
)  # fmt: skip
_OWN = "192.0.2.7 50122 192.0.2.1 22"


def test_evidence_without_it_has_the_seal_that_it_always_had() -> None:
    """The digest was taken before heads could hold the audit's own connections."""
    assert "own_connections" not in head_record(_HEAD)
    assert evidence_digest(_HEAD, ()) == "2f8aa54d0c2d0217ebcff9bac15943c46f06d724adc5941e7c4dc7c84b84cb0b"


def test_it_is_sealed_and_reads_back() -> None:
    head = replace(_HEAD, own_connections=_OWN)
    assert head_from_record(head_record(head)) == head
    assert evidence_digest(head, ()) != evidence_digest(_HEAD, ())
    check_head(head_record(head))


@pytest.mark.parametrize("forged", ["anything", "192.0.2.7 50122 192.0.2.1", 7, _OWN + "\n"])
def test_a_bundle_that_forges_it_is_refused(forged: object) -> None:
    with pytest.raises((ValueError, AttributeError)):
        check_head({**head_record(_HEAD), "own_connections": forged})
