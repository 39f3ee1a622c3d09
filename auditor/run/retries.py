"""Whether a host that failed is tried again, and when. Pure: clock and chance are passed in."""

from auditor.errors import HostError, Reason
from auditor.model.record import Record

_AT_ONCE = frozenset({Reason.REFUSED, Reason.RESET, Reason.TIMEOUT})
"""What a second try often gets over."""
_PASSING = _AT_ONCE | {Reason.DNS, Reason.NO_ROUTE, Reason.NO_BANNER, Reason.FROZEN, Reason.VANISHED}
"""What a machine that is off, asleep or elsewhere looks like; names go with the lease where DNS is dynamic."""

_BACKOFF, _LONGEST_BACKOFF = 1.0, 30.0
_FIRST_REST, _LONGEST_REST = 60.0, 1800.0
_FIRST_SHARE, _LONGEST_SHARE = 10, 4
"""Parts of a short window that its first and its longest rest are, where that is less."""


class Window(Record, kw_only=True):
    """Time in which hosts that are off may come back."""

    length: float
    """Seconds it is open in all."""
    closes: float
    """When it closes, on the clock of the fan-out."""

    @property
    def first_rest(self) -> float:
        """Return the seconds before the first new try of a host: each rest is twice the one before."""
        return min(_FIRST_REST, self.length / _FIRST_SHARE)

    @property
    def longest_rest(self) -> float:
        """Return the seconds beyond which rests do not grow."""
        return min(_LONGEST_REST, self.length / _LONGEST_SHARE)


class Retries(Record, kw_only=True):
    """When the failure of a host is not yet what became of it."""

    at_once: int = 1
    """Further tries of a host that refused, reset or did not answer."""
    window: Window | None = None
    """While it is open, unreached hosts are tried again at growing intervals."""

    def rest(self, attempt: int, error: HostError, now: float, chance: float) -> float | None:
        """Return the seconds until a host is tried again; None when what came of this try stands.

        ``attempt`` counts the tries so far; ``chance``, from 0 to 1, spreads those that failed together. A host
        that failed while we logged in is never tried again: it may have counted a wrong password.
        """
        if error.at_login:
            return None
        if attempt <= self.at_once and error.reason in _AT_ONCE:
            return _spread(min(_BACKOFF * 2.0 ** min(attempt - 1, 10), _LONGEST_BACKOFF), chance)
        if self.window is None or error.reason not in _PASSING:
            return None
        return _until_closed(self.window, max(0, attempt - 1 - self.at_once), now, chance)


def _until_closed(window: Window, rests: int, now: float, chance: float) -> float | None:
    """Return the next rest inside the window; whoever would come too late has a last try shortly before it closes."""
    last_stretch = window.closes - window.first_rest
    if now > last_stretch:
        return None
    rest = _spread(min(window.first_rest * 2.0 ** min(rests, 20), window.longest_rest), chance)
    if now + rest < window.closes:
        return rest
    return last_stretch + window.first_rest * (0.25 + chance / 2) - now


def _spread(seconds: float, chance: float) -> float:
    return seconds * (0.75 + chance / 2)
