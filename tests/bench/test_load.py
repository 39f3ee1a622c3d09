"""A small load: months pass on one store in one process, and nothing is left open; `make load` is the large one."""

from pathlib import Path

import pytest

from tests.bench.load import flatness, loaded

pytestmark = pytest.mark.slow


def test_months_leave_nothing_open_and_the_store_grows_by_what_they_say(tmp_path: Path) -> None:
    months = loaded(hosts=12, months=9, place=tmp_path)
    flat = flatness(months)
    assert (flat.descriptors, flat.threads) == (0, 0)
    # A month's results, of two megabytes, that stayed would be twelve between the quarters.
    assert flat.memory < 6_000_000
    # Nothing is kept twice, and nothing of the first months is written again.
    assert 0.5 < flat.growth < 1.5
    # The product stays for three months on each host and comes again after twelve: some have it, and some had it.
    assert months[0].findings > 0
    assert months[-1].findings > months[0].findings
