"""Who came in from outside, as far as the host recorded it (ATT&CK DS0028)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteLogon:
    """One remote logon or session that the host recorded."""

    when: datetime
    """When it began, UTC."""
    product: str
    """Catalogue id of the product or service that let it in."""
    user: str
    """Account or name that was let in; empty when the record does not say."""
    source: str
    """Address or name it came from; empty when the record does not say."""
    succeeded: bool
    """Whether it was let in."""
    record: str
    """Log or journal that holds the record."""
