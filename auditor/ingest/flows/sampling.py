"""How many packets each counted one stands for: what exporters say of their sampling, which may come after the records.

NetFlow v5 has mode and interval in the head of each message (Cisco, "NetFlow Export Datagram Formats"). NetFlow v9 (RFC
3954) and IPFIX (IANA, "IPFIX Information Elements"; RFC 5477) tell it in records of options, by the number of a sampler
that records name, or for all records of a domain; some have it in each record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

UNKNOWN = 0
"""A rate that is not said, of what is sampled."""
_INTERVAL = 0x3FFF
"""The part of the word of NetFlow v5 that is the interval; the two bits above are the mode."""
_MOST = 4096
ELEMENTS = {
    34: "interval", 48: "sampler", 50: "interval", 302: "sampler", 305: "sampled", 306: "left_out", 309: "sample",
    310: "population",
}  # fmt: skip
"""Information elements that tell of sampling: of a record, or of the exporter."""
Domain = tuple[bytes, int, int]
"""Exporter, version and observation domain."""
_Place = tuple[Domain, int | None]


@dataclass(slots=True)
class Samplers:
    """The samplers of a file's exporters; a record has a token, whose rate is known once the file was read."""

    _rates: dict[Domain, dict[int | None, int]] = field(default_factory=dict)
    _tokens: dict[_Place, int] = field(default_factory=dict)
    _places: list[_Place] = field(default_factory=list)

    def learn(self, domain: Domain, values: Mapping[str, int | bytes]) -> None:
        """Remember what a record of options says, if it is of sampling."""
        rate, sampler = _rate(values), values.get("sampler")
        if rate is None:
            return
        told = self._rates.setdefault(domain, {})
        if len(self._rates) <= _MOST and len(told) < _MOST:
            told[sampler if isinstance(sampler, int) else None] = rate

    def token(self, domain: Domain, values: Mapping[str, int | bytes]) -> int:
        """Return the token of a record: its rate where it says that itself, else a name for where it will be said."""
        rate, sampler = _rate(values), values.get("sampler")
        if rate is not None:
            return rate if rate > 1 else 0
        place = (domain, sampler if isinstance(sampler, int) else None)
        token = self._tokens.get(place)
        if token is None:
            if len(self._places) >= _MOST:
                return 0
            self._places.append(place)
            token = self._tokens[place] = -len(self._places)
        return token

    def rate(self, token: int) -> int:
        """Return how many packets one stands for: 1 where nothing says more, ``UNKNOWN`` where that is not said."""
        if token >= 0:
            return max(1, token)
        domain, sampler = self._places[-token - 1]
        told = self._rates.get(domain, {})
        if sampler is None:
            rates = set(told.values())
            return 1 if not rates else rates.pop() if len(rates) == 1 else UNKNOWN
        if sampler in told:
            return told[sampler]
        # Some tell of their samplers in another domain than that of the records.
        found = {rates[sampler] for (one, _, _), rates in self._rates.items() if one == domain[0] and sampler in rates}
        if len(found) == 1:
            return found.pop()
        return told.get(None, 1 if sampler == 0 else UNKNOWN)


def v5_token(word: int) -> int:
    """Return the token of the records of a message of NetFlow v5 by the word in its head."""
    interval = word & _INTERVAL
    return interval if interval > 1 else 0


def _rate(values: Mapping[str, int | bytes]) -> int | None:
    """Return the rate that a record says; None where it says none."""
    number = {name: value for name, value in values.items() if isinstance(value, int) and value > 0}
    if "interval" in number:
        return number["interval"]
    if "sampled" in number:
        return max(1, round((number["sampled"] + number.get("left_out", 0)) / number["sampled"]))
    if "sample" in number and "population" in number:
        return max(1, round(number["population"] / number["sample"]))
    return None
