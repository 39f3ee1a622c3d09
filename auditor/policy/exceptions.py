"""Which exception covers a violation on a day."""

from collections.abc import Iterable
from datetime import date

from auditor.model.host import HostFacts
from auditor.model.policy import ExceptionRecord
from auditor.policy.applies import applies_to


def exception_for(
    control: str, host: HostFacts, subject: str, exceptions: Iterable[ExceptionRecord], as_of: date
) -> ExceptionRecord | None:
    """Return the exception that covers a violation on a day (UTC), first and last day included; None where none does.

    Of several, the one that holds longest is named, so that renewing an exception early changes no verdict.
    """
    valid = [
        record
        for record in exceptions
        if record.control == control
        and record.subject in (None, subject)
        and record.start <= as_of <= record.end
        and applies_to(host, hosts=record.hosts, groups=record.groups)
    ]
    return max(valid, key=lambda record: (record.end, record.id), default=None)
