"""Which exception covers a violation on a day."""

from collections.abc import Iterable
from datetime import date
from typing import Protocol

from auditor.model.host import HostFacts
from auditor.model.policy import ExceptionRecord
from auditor.model.standing import Standing, WeighedException
from auditor.policy.applies import applies_to


class Matter(Protocol):
    """What an exception may be for: a violation, or the finding that it became."""

    @property
    def subject(self) -> str:
        """Return what it is about."""

    @property
    def product(self) -> str | None:
        """Return the catalogue id, where a product is concerned."""


def exception_for(
    control: str, host: HostFacts, matter: Matter, exceptions: Iterable[WeighedException], as_of: date
) -> ExceptionRecord | None:
    """Return the exception that covers a violation on a day (UTC), first and last day included; None where none does.

    One whose people's signatures do not hold covers nothing. Of several, the one that holds longest is named, so that
    renewing an exception early changes no verdict; a verified one comes before those that are asserted.
    """
    valid = [
        weighed
        for weighed in exceptions
        if weighed.record.control == control
        and weighed.standing is not Standing.VOID
        and weighed.record.start <= as_of <= weighed.record.end
        and weighed.record.subject in (None, matter.subject)
        and weighed.record.product in (None, matter.product)
        and applies_to(host, hosts=weighed.record.hosts, groups=weighed.record.groups)
    ]
    best = max(valid, key=_rank, default=None)
    return None if best is None else best.record


def _rank(weighed: WeighedException) -> tuple[bool, date, str]:
    return weighed.standing is Standing.VERIFIED, weighed.record.end, weighed.record.id
