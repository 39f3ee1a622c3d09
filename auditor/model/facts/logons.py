"""Who came in from outside, as far as the host recorded it (ATT&CK DS0028)."""

from datetime import datetime

from auditor.model.record import Record


class RemoteLogon(Record, kw_only=True):
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


class EventLog(Record, kw_only=True):
    """One log of events of a Windows host, and how far it goes back."""

    name: str
    """Its name, such as ``Security``; ``Microsoft-Windows-Sysmon/Operational`` is there where Sysmon is installed."""
    is_enabled: bool
    """Whether events are written to it."""
    count: int
    """Records it holds."""
    oldest: datetime | None
    """When its oldest record was written, UTC; None where it is empty."""
