"""A failure that may pass is tried again, one that may cost an account never, and every wait ends."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HostError, Reason
from auditor.run.retries import Retries, Window

PASSING = (
    Reason.REFUSED,
    Reason.RESET,
    Reason.TIMEOUT,
    Reason.DNS,
    Reason.NO_ROUTE,
    Reason.NO_BANNER,
    Reason.FROZEN,
    Reason.VANISHED,
)
HOUR = 3600.0


def tries(retries: Retries, reason: Reason, chance: float, *, takes: float = 1.0) -> list[float]:
    """Return when a host begins that always fails, each try taking so long."""
    begins = [0.0]
    while (rest := retries.rest(len(begins), HostError(reason, "no"), begins[-1] + takes, chance)) is not None:
        begins.append(begins[-1] + takes + rest)
        if len(begins) > 10_000:
            pytest.fail("it never ends")
    return begins


@pytest.mark.parametrize("reason", Reason)
def test_only_three_reasons_are_tried_again_at_once(reason: Reason) -> None:
    wanted = 4 if reason in (Reason.REFUSED, Reason.RESET, Reason.TIMEOUT) else 1
    assert len(tries(Retries(at_once=3), reason, 0.5)) == wanted


@pytest.mark.parametrize("reason", Reason)
def test_a_window_is_for_what_a_machine_that_is_off_looks_like(reason: Reason) -> None:
    waits = Retries(at_once=0, window=Window(length=8 * HOUR, closes=8 * HOUR))
    assert (len(tries(waits, reason, 0.5)) > 1) == (reason in PASSING)


def test_the_pauses_grow() -> None:
    begins = tries(Retries(at_once=3), Reason.REFUSED, 0.5, takes=0.0)
    assert begins == [0.0, 1.0, 3.0, 7.0]


def test_a_working_day_is_tried_through_at_growing_intervals() -> None:
    begins = tries(Retries(at_once=1, window=Window(length=8 * HOUR, closes=8 * HOUR)), Reason.TIMEOUT, 0.5, takes=10.0)
    rests = [round(later - earlier - 10) for earlier, later in itertools.pairwise(begins)]
    assert rests[:7] == [1, 60, 120, 240, 480, 960, 1800]
    assert begins[-1] >= 8 * HOUR - 60
    assert len(begins) == 22


@given(
    length=st.floats(1, 31 * 86400),
    spent=st.floats(0, 1),
    at_once=st.integers(0, 5),
    chance=st.floats(0, 1, exclude_max=True),
    takes=st.floats(0, 60),
    reason=st.sampled_from(PASSING),
)
def test_law_every_try_begins_before_the_window_closes_and_the_last_one_shortly_before(
    length: float, spent: float, at_once: int, chance: float, takes: float, reason: Reason
) -> None:
    window = Window(length=length, closes=length * (1 - spent))
    begins = tries(Retries(at_once=at_once, window=window), reason, chance, takes=takes)
    waited = begins[at_once + 1 :] if reason in (Reason.REFUSED, Reason.RESET, Reason.TIMEOUT) else begins[1:]
    assert all(begin <= window.closes for begin in waited)
    assert begins[-1] + takes >= window.closes - window.first_rest
    # Rests double up to a quarter of the window at most, and are at least three quarters of what they are said to be.
    assert len(waited) <= 8 + 2 + length / (0.75 * window.longest_rest)
