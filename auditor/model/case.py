"""All that a control may look at to assess one host."""

from dataclasses import dataclass, field
from datetime import datetime

from auditor.model.evidence import EvidenceHead
from auditor.model.filtering import Filtering
from auditor.model.host import HostFacts
from auditor.model.policy import Networks, Settings
from auditor.model.reading import Reading
from auditor.model.result import ProductUse
from auditor.model.sighting import Exposure


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What earlier runs know of a host: sealed into the inputs of this one."""

    first_seen: datetime | None = None
    """As-of instant of the first run that had it in scope; None when this is the first."""
    last_complete: datetime | None = None
    """As-of instant of the last run with complete evidence of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One host, as far as it was seen, and the rules it is held to."""

    host: HostFacts
    """The host as the inventory describes it."""
    head: EvidenceHead
    """What the evidence says of itself."""
    reading: Reading
    """Facts, and how completely they were seen."""
    products: tuple[ProductUse, ...]
    """Remote-access software with the approvals that cover it."""
    exposures: tuple[Exposure, ...]
    """Listening sockets with whose they are and who reaches them."""
    settings: Settings
    """How strict the policy is."""
    networks: Networks = field(default_factory=Networks)
    """From where the policy lets remote access come."""
    filtering: Filtering = field(default_factory=Filtering)
    """What the host's packet filters do with remote access, whether or not something listens."""
    history: History
    """What earlier runs saw."""
    as_of: datetime
    """The one instant this run judges at, UTC."""
