"""Looking up in an index finds what a look at every box in turn does."""

import random
from itertools import product
from typing import Any

import pytest

from auditor.firewall.lookup import Index, Segments
from auditor.model.ruleset import Box

VALUES = range(5)
Entries = list[tuple[Box, int]]


def _holds(box: Box, values: Any, places: Any) -> bool:
    return all(box[at][0] <= values[at] <= box[at][1] for at in places)


def _first(entries: Entries, values: Any) -> int | None:
    return next((result for box, result in entries if _holds(box, values, range(len(values)))), None)


def _boxes(dice: random.Random, width: int) -> Entries:
    points = [dice.random() < 0.4 for _ in range(width)]

    def interval(at: int) -> tuple[int, int]:
        low, high = sorted((dice.choice(VALUES), dice.choice(VALUES)))
        return (low, low) if points[at] else (low, high)

    return [(tuple(interval(at) for at in range(width)), dice.randrange(3)) for _ in range(dice.randrange(7))]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_first_box_that_holds_the_values_gives_its_result(width: int) -> None:
    for seed in range(150):
        entries = _boxes(random.Random(seed), width)  # noqa: S311 — the same every time, on purpose
        index: Index[int] = Index(entries)
        for values in product(VALUES, repeat=width) if entries else ((0,), (1,)):
            assert index.find(values) == _first(entries, values), (entries, values)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_boxes_that_agree_with_what_is_known(width: int) -> None:
    for seed in range(60):
        entries = _boxes(random.Random(seed), width)  # noqa: S311
        index: Index[int] = Index(entries)
        for known in ([at for at in range(width) if bits >> at & 1] for bits in range(1 << width)):
            for values in product(VALUES, repeat=width):
                expected = [(box, result) for box, result in entries if _holds(box, values, known)]
                assert index.could_be(values, known) == expected, (entries, values, known)


@pytest.mark.parametrize(
    "intervals",
    [
        [(1, 3, "a"), (2, 2, "b")],
        [(2, 2, "b"), (1, 3, "a")],
        [(1, 2, "a"), (2, 4, "b"), (0, 4, "c")],
        [(0, 0, "a"), (0, 4, "b"), (4, 4, "c")],
        [(0, 1, "a"), (2, 3, "b")],
        [(3, 3, "a"), (1, 1, "b")],
        [],
    ],
)
def test_of_overlapping_intervals_the_first_wins(intervals: list[tuple[int, int, str]]) -> None:
    segments: Segments[str] = Segments(intervals)
    for value in range(-1, 6):
        assert segments.find(value) == next((one for low, high, one in intervals if low <= value <= high), None)


END = "\U0010ffff"
ETH, ETH1, ALL = ("eth", "eth" + END), ("eth1", "eth1" + END), ("", END)


@pytest.mark.parametrize(
    ("intervals", "found"),
    [
        ([(*ETH, 1), ("lo", "lo", 1)], {"eth0": 1, "eth": 1, "lo": 1, "wg0": None}),
        ([("lo", "lo", 2), (*ETH, 1)], {"eth0": 1, "lo": 2, "lo0": None}),
        ([(*ETH, 1), ("eth0", "eth0", 1), ("wg0", "wg0", 2)], {"eth0": 1, "eth1": 1, "wg0": 2}),
        ([(*ETH, 1), ("eth0", "eth0", 1), (*ETH1, 1), ("ftp", "ftp", 1)], {"eth0": 1, "eth15": 1, "eth2": 1, "ftp": 1}),
        ([("eth0", "eth0", 1), ("eth0", "eth0", 2)], {"eth0": 1}),
        ([(*ALL, 1), ("eth0", "eth0", 1)], {"eth0": 1, "": 1, "x": 1}),
    ],
)
def test_names(intervals: list[tuple[str, str, int]], found: dict[str, int | None]) -> None:
    segments: Segments[int] = Segments(intervals)
    assert {name: segments.find(name) for name in found} == found


@pytest.mark.parametrize(
    "intervals", [[(*ETH, 1), ("eth0", "eth0", 2)], [("eth0", "eth0", 2), (*ETH, 1)], [(*ETH, 1), (*ETH1, 2)]]
)
def test_names_that_overlap_with_different_results_are_refused(intervals: list[tuple[str, str, int]]) -> None:
    with pytest.raises(ValueError, match="overlap"):
        Segments(intervals)
