"""What is sealed of the way to a host is part of the seal, and evidence of before has the seal that it had."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.envelope import Answer
from auditor.collect.seal import _section, _section_of, evidence_digest, head_from_record, head_record, section_digest
from auditor.model.evidence import EvidenceHead, Outcome, Rights, Section
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


def _as_first_sealed(text: str) -> str:
    """Return a section's digest as the first version made it, with the standard library alone."""
    said = json.dumps(["a.b", "collected", None, "", text], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _sealed(text: str) -> str:
    return section_digest(section_id="a.b", outcome="collected", reason=None, stderr="", text=text)


@pytest.mark.parametrize("number", [*range(0x100), 0x2028, 0xD800, 0xDFFF, 0xFFFF, 0x1F600])
def test_every_character_is_sealed_as_it_always_was(number: int) -> None:
    text = f"before {chr(number)} after"
    assert _sealed(text) == _as_first_sealed(text)


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_is_sealed_as_it_always_was(text: str) -> None:
    assert _sealed(text) == _as_first_sealed(text)


@given(st.text(), st.lists(st.text(), max_size=3), st.integers())
def test_every_head_is_sealed_as_it_always_was(text: str, hashes: list[str], number: int) -> None:
    head = replace(_HEAD, host=text, privilege_note=text, redaction=number)
    sections = tuple(Section(id="a.b", outcome=Outcome.COLLECTED, text="", sha256=one) for one in hashes)
    said = json.dumps([head_record(head), hashes], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert evidence_digest(head, sections) == hashlib.sha256(said.encode()).hexdigest()


@given(
    st.sampled_from(["processes.procfs", "software.dpkg", "a.b"]),
    st.sampled_from(["", "x --password hunter2", "token=abc", "ssh://u:secret@h", "plain"]),
    st.sampled_from(["", "PWD: hunter2", "plain"]),
    st.sampled_from(list(Outcome)),
    st.sampled_from([None, "", "why"]),
)
def test_a_section_that_came_before_is_redacted_and_sealed_as_the_first_time(
    section_id: str, text: str, stderr: str, outcome: Outcome, reason: str | None
) -> None:
    answer = Answer(id=section_id, outcome=outcome, reason=reason, text=text, stderr=stderr)
    alone = _section(answer)
    assert _section_of(answer) == alone
    assert _section_of(replace(answer)) == alone, "the second time too"
    assert "hunter2" not in alone.stderr
