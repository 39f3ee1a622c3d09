"""How a product that somebody approved departs from what the approval says."""

from enum import StrEnum

from auditor.model.record import Record


class Term(StrEnum):
    """What an approval says of a product that it is for; the words are keys of the policy."""

    TENANT = "tenant"
    """Whose instance it must be."""
    VERSIONS = "versions"
    """Which versions."""
    LISTEN = "listen"
    """Where it may listen."""
    REVIEW = "review_by"
    """Until when it holds without a review."""


class Breach(Record, kw_only=True):
    """One term of an approval that a product it is for does not keep."""

    approval: str
    """Id of the approval."""
    term: Term
    """Which term."""
    is_told: bool = True
    """Whether the host tells what the term is about; False where that could not be told."""
    text: str
    """What speaks against it, to follow the approval's name: ``is for versions >=8, and this is '7.1.0'``."""
