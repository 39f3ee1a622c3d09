"""Turn an answer into evidence: redacted first, then hashed, so that it can be shown and checked later."""

import hashlib
import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from auditor.collect.envelope import Answer, Envelope
from auditor.collect.probe import INSTALLED
from auditor.collect.redact import VERSION, redact
from auditor.collect.registry import collectors
from auditor.errors import HostError, Reason
from auditor.model.evidence import Delivery, Evidence, EvidenceHead, Rights, Section
from auditor.model.host import OsFamily
from auditor.model.own_connection import OwnConnection, own_text

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)
_ENCODER = msgspec.json.Encoder(order="sorted")
_FAMILIES = {"Linux": OsFamily.LINUX, "Darwin": OsFamily.MACOS, "Windows_NT": OsFamily.WINDOWS}
_NOTE_LIMIT = 300
_KEPT_LENGTH = 4096
"""Characters of a section that is remembered: what one host sends must not take the memory that another's needs."""
_WRONG = "incorrect password attempt"
# As dash and busybox say it, bash, mksh, zsh.
_NOT_FOUND = tuple(
    said.format(tool)
    for tool in ("sudo", "doas")
    for said in (": {}: not found", ": {}: command not found", ": {}: inaccessible or not found", "not found: {}")
)
_GAINED = {"sudo": Rights.SUDO, "doas": Rights.DOAS}


def canonical(value: Any) -> bytes:  # noqa: ANN401 — whatever JSON can hold
    """Return the one way to write a value as JSON: keys sorted, no spaces, ASCII only."""
    return _CANONICAL.encode(value).encode()


def section_digest(*, section_id: str, outcome: str, reason: str | None, stderr: str, text: str) -> str:
    """Return the SHA-256 that names a section's content."""
    said = (section_id, outcome, reason, stderr, text)
    return hashlib.sha256(_quickly(said) or canonical(said)).hexdigest()


def _quickly(said: tuple[Any, ...]) -> bytes | None:
    """Write texts and whole numbers as ``canonical`` does, in a third of its time; None where that takes escapes.

    The library writes UTF-8 and escapes what JSON must have escaped: plain ASCII is the same either way.
    """
    try:
        data = _ENCODER.encode(said)
    except (UnicodeEncodeError, OverflowError):
        return None
    return data if data.isascii() and b"\x7f" not in data else None


def head_record(head: EvidenceHead) -> dict[str, str | int | None]:
    """Return the head as it is hashed and stored; what older evidence did not have stands in it only where it is."""
    record: dict[str, str | int | None] = {
        "host": head.host,
        "os": head.os,
        "rights": head.rights,
        "user": head.user,
        "hostname": head.hostname,
        "kernel": head.kernel,
        "clock": head.clock.isoformat(),
        "collected_at": head.collected_at.isoformat(),
        "probe_sha256": head.probe_sha256,
        "tool_version": head.tool_version,
        "redaction": head.redaction,
        "delivered": head.delivered,
        "host_key": head.host_key,
        "privilege_note": head.privilege_note,
    }
    return record if head.own_connections is None else {**record, "own_connections": head.own_connections}


def head_from_record(record: dict[str, Any]) -> EvidenceHead:
    """Read a stored head back."""
    return EvidenceHead(
        host=record["host"],
        os=OsFamily(record["os"]),
        rights=Rights(record["rights"]),
        user=record["user"],
        hostname=record["hostname"],
        kernel=record["kernel"],
        clock=datetime.fromisoformat(record["clock"]),
        collected_at=datetime.fromisoformat(record["collected_at"]),
        probe_sha256=record["probe_sha256"],
        tool_version=record["tool_version"],
        redaction=record["redaction"],
        delivered=Delivery(record["delivered"]),
        host_key=record["host_key"],
        privilege_note=record["privilege_note"],
        own_connections=record.get("own_connections"),
    )


def evidence_digest(head: EvidenceHead, sections: tuple[Section, ...]) -> str:
    """Return the seal over the head and the ordered section hashes."""
    said = (head_record(head), [section.sha256 for section in sections])
    return hashlib.sha256(_quickly(said) or canonical(said)).hexdigest()


