"""A setting that controls look at, as reports show it beside the verdicts."""

from auditor.model.record import Record
from auditor.model.sighting import Quote


class ReadSetting(Record, kw_only=True):
    """One setting of a product or of the system that controls look at, as the host tells it."""

    subject: str
    """Catalogue id of the product, or name of the mechanism or feature of the system."""
    key: str
    """Name of the setting in its owner's own notation."""
    value: str
    """Its value as text; ``(set)`` for a secret that is there."""
    place: str | None = None
    """File, registry key or preference domain; None where the section says it all."""
    user: str | None = None
    """Account whose setting it is; None for the system's."""
    proof: Quote
    """The line of evidence it was read from."""
