"""What a control finds on a host, and the verdict given on it."""

from enum import StrEnum

from auditor.model.evidence import Outcome, Proof
from auditor.model.host import OsFamily
from auditor.model.record import Record, field
from auditor.model.sighting import Quote


class Verdict(StrEnum):
    """What is said of one control on one host; no other word exists."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"
    EXCEPTED = "excepted"
    NOT_APPLICABLE = "not_applicable"


class Demand(StrEnum):
    """What kind of sentence a control is."""

    FORBIDS = "forbids"
    """What was seen is enough to fail, however little was seen."""
    REQUIRES = "requires"
    """Not having seen it fails only when all that it needs was seen."""


class Severity(StrEnum):
    """How much a violation matters, before the policy says otherwise."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Mitigation(StrEnum):
    """The ATT&CK mitigations that controls are tied to."""

    M1033 = "M1033"
    M1037 = "M1037"
    M1038 = "M1038"
    M1042 = "M1042"
    M1047 = "M1047"


class Violation(Record, kw_only=True):
    """Something that breaks a control."""

    subject: str
    """What the fingerprint is made of: ``product:anydesk``, ``listener:tcp/5900``, ``principal:alice``."""
    reason: str
    """What is wrong, one sentence in our own words."""
    proof: tuple[Quote, ...]
    """Where it stands in the evidence."""
    remediation: tuple[str, ...]
    """What to do, step by step, one sentence each."""
    severity: Severity = Severity.MEDIUM
    """How much it matters."""
    product: str | None = None
    """Catalogue id, where a product is concerned."""
    exception: str | None = None
    """Id of the valid exception that covers it; None while nothing does."""


class Gap(Record, kw_only=True):
    """Something a control needed to see and could not."""

    section: str
    """Section that is missing or incomplete."""
    outcome: Outcome
    """What became of it."""
    reason: str
    """Why, in our own words."""
    advice: str = ""
    """How the operator gets the evidence; empty when there is nothing to do."""


class Limit(Record, kw_only=True):
    """Something the method never sees, on any host: stated beside the verdict."""

    id: str
    """Name that a policy may accept it under."""
    text: str
    """What is not seen, one sentence."""
    systems: tuple[OsFamily, ...] = tuple(OsFamily)
    """Operating systems it is about."""


class Inapplicable(Record, kw_only=True):
    """Proof that the thing a control is about cannot exist on the host."""

    reason: str
    """Why it cannot, one sentence."""
    proof: tuple[Quote, ...]
    """Where that stands in the evidence."""


class Assessment(Record, kw_only=True):
    """What one control found: it cannot say pass, so it cannot say it wrongly."""

    violations: tuple[Violation, ...] = ()
    """What breaks it."""
    suspected: tuple[Violation, ...] = ()
    """What would break it if a suspected sighting were confirmed."""
    gaps: tuple[Gap, ...] = ()
    """Gaps it met beyond the sections it declares as needed."""
    inapplicable: Inapplicable | None = None
    """Proof that it does not apply."""


class Judgement(Record, kw_only=True):
    """The verdict on one control for one host, and all that it rests on."""

    control: str
    """Control id."""
    verdict: Verdict
    """The word."""
    rests_on: tuple[str, ...] = ()
    """Sections that were collected or proven absent and that it needed."""
    documented: tuple[str, ...] = ()
    """Those of them whose reader is proven by documentation only."""
    limits: tuple[Limit, ...] = ()
    """What the method never sees."""
    violations: tuple[Violation, ...] = ()
    """What breaks it, each with its exception where one is valid."""
    suspected: tuple[Violation, ...] = ()
    """What would break it if confirmed."""
    gaps: tuple[Gap, ...] = ()
    """What was needed and not seen."""
    inapplicable: Inapplicable | None = None
    """Why it does not apply."""


class ControlInfo(Record, kw_only=True):
    """What reports say of a control, whichever host it is about."""

    id: str
    """Control id, for ever."""
    title: str
    """The requirement as one sentence."""
    mitigation: Mitigation
    """Mitigation it is tied to."""
    techniques: tuple[str, ...]
    """ATT&CK techniques for which ATT&CK itself states that mitigation."""
    programme: tuple[str, ...] = ()
    """Techniques the organisation applies it to although ATT&CK states no relation."""
    crosswalk: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Framework name to its requirement ids."""
    proof: Proof = Proof.LAB
    """How well the control itself is proven."""
