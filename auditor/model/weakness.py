"""A setting of a remote-access product that opens more than it should."""

from auditor.model.record import Record
from auditor.model.sighting import Quote
from auditor.model.verdict import Severity


class Weakness(Record, kw_only=True):
    """One unsafe setting of one product on one host."""

    product: str
    """Catalogue id."""
    name: str
    """Product name for people."""
    key: str
    """Name of the setting in the product's own notation."""
    value: str | None
    """Its value, ``(set)`` for a secret, ``given`` for an option without one; None where its lack is what is unsafe."""
    place: str
    """File, registry key or program that it belongs to."""
    user: str | None = None
    """Account whose setting it is; None for the system's."""
    why: str
    """What it opens, from the catalogue."""
    severity: Severity = Severity.MEDIUM
    """How much it matters, from the catalogue."""
    is_suspected: bool = False
    """Whether its product is only suspected."""
    proof: tuple[Quote, ...]
    """Where it stands; that the file was read, where the setting is lacking."""