def seal(  # noqa: PLR0913 — keyword-only
    envelope: Envelope,
    *,
    host: str,
    user: str | None,
    collected_at: datetime,
    probe_sha256: str | None,
    tool_version: str,
    host_key: str | None,
    withheld: str | None = None,
    own_connections: tuple[OwnConnection, ...] = (),
    delivered: Delivery = Delivery.LIVE,
) -> Evidence:
    """Redact and seal one answer; ``withheld`` says why sudo's password was not sent.

    Raises HostError: ``unsupported`` for an operating system we do not know, ``malformed`` for a head without a clock.
    """
    said = envelope.head
    clock = _clock(said.get("clock", ""))
    family = _FAMILIES.get(said.get("kernel", "").partition(" ")[0])
    if family is None:
        raise HostError(Reason.UNSUPPORTED, f"the kernel calls itself {said.get('kernel', '')[:60]!r}")
    head = EvidenceHead(
        host=host,
        os=family,
        rights=_rights(said),
        user="root" if said.get("uid") == "0" else (user or f"uid {said.get('uid', '?')}")[:_NOTE_LIMIT],
        hostname=said.get("hostname", "")[:_NOTE_LIMIT],
        kernel=said.get("kernel", "")[:_NOTE_LIMIT],
        clock=clock,
        # Of a file we know only when its host says it was made, and that it was not after it was brought.
        collected_at=min(clock, collected_at) if delivered is Delivery.ENVELOPE else collected_at,
        probe_sha256=probe_sha256,
        tool_version=tool_version,
        redaction=VERSION,
        delivered=delivered,
        host_key=host_key,
        privilege_note=withheld or _privilege_note(envelope),
        own_connections=own_text(own_connections),
    )
    sections = tuple([_section_of(answer) for answer in envelope.answers])
    return Evidence(head=head, sections=sections, sha256=evidence_digest(head, sections))


def _rights(said: dict[str, str]) -> Rights:
    if said.get("uid") == "administrator":
        return Rights.ROOT  # Windows: the account's token is whole
    if said.get("uid") != "0":
        return Rights.USER
    return _GAINED.get(said.get("become", ""), Rights.ROOT)


def _clock(text: str) -> datetime:
    if not text.isascii() or not text.isdigit() or len(text) > len("99999999999"):
        raise HostError(Reason.MALFORMED, f"the host's clock reads {text[:40]!r}")
    return datetime.fromtimestamp(int(text), tz=UTC)


def _privilege_note(envelope: Envelope) -> str | None:
    if envelope.head.get("become") not in ("refused", "outdated"):
        return None
    if envelope.head["become"] == "outdated":
        return (
            f"the probe installed as {INSTALLED} is another version's, and sudo grants no other: "
            "install what `auditor probe show sh` prints, and renew its digest in sudoers"
        )
    lines = envelope.preamble_stderr.splitlines()
    said = [line for line in lines if line.startswith(("sudo:", "doas:"))]
    # Behind a wrong password sudo first says that no other one came, and only then that it was wrong.
    said.sort(key=lambda line: _WRONG not in line)
    tool = said[0].partition(":")[0] if said else "sudo"
    # A shell says so behind its own name and the number of a line.
    missing = [line for line in lines if line.endswith(_NOT_FOUND)]
    if missing and not said:
        return "sudo was refused (neither sudo nor doas was found on the host)"
    detail = redact(said[0])[0] if said else f"{tool} did not say why"
    return f"{tool} was refused ({detail})"[:_NOTE_LIMIT]


def _section_of(answer: Answer) -> Section:
    """Redact and seal a section; one of which every byte came before is what that one was, redacted and sealed."""
    is_short = len(answer.text) + len(answer.stderr) <= _KEPT_LENGTH
    return _section_before(answer) if is_short else _section(answer)


def _section(answer: Answer) -> Section:
    collector = collectors().get(answer.id)
    text, in_text = redact(answer.text) if collector is None or collector.holds_secrets else (answer.text, 0)
    stderr, in_stderr = redact(answer.stderr)
    return Section(
        id=answer.id,
        outcome=answer.outcome,
        reason=answer.reason,
        stderr=stderr,
        text=text,
        redactions=in_text + in_stderr,
        sha256=section_digest(
            section_id=answer.id, outcome=answer.outcome, reason=answer.reason, stderr=stderr, text=text
        ),
    )


_section_before = lru_cache(maxsize=256)(_section)
"""What is redacted and sealed hangs on the answer alone, all of which is the key: nothing is let through by it."""
