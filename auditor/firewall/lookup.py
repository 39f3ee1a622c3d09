"""Find a packet's fields in a set of boxes: constant time for members of one kind, whatever the size of the set."""

import heapq
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any, Generic, TypeVar

from auditor.model.ruleset import Box

R = TypeVar("R", bound=Hashable)


class Segments(Generic[R]):
    """Intervals of one field, disjoint and sorted, each with what it stands for."""

    def __init__(self, intervals: Sequence[tuple[Any, Any, R]]) -> None:
        ordered = sorted(intervals, key=lambda one: one[0])
        if any(after[0] <= before[1] for before, after in pairwise(ordered)):
            ordered = _first_wins(intervals)
        self.starts = [low for low, _, _ in ordered]
        self.ends = [high for _, high, _ in ordered]
        self.results = [result for _, _, result in ordered]

    def find(self, value: int | str) -> R | None:
        """Return what the value stands for; None when it is in no interval."""
        place = bisect_right(self.starts, value) - 1
        return self.results[place] if place >= 0 and value <= self.ends[place] else None


def _first_wins(intervals: Sequence[tuple[Any, Any, R]]) -> list[tuple[Any, Any, R]]:
    """Cut overlapping intervals so that each value keeps the result of the first interval that holds it."""
    if not all(isinstance(low, int) for low, _, _ in intervals):
        return _first_name_wins(intervals)
    events = sorted({edge for low, high, _ in intervals for edge in (low, high + 1)})
    by_start = sorted(range(len(intervals)), key=lambda index: intervals[index][0])
    made: list[tuple[Any, Any, R]] = []
    open_: list[int] = []
    following = 0
    for low, after in pairwise(events):
        while following < len(by_start) and intervals[by_start[following]][0] <= low:
            heapq.heappush(open_, by_start[following])
            following += 1
        while open_ and intervals[open_[0]][1] < low:
            heapq.heappop(open_)
        if open_:
            made.append((low, after - 1, intervals[open_[0]][2]))
    return made


def _first_name_wins(intervals: Sequence[tuple[Any, Any, R]]) -> list[tuple[Any, Any, R]]:
    """Do the same for names, whose intervals are single names or prefixes: nested or apart, never crossing.

    Names have no successor, so a prefix that holds others cannot be cut; it is refused, and its set not modelled.
    """
    kept: dict[tuple[Any, Any], R] = {}
    for low, high, result in intervals:
        kept.setdefault((low, high), result)
    ordered = sorted((low, high, result) for (low, high), result in kept.items())
    for before, after in pairwise(ordered):
        if after[0] <= before[1] and after[2] != before[2]:
            raise ValueError("names that overlap with different results")
    made: list[tuple[Any, Any, R]] = []
    for low, high, result in ordered:
        if made and low <= made[-1][1]:
            continue
        made.append((low, high, result))
    return made


class Index(Generic[R]):
    """Boxes by the fields in which all of them are points; the first box that holds a value gives its result."""

    def __init__(self, entries: Sequence[tuple[Box, R]]) -> None:
        self.entries = entries
        width = len(entries[0][0]) if entries else 1
        points = [all(box[at][0] == box[at][1] for box, _ in entries) for at in range(width)]
        self.keyed = tuple(at for at in range(width) if points[at])
        self.ranged = tuple(at for at in range(width) if not points[at])
        groups: dict[tuple[Any, ...], list[tuple[Box, R]]] = {}
        for box, result in entries:
            groups.setdefault(tuple(box[at][0] for at in self.keyed), []).append((box, result))
        self.groups: dict[tuple[Any, ...], Any] = {}
        for key, boxes in groups.items():
            if not self.ranged:
                self.groups[key] = boxes[0][1]
            elif len(self.ranged) == 1:
                at = self.ranged[0]
                self.groups[key] = Segments([(box[at][0], box[at][1], result) for box, result in boxes])
            else:
                self.groups[key] = boxes

    def find(self, values: Sequence[Any]) -> R | None:
        """Return the result of the first box that holds the values; None when there is none."""
        group = self.groups.get(tuple([values[at] for at in self.keyed]))
        if group is None or not self.ranged:
            found: R | None = group
            return found
        if isinstance(group, Segments):
            return group.find(values[self.ranged[0]])
        for box, result in group:
            if all(box[at][0] <= values[at] <= box[at][1] for at in self.ranged):
                hit: R = result
                return hit
        return None

    def could_be(self, values: Sequence[Any], known: Sequence[int]) -> list[tuple[Box, R]]:
        """Return the boxes that agree with the values of the fields that are known, in their order."""
        if self.keyed and all(at in known for at in self.keyed) and len(self.ranged) > 1:
            near = self.groups.get(tuple(values[at] for at in self.keyed), ())
        else:
            near = self.entries
        return [(box, result) for box, result in near if all(box[at][0] <= values[at] <= box[at][1] for at in known)]
