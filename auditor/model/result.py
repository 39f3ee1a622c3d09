"""What one host came to in a run: the line of ``hosts.jsonl``, before it is written."""

from datetime import datetime

from auditor.model.breach import Breach, Term
from auditor.model.evidence import Delivery, Rights
from auditor.model.facts.logons import RemoteLogon
from auditor.model.facts.system import OperatingSystem
from auditor.model.host import HostFacts
from auditor.model.ledger import LedgerRow
from auditor.model.own_connection import OwnConnection
from auditor.model.read_setting import ReadSetting
from auditor.model.reading import SectionReading
from auditor.model.record import Record
from auditor.model.session import Session
from auditor.model.sighting import Exposure, Sighting
from auditor.model.verdict import Judgement


class ProductUse(Record, kw_only=True):
    """A sighting and the approval that covers it, if one does."""

    sighting: Sighting
    """What was seen."""
    approval: str | None = None
    """Id of the approval; None when none covers it here in full."""
    objection: str | None = None
    """Why an approval that names the product does not cover it here; None when there is no such approval."""
    breaches: tuple[Breach, ...] = ()
    """Terms of the nearest approval that is for it, and that it does not keep; none where it is approved or not."""
    may_start: bool = True
    """Whether an approval that is for it lets it start with the machine or a session; of no account where none is."""
    may_be_portable: bool = False
    """Whether an approval that is for it lets users have copies of their own."""

    @property
    def is_allowed(self) -> bool:
        """Tell whether somebody approved this instance here, be it in another version or for review since."""
        if self.approval is not None:
            return True
        return bool(self.breaches) and all(breach.term is not Term.TENANT for breach in self.breaches)


class HostResult(Record, kw_only=True):
    """Everything a report may say of one host."""

    host: HostFacts
    """The host as the inventory describes it."""
    ledger: LedgerRow
    """Its line in the ledger."""
    os: OperatingSystem | None = None
    """Its operating system; None when it was not assessed."""
    hostname: str | None = None
    """Its own name for itself: hostile text."""
    evidence_sha256: str | None = None
    """Seal of its evidence."""
    collected_at: datetime | None = None
    """When its answer was complete."""
    clock_skew: float | None = None
    """Its clock minus ours, in seconds, as far as the round trip lets one tell."""
    rights: Rights | None = None
    """Rights of the probe."""
    privilege_note: str | None = None
    """Why sudo was not gained although it was asked for."""
    delivered: Delivery = Delivery.LIVE
    """Road by which the evidence came."""
    probe_sha256: str | None = None
    """SHA-256 of the script it ran."""
    host_key: str | None = None
    """Fingerprint of its SSH key."""
    sections: tuple[SectionReading, ...] = ()
    """Sections in the order of the probe."""
    software_count: int = 0
    """Packages and applications that are installed."""
    products: tuple[ProductUse, ...] = ()
    """Remote-access software, sorted by product."""
    listeners: tuple[Exposure, ...] = ()
    """Listening sockets, sorted."""
    sessions: tuple[Session, ...] = ()
    """Connections of remote-access software that stood at the moment of the audit, as many as reports keep."""
    session_count: int = 0
    """How many stood, those that reports do not keep included."""
    own_connections: tuple[OwnConnection, ...] = ()
    """Connections of the audit itself that the host showed, and that were left out of what is judged and reported."""
    settings: tuple[ReadSetting, ...] = ()
    """Settings that controls look at, as many as reports keep."""
    setting_count: int = 0
    """How many were read, those that reports do not keep included."""
    logons: tuple[RemoteLogon, ...] = ()
    """Remote logons that the host recorded, the newest first, as many as reports keep."""
    logon_count: int = 0
    """How many were read, those that reports do not keep included."""
    judgements: tuple[Judgement, ...] = ()
    """One verdict a control, sorted by control id."""
