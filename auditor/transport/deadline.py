"""How much wall clock is left."""

import time

from auditor.model.record import Record


class Deadline(Record, kw_only=True):
    """A moment of the monotonic clock, which no change of the wall clock moves."""

    at: float
    """Seconds of ``time.monotonic``."""

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that many seconds from now."""
        return cls(at=time.monotonic() + seconds)

    def sooner(self, seconds: float) -> "Deadline":
        """Return the earlier one of this and so many seconds from now."""
        return Deadline(at=min(self.at, time.monotonic() + seconds))

    @property
    def remaining(self) -> float:
        """Return the seconds that are left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Tell whether none are left."""
        return time.monotonic() >= self.at
