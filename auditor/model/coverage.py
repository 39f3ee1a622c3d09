"""How much of a scope a run fully assessed, and whether that is what the policy wants."""

import math

from auditor.model.record import Record

_SAME = 1e-12
"""Relative difference of two shares that only their way through binary fractions makes: 33.3 % is 333 of 1,000."""


class Coverage(Record, kw_only=True):
    """Three numbers that say what the verdicts of a run are worth, and the share the policy asks for."""

    scope: int
    """Hosts in scope."""
    reached: int
    """Of them, those that gave evidence."""
    assessed: int
    """Of those, the ones without an unknown verdict: fully assessed."""
    wanted: float
    """Share of the scope that must be fully assessed, 0 to 1."""

    @property
    def share(self) -> float:
        """Return the share of the scope that was fully assessed; of no hosts, all were."""
        return self.assessed / self.scope if self.scope else 1.0

    @property
    def share_of_reached(self) -> float | None:
        """Return the share of the hosts reached that was fully assessed; None where none was reached."""
        return self.assessed / self.reached if self.reached else None

    @property
    def is_met(self) -> bool:
        """Tell whether it is what the policy wants."""
        return self.share >= self.wanted or math.isclose(self.share, self.wanted, rel_tol=_SAME)
