"""What records from outside the audit show of a product: flow exports, and the events that other tools keep.

An audit asks hosts. Exporters, sensors and EDRs have seen hosts that nobody asked, and days on which nobody did. What
they show is brought as files, read by ``auditor.ingest``, and sealed among the inputs of the run that it is judged in.
"""

from datetime import datetime
from enum import StrEnum

from auditor.model.record import Record

SCHEMA = "auditor-outside/1"
"""Names the form in which these sightings are written, and its version."""
MOST_SIGHTINGS = 50_000
"""Sightings that one document may hold: further ones are counted and left out, those with the weakest signs first."""
TEXT_LENGTH = 300
"""Characters that any text of a record is cut to: hostile text."""


class Origin(StrEnum):
    """Which of the two sorts of record it is from."""

    FLOW = "flow"
    """Somebody who forwards packets, or listens to them, wrote it down."""
    EVENT = "event"
    """Something on the device, or beside it, wrote it down."""


class Side(StrEnum):
    """Which end of a conversation the device was."""

    CONNECTS = "connects"
    """It began: an agent that goes to its relays, a viewer."""
    LISTENS = "listens"
    """It was connected to: a server."""
    NONE = "none"
    """There was no conversation: a program was started, a name was asked for."""


class Sign(StrEnum):
    """What of a record told the product."""

    DOMAIN = "domain"
    """Name of the far end: asked for, or written down by the recorder."""
    TLS_SERVER_NAME = "tls_server_name"
    """Name that the client asked the far end for when it began TLS."""
    PORT = "port"
    """Port that is the product's own; never more than a suspicion alone."""
    PROGRAM = "program"
    """Name of the program's file."""
    PATH = "path"
    """Path of the program's file."""
    COMMAND = "command"
    """Command line."""
    ORIGINAL_NAME = "original_name"
    """Original file name in the version resource (Windows)."""
    COMPANY = "company"
    """Company name in the version resource (Windows)."""
    PRODUCT_NAME = "product_name"
    """Product name in the version resource (Windows)."""
    SIGNER = "signer"
    """Who signed the program."""
    SERVICE = "service"
    """Name of a service, unit or task."""
    OTHER = "other"
    """Something else, which the proof says."""


class Certainty(StrEnum):
    """How sure the records make it; the words are those of sightings on hosts."""

    CONFIRMED = "confirmed"
    """A strong indicator of the catalogue, or supporting ones of two kinds."""
    SUSPECTED = "suspected"
    """One supporting indicator, or weak ones only; a port alone is never more."""


class OutsideSighting(Record, kw_only=True):
    """One product on one device towards one destination, as records from outside the audit show it."""

    origin: Origin
    """Which sort of record."""
    source: str
    """Which format: ``ipfix``, ``zeek_conn``, ``sysmon``, ``defender_network``."""
    device: str
    """Whose it is as the record names it: an address in its shortest form, or a name. Hostile text."""
    host: str | None = None
    """Inventory name of that device; None where no host of the inventory is known to have it."""
    product: str
    """Catalogue id."""
    signs: tuple[Sign, ...]
    """What told it, in the order of the enum."""
    strength: Certainty
    """How sure that makes it."""
    side: Side = Side.NONE
    """Which end of the conversation the device was."""
    destination: str | None = None
    """The other end, address or domain; None where there was no conversation, or no one end. Hostile text."""
    port: int | None = None
    """Port of the end that was connected to."""
    protocol: str | None = None
    """``tcp`` or ``udp``, in lower case; another protocol by its number."""
    process: str | None = None
    """Program, where the record says it. Hostile text."""
    user: str | None = None
    """Account, where the record says it. Hostile text."""
    first_seen: datetime
    """Begin of the first record of it, UTC."""
    last_seen: datetime
    """End of the last record of it, UTC."""
    count: int
    """Records it was told by."""
    bytes: int | None = None
    """Bytes both ways; None where the records do not say."""
    packets: int | None = None
    """Packets both ways; None where the records do not say."""
    suppressed_by: str | None = None
    """Id of the suppression that covers all of it; None where none does. It is kept and told all the same."""
    proof: str
    """What stands in a record of it, for people; hostile text."""


class OutsideFile(Record, kw_only=True):
    """A file that records were read from."""

    name: str
    """Its name, without the folder."""
    sha256: str
    """SHA-256 of its bytes as it lies there, packed or not."""
    format: str
    """The format it was read as."""
    read: int
    """Records that were understood."""
    refused: int
    """Records that were not, each of which was named when it was read."""
    is_cut_short: bool = False
    """Whether it ended within a record, or what packs it is damaged: what came after is not known."""


class OutsideRecord(Record, kw_only=True):
    """The ingested sightings of one reading: what is sealed."""

    origin: Origin
    """Which sort of records they are."""
    tool_version: str
    """The auditor that read them."""
    catalogue_sha256: str
    """The catalogue that products were told by."""
    files: tuple[OutsideFile, ...]
    """What was read, sorted by digest and name."""
    rules_sha256: str | None = None
    """SHA-256 of the suppressions that were asked; None where there were none."""
    sightings: tuple[OutsideSighting, ...]
    """What they show, in the order of ``sighting_order``."""
    left_out: int = 0
    """Sightings beyond ``MOST_SIGHTINGS``."""


class OutsideUse(Record, kw_only=True):
    """A sighting from outside as a control weighs it: with the policy's word on it, and the host's own."""

    sighting: OutsideSighting
    """What records show."""
    name: str
    """Product name for people."""
    approval: str | None = None
    """Id of an approval that names the product for the host; None where none does."""
    on_host: str | None = None
    """Catalogue id under which the host's own evidence shows it; None where it does not."""

    @property
    def is_open(self) -> bool:
        """Tell whether somebody should look at it: not approved, not suppressed, and not told by the host already."""
        return self.approval is None and self.sighting.suppressed_by is None and self.on_host is None

    @property
    def section(self) -> str:
        """Return what its proof is quoted from."""
        return f"outside.{self.sighting.origin}"


def sighting_order(one: OutsideSighting) -> tuple[str | int, ...]:
    """Return what sightings are sorted by: what they are about first, so that the same records give the same order."""
    return (
        one.host or "",
        one.device,
        one.product,
        one.strength,
        one.source,
        one.side,
        one.destination or "",
        -1 if one.port is None else one.port,
        one.protocol or "",
        one.process or "",
        one.user or "",
        one.suppressed_by or "",
        one.first_seen.isoformat(),
        one.last_seen.isoformat(),
        one.proof,
    )


def bounded(sightings: list[OutsideSighting], most: int = MOST_SIGHTINGS) -> tuple[tuple[OutsideSighting, ...], int]:
    """Return sightings in their order, and how many are left out: suspected before confirmed, the rarest first."""
    kept = sorted(
        sightings, key=lambda one: (one.strength is not Certainty.CONFIRMED, -one.count, sighting_order(one))
    )[:most]
    return tuple(sorted(kept, key=sighting_order)), max(0, len(sightings) - most)
