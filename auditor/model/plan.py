"""What is to be done on hosts to close findings: steps that people read and approve, and what is left to hands."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from auditor.model.record import Record, field

PLAN_VERSION = 1
"""Version of the plan's form: part of what is signed."""


class Play(StrEnum):
    """What a step does; each is the playbook of that name."""

    STOP_SERVICE = "stop_service"
    BLOCK_INBOUND = "block_inbound"
    BLOCK_OUTBOUND = "block_outbound"
    HARDEN_VNC = "harden_vnc"
    QUARANTINE_PROGRAM = "quarantine_program"
    REMOVE_PRODUCT = "remove_product"

    @property
    def rank(self) -> int:
        """Return its place in the order of steps on a host: what can be undone at once comes first."""
        return list(Play).index(self)


Value = str | int | bool | tuple["Value", ...] | Mapping[str, "Value"]
"""What a variable of a play may hold: data, never an expression."""


class Step(Record, kw_only=True):
    """One play on one host, for one finding or several that it closes."""

    host: str
    """Inventory name."""
    play: Play
    """What is done."""
    variables: Mapping[str, Value] = field(default_factory=dict)
    """With what; words of the host among them are data."""
    product: str | None
    """Catalogue id, where a product is concerned."""
    findings: tuple[str, ...]
    """Fingerprints of the findings it is to close, sorted."""
    why: tuple[str, ...]
    """What is wrong, one sentence for each finding, in our own words."""
    severity: str
    """The gravest severity of them."""
    owner: str | None
    """Who must act on the host."""
    is_reversible: bool
    """Whether what it changes is put back exactly from its capsule."""
    expects: str
    """What is true of the host afterwards, one sentence."""
    evidence_sha256: str
    """Seal of the evidence that it rests on."""
    collected_at: datetime
    """When that was collected, UTC."""


class LeftOut(Record, kw_only=True):
    """A finding that no step closes, and why."""

    host: str
    """Inventory name."""
    fingerprint: str
    """The finding."""
    control: str
    """Control id."""
    subject: str
    """What it is about."""
    reason: str
    """Why it is left to hands, or not touched."""


class Plan(Record, kw_only=True):
    """Steps in the order in which they are taken, host by host."""

    run: str
    """Run whose findings it is about."""
    policy_sha256: str
    """Digest of the policy that they break."""
    catalogue_sha256: str
    """Digest of the catalogue that told what is whose."""
    tool_version: str
    """Version of the auditor that made it."""
    made_at: datetime
    """When it was made, UTC."""
    made_by: str
    """Who made it: that person cannot approve it."""
    steps: tuple[Step, ...]
    """What is to be done, sorted by host and order."""
    left_out: tuple[LeftOut, ...] = ()
    """Findings that were asked for and that no step closes."""
