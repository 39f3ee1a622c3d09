"""Sets of addresses as sorted, disjoint intervals: what sources are left when a rule has taken its own."""

import ipaddress
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache

from auditor.model.facts.network import Family

_LARGE = 64
_REMEMBERED = 32
BITS = {Family.IP: 32, Family.IP6: 128}


class Region:
    """A set of integers from 0 to ``top``, never changed."""

    __slots__ = ("_met", "_rest", "ends", "starts", "top")

    def __init__(self, starts: list[int], ends: list[int], top: int) -> None:
        self.starts = starts
        self.ends = ends
        self.top = top
        self._rest: Region | None = None
        self._met: dict[int, tuple[Region, Region]] | None = None

    @classmethod
    def of(cls, intervals: Iterable[tuple[int, int]], top: int) -> "Region":
        """Make a region of closed intervals in any order, overlapping or not."""
        starts: list[int] = []
        ends: list[int] = []
        for low, high in sorted(intervals):
            if ends and low <= ends[-1] + 1:
                ends[-1] = max(ends[-1], high)
            else:
                starts.append(low)
                ends.append(high)
        return cls(starts, ends, top)

    def __bool__(self) -> bool:
        return bool(self.starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.starts, self.ends, strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Region) and self.starts == other.starts and self.ends == other.ends

    def __hash__(self) -> int:
        return hash((tuple(self.starts[:8]), len(self.starts)))

    def __repr__(self) -> str:
        return f"Region({list(self)!r})"

    def __contains__(self, value: int) -> bool:
        place = bisect_right(self.starts, value) - 1
        return place >= 0 and value <= self.ends[place]

    @property
    def size(self) -> int:
        """Return how many it holds."""
        return sum(self.ends) - sum(self.starts) + len(self.starts)

    @property
    def is_all(self) -> bool:
        """Tell whether nothing is missing."""
        return len(self.starts) == 1 and self.starts[0] == 0 and self.ends[0] == self.top

    @property
    def rest(self) -> "Region":
        """All that is not in it."""
        if self._rest is None:
            self._rest = self._complement()
            self._rest._rest = self  # noqa: SLF001 — its own kind
        return self._rest

    def _complement(self) -> "Region":
        if not self.starts:
            return Region([0], [self.top], self.top)
        starts = [end + 1 for end in self.ends if end < self.top]
        ends = [start - 1 for start in self.starts if start > 0]
        if self.starts[0] > 0:
            starts.insert(0, 0)
        if self.ends[-1] < self.top:
            ends.append(self.top)
        return Region(starts, ends, self.top)

    def __and__(self, other: "Region") -> "Region":
        if self is other or not other.starts or self.is_all:
            return other
        if not self.starts:
            return self
        if other.is_all:
            return self
        if len(self.starts) + len(other.starts) <= _LARGE:
            return self._meet(other)
        # Listeners of one host ask for the same of a large set again and again.
        if self._met is None:
            self._met = {}
        known = self._met.get(id(other))
        if known is None:
            if len(self._met) > _REMEMBERED:
                self._met.clear()
            known = self._met[id(other)] = (other, self._meet(other))
        return known[1]

    def _meet(self, other: "Region") -> "Region":
        few, many = (self, other) if len(self.starts) <= len(other.starts) else (other, self)
        starts: list[int] = []
        ends: list[int] = []
        for low, high in few:
            place = bisect_left(many.ends, low)
            last = bisect_right(many.starts, high)
            if place >= last:
                continue
            found = len(starts)
            starts += many.starts[place:last]
            ends += many.ends[place:last]
            starts[found] = max(starts[found], low)
            ends[-1] = min(ends[-1], high)
        return Region(starts, ends, self.top)

    def __invert__(self) -> "Region":
        return self.rest

    def __sub__(self, other: "Region") -> "Region":
        return self & other.rest if self.starts and other.starts else self

    def __or__(self, other: "Region") -> "Region":
        if self is other or not self.starts or other.is_all:
            return other
        if not other.starts or self.is_all:
            return self
        if len(self.starts) + len(other.starts) <= _LARGE:
            return Region.of([*self, *other], self.top)
        return (self.rest & other.rest).rest


_NOTHING = {family: Region([], [], (1 << bits) - 1) for family, bits in BITS.items()}


def everything(family: Family) -> Region:
    """Return all addresses of a family."""
    return _NOTHING[family].rest


def nothing(family: Family) -> Region:
    """Return no address of a family."""
    return _NOTHING[family]


def coarse(region: Region, most: int) -> Region:
    """Return a region of at most so many intervals that holds all of another: the smallest gaps are closed."""
    if len(region.starts) <= most:
        return region
    gaps = sorted(
        range(1, len(region.starts)), key=lambda at: region.starts[at] - region.ends[at - 1], reverse=True
    )[: most - 1]  # fmt: skip
    cuts = sorted(gaps)
    starts = [region.starts[0], *(region.starts[at] for at in cuts)]
    ends = [*(region.ends[at - 1] for at in cuts), region.ends[-1]]
    return Region(starts, ends, region.top)


def address_text(value: int, family: Family) -> str:
    """Write an address."""
    return str(ipaddress.IPv4Address(value) if family is Family.IP else ipaddress.IPv6Address(value))


def region_texts(region: Region, family: Family) -> tuple[str, ...]:
    """Write each interval: as CIDR where it is a network, else as ``first-last``."""
    return tuple(_interval_text(low, high, family) for low, high in region)


@lru_cache(maxsize=1024)
def _interval_text(low: int, high: int, family: Family) -> str:
    size = high - low + 1
    if size & (size - 1) == 0 and low % size == 0:
        return f"{address_text(low, family)}/{BITS[family] - size.bit_length() + 1}"
    return f"{address_text(low, family)}-{address_text(high, family)}"
