"""The redacted, sealed answer of a host: sections, the outcome of each, and what they rest on."""

from datetime import datetime
from enum import StrEnum

from auditor.model.host import OsFamily
from auditor.model.record import Record, Unshown


class Outcome(StrEnum):
    """What became of one section of the probe.

    Only *collected* and *absent* are evidence; every other outcome is a gap.
    """

    COLLECTED = "collected"
    """The question was answered in full."""
    ABSENT = "absent"
    """Proof that the thing asked about is not there."""
    PARTIAL = "partial"
    """An answer known to lack rows or columns, although the command succeeded."""
    DENIED = "denied"
    """The account has no right to the answer."""
    FAILED = "failed"
    """The question could not be put: tool missing, error, time limit."""
    TRUNCATED = "truncated"
    """The answer was cut at a size limit."""

    @property
    def is_gap(self) -> bool:
        """Tell whether something may have been missed."""
        return self is not _COLLECTED and self is not _ABSENT


# A member is looked up in its class in some 100 ns, and every control asks this of every section that it needs.
_COLLECTED, _ABSENT = Outcome.COLLECTED, Outcome.ABSENT


class Proof(StrEnum):
    """How well a reader is proven: what the farthest it has been tested against is."""

    HOST = "host"
    """Real hosts of its kind."""
    LAB = "lab"
    """The real software, in a laboratory."""
    DOCUMENTED = "documented"
    """Documentation only; a pass that rests on it is marked."""


class Rights(StrEnum):
    """With which rights the probe ran."""

    ROOT = "root"
    """Logged in as root or administrator."""
    SUDO = "sudo"
    """Root gained through sudo."""
    DOAS = "doas"
    """Root gained through doas."""
    USER = "user"
    """An ordinary account."""


class Delivery(StrEnum):
    """By which road evidence came."""

    LIVE = "live"
    """Asked and answered in this run."""
    ENVELOPE = "envelope"
    """Brought as a file by other means."""


class Unread(Record, kw_only=True):
    """A line that a parser did not understand: kept, never dropped."""

    line: int
    """Line of the section's text, counted from 1; 0 when it concerns the whole section."""
    text: str
    """The line, at most 300 characters."""
    reason: str
    """Why it was not understood."""


class Section(Record, kw_only=True):
    """One question and its redacted answer, as sealed."""

    id: str
    """Collector id, such as ``software.dpkg``."""
    outcome: Outcome
    """What became of it on the host (the reader may still lower it to *partial*)."""
    reason: str | None = None
    """Why it is not simply *collected*; one line, from our own script's words."""
    stderr: str = ""
    """What the section's commands said on standard error, redacted, at most 2,000 characters."""
    text: Unshown[str]
    """The redacted answer, lines ended by a newline."""
    redactions: int = 0
    """How many secrets were taken out."""
    sha256: str
    """SHA-256 over id, outcome, reason and text in canonical form."""


class EvidenceHead(Record, kw_only=True):
    """What evidence says of itself, beside its sections."""

    host: str
    """Inventory name of the host."""
    os: OsFamily
    """Kind of operating system, as the probe found it."""
    rights: Rights
    """Rights of the probe."""
    user: str
    """Account on the host that ran the probe, after gaining rights."""
    hostname: str
    """The machine's own name for itself: hostile text."""
    kernel: str
    """Kernel name, release and machine, as ``uname`` says."""
    clock: datetime
    """The host's clock when the probe began, UTC."""
    collected_at: datetime
    """Our clock when the answer was complete, UTC."""
    probe_sha256: str | None
    """SHA-256 of the script that was sent; None where evidence came as a file, which does not tell."""
    tool_version: str
    """Version of the auditor that collected."""
    redaction: int
    """Version of the redaction rules."""
    delivered: Delivery = Delivery.LIVE
    """Road by which it came."""
    host_key: str | None = None
    """Fingerprint of the host's SSH key."""
    privilege_note: str | None = None
    """Why sudo was not gained although it was asked for; None when nothing is amiss."""
    own_connections: str | None = None
    """The connections by which we came, as our own sockets knew them; see ``own_connection``. None where not known."""


class Evidence(Record, kw_only=True):
    """The sealed answer of one host."""

    head: EvidenceHead
    """What it says of itself."""
    sections: tuple[Section, ...]
    """The answers, in the order of the probe."""
    sha256: str
    """Seal: SHA-256 over the canonical head and the ordered section hashes."""
