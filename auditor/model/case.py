"""All that a control may look at to assess one host."""

from collections.abc import Mapping
from datetime import datetime

from auditor.model.evidence import EvidenceHead
from auditor.model.filtering import Filtering
from auditor.model.host import HostFacts
from auditor.model.outside import OutsideUse
from auditor.model.past import History
from auditor.model.policy import Approval, Networks, Settings
from auditor.model.reading import Reading
from auditor.model.record import Record, field
from auditor.model.result import ProductUse
from auditor.model.sighting import Exposure
from auditor.model.weakness import Weakness


class KnownPort(Record, kw_only=True):
    """A port on which products of the catalogue listen."""

    products: tuple[str, ...]
    """Names of those products."""
    is_telling: bool = False
    """Whether hardly anything else listens there, so that whoever does is thought to be such a product."""


class Case(Record, kw_only=True):
    """One host, as far as it was seen, and the rules it is held to."""

    host: HostFacts
    """The host as the inventory describes it."""
    head: EvidenceHead
    """What the evidence says of itself."""
    reading: Reading
    """Facts, and how completely they were seen."""
    products: tuple[ProductUse, ...]
    """Remote-access software with the approvals that cover it."""
    weaknesses: tuple[Weakness, ...] = ()
    """Settings of that software that the catalogue calls unsafe."""
    unread_settings: tuple[str, ...] = ()
    """Settings of that software that may be unsafe, and that no section reads."""
    unfound_settings: tuple[str, ...] = ()
    """Settings of that software that are unsafe where they are lacking, and of which no file was found."""
    exposures: tuple[Exposure, ...]
    """Listening sockets with whose they are and who reaches them."""
    approvals: tuple[Approval, ...] = ()
    """The policy's approvals that are for this host."""
    settings: Settings
    """How strict the policy is."""
    networks: Networks = field(default_factory=Networks)
    """From where the policy lets remote access come."""
    filtering: Filtering = field(default_factory=Filtering)
    """What the host's packet filters do with remote access, whether or not something listens."""
    known_ports: Mapping[tuple[str, int], KnownPort] = field(default_factory=dict)
    """Ports of remote access by protocol and number."""
    outside: tuple[OutsideUse, ...] | None = None
    """What records from outside the audit show of it; None where none were brought to the run."""
    history: History
    """What earlier runs saw."""
    as_of: datetime
    """The one instant this run judges at, UTC."""
