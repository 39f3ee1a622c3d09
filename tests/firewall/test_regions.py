"""Sets of addresses are sets: every operation against Python's own, on all sets of a few numbers."""

from itertools import pairwise, product

import pytest

from auditor.firewall import regions
from auditor.firewall.regions import Region, coarse, everything, nothing, region_texts
from auditor.model.facts.network import Family

TOP = 5
SETS = [frozenset(number for number in range(TOP + 1) if bits >> number & 1) for bits in range(1 << (TOP + 1))]


def region(numbers: frozenset[int]) -> Region:
    return Region.of([(number, number) for number in numbers], TOP)


def held(found: Region) -> set[int]:
    """Return what it holds, and see that its intervals are sorted, apart and inside."""
    intervals = list(found)
    edges = [edge for low, high in intervals for edge in (low - 1, high)]
    assert edges == sorted(set(edges)), intervals
    assert all(0 <= low <= high <= TOP for low, high in intervals)
    return {number for low, high in intervals for number in range(low, high + 1)}


@pytest.mark.parametrize("large", [64, 0], ids=["small", "remembered"])
def test_operations(monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    monkeypatch.setattr(regions, "_LARGE", large)
    made = {numbers: region(numbers) for numbers in SETS}
    for one, other in product(SETS, SETS):
        here, there = made[one], made[other]
        assert held(here & there) == one & other
        assert held(here & there) == one & other  # once more, as remembered
        assert held(here | there) == one | other
        assert held(here - there) == one - other
        assert (here == there) is (one == other)
        assert one != other or hash(here) == hash(region(other))


def test_one_set() -> None:
    full = frozenset(range(TOP + 1))
    for numbers in SETS:
        here = region(numbers)
        assert held(here) == numbers
        assert held(here.rest) == held(~here) == full - numbers
        assert here.rest.rest is here
        assert (here.size, bool(here), here.is_all) == (len(numbers), bool(numbers), numbers == full)
        assert [number in here for number in range(-1, TOP + 2)] == [number in numbers for number in range(-1, TOP + 2)]
        assert (here == numbers) is False


@pytest.mark.parametrize(("family", "bits"), [(Family.IP, 32), (Family.IP6, 128)])
def test_all_addresses_and_none(family: Family, bits: int) -> None:
    assert list(everything(family)) == list(nothing(family).rest) == [(0, 2**bits - 1)]
    assert everything(family).size == 2**bits
    assert everything(family).is_all
    assert nothing(family).rest.is_all
    assert list(nothing(family)) == list(everything(family).rest) == []


def test_coarse_holds_all_and_closes_the_smallest_gaps() -> None:
    for numbers in SETS:
        here = region(numbers)
        for most in range(1, 4):
            found = coarse(here, most)
            intervals = list(here)
            gaps = sorted(after[0] - before[1] for before, after in pairwise(intervals))
            closed = gaps[: max(0, len(intervals) - most)]
            assert len(list(found)) == min(most, len(intervals))
            assert numbers <= held(found)
            assert found.size == here.size + sum(gap - 1 for gap in closed)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (5, 5, "0.0.0.5/32"), (4, 5, "0.0.0.4/31"), (5, 6, "0.0.0.5-0.0.0.6"), (4, 6, "0.0.0.4-0.0.0.6"),
        (0, 2**32 - 1, "0.0.0.0/0"), (256, 511, "0.0.1.0/24"), (8, 11, "0.0.0.8/30"), (6, 9, "0.0.0.6-0.0.0.9"),
    ],
)  # fmt: skip
def test_texts(low: int, high: int, text: str) -> None:
    regions._interval_text.cache_clear()
    assert region_texts(Region([low], [high], 2**32 - 1), Family.IP) == (text,)
