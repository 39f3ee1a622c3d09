"""What the people behind an exception or an accepted limit are worth: verified by signatures, asserted, or void."""

from enum import StrEnum

from auditor.model.policy import AcceptedLimit, ExceptionRecord
from auditor.model.record import Record


class Standing(StrEnum):
    """How far an exception is shown to be what its people said."""

    VERIFIED = "verified"
    """Both have signed it."""
    ASSERTED = "asserted"
    """A signature lacks, and the policy admits that."""
    VOID = "void"
    """It does not hold, whatever its days say."""


class Signer(Record, kw_only=True):
    """A signature that was verified."""

    role: str
    """``requested_by`` or ``approved_by``; ``owner`` of an accepted limit."""
    person: str
    """Name, as the people file writes it."""
    fingerprint: str
    """The key that it was made with."""


class Weighed(Record, kw_only=True):
    """Whether the people behind something have signed it."""

    standing: Standing
    """What that is worth."""
    signers: tuple[Signer, ...] = ()
    """Who has signed it."""
    why: str | None = None
    """Why it is not verified, one sentence; None where it is."""


class WeighedException(Weighed, kw_only=True):
    """An exception, and whether its people have signed it."""

    record: ExceptionRecord
    """What the file says."""


class WeighedLimit(Weighed, kw_only=True):
    """A limit of the method that is accepted, and whether its people have signed that."""

    record: AcceptedLimit
    """What the policy says."""
