"""The line that is drawn while hosts are asked says what people want to know."""

from collections import Counter
from typing import Any

import pytest

from auditor.cli.progress import duration, progress_line
from auditor.errors import Reason
from auditor.model.record import replace
from auditor.run.pacing import Standing


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (42.4, "42 s"), (89, "89 s"), (720, "12 min"), (3600 * 3 + 320, "3 h 05 min"), (200_000, "2 d 8 h")],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def standing(**changes: Any) -> Standing:
    return replace(Standing(under_way=0, queued=0, resting={}, next_try=None), **changes)


def test_the_rate_what_is_left_and_the_faults_are_shown() -> None:
    faults = Counter(timeout=9, refused=3, auth=2, not_ssh=1, dns=1)
    line = progress_line(500, 2000, 25.0, standing(queued=1468, under_way=32), faults)
    assert line == (
        "━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 500/2000 hosts · 25/s · 60 s left · not assessed: 9 timeout, 3 refused, 2 auth, 2 others"
    )


def test_a_run_that_has_not_moved_promises_nothing() -> None:
    assert progress_line(0, 10, 0.0, standing(queued=9, under_way=1), Counter()).endswith(" 0/10 hosts · 0.0/s")


def test_hosts_that_rest_are_named_while_others_are_asked() -> None:
    rest = standing(queued=2, under_way=1, resting={Reason.TIMEOUT: 2}, next_try=30.0)
    line = progress_line(5, 10, 2.5, rest, Counter(), closes_in=99)
    assert line.endswith(" 5/10 hosts · 2.5/s · 1 s left · to try again: 2 timeout")


def test_only_the_window_waits() -> None:
    rest = standing(resting={Reason.REFUSED: 1, Reason.TIMEOUT: 4}, next_try=715.0)
    line = progress_line(5, 10, 0.0, rest, Counter(), closes_in=6 * 3600 + 120)
    assert " 5/10 hosts · to try again: 4 timeout, 1 refused · next try in 12 min" in line
    assert line.endswith(" · window closes in 6 h 02 min")
