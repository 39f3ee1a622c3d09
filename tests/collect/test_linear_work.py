"""Twice as much to read is at most twice as much work, for every reader that the registry knows, and for redaction.

Work is counted in lines of Python that are run, which no load of the machine changes. What C does within one of them
(a search in a long text, say) is not seen here: the bounds of a reader's processor time are what holds that
(`tests/run/test_hostile_hosts.py` reads the worst that is known with them).
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.collect.redact import redact
from auditor.collect.registry import collectors

_HERE = Path(__file__).parent
_TRIES = settings(max_examples=max(1, settings().max_examples // 10))
_MANY = 60
_BESIDE = 400
"""Lines of Python that do not grow with the text, and what a table does when it grows."""


def _work(read: Callable[[str], object], text: str) -> int:
    """Count the lines of Python that reading a text takes."""
    steps = 0

    def count(_frame: FrameType, event: str, _arg: Any) -> Callable[..., Any]:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        read(text)
    except ValueError:
        pass  # a dialect's word for a text that is not whole
    finally:
        sys.settrace(before)
    return steps


def assert_linear(read: Callable[[str], object], grown: Callable[[int], str]) -> None:
    """Hold a reader to twice the work for a text that is twice as long."""
    once, twice = _work(read, grown(_MANY)), _work(read, grown(2 * _MANY))
    assert twice <= 2.2 * once + _BESIDE, (once, twice)


def _lines(*names: str) -> list[str]:
    files = [file for name in names for file in sorted(_HERE.joinpath(*name.split(".")).glob("*/input.txt"))]
    return sorted({line for file in files for line in file.read_text(encoding="utf-8").split("\n") if line})


def _grown(parts: list[str], joint: str, start: str) -> Callable[[int], str]:
    """Return what makes a text of a given size: some parts over and over, each with its number in it or as it is."""

    def grow(times: int) -> str:
        rows = [part.replace("@", str(1000 + number)) for number in range(times) for part in parts]
        return start + joint.join(rows) + "\n"

    return grow


def _growths(lines: list[str]) -> st.SearchStrategy[Callable[[int], str]]:
    """Return ways for an answer to grow: in rows that are the same, in rows that differ, or in one row."""
    digits = str.maketrans("0123456789", "@" * 10)
    numbered = st.sampled_from(lines).map(lambda line: line.translate(digits).replace("@@", "@"))
    part = st.one_of(
        st.sampled_from(lines), numbered, st.sampled_from(["x", "(", '"', "a,", "\\", "{", "a=b ", "a\t", "#"])
    )
    joint = st.sampled_from(["\n", "\n", "\n", " ", ",", "", "\\\n"])
    start = st.one_of(st.just(""), st.sampled_from(lines).map(lambda line: f"{line}\n"))
    return st.builds(_grown, st.lists(part, min_size=1, max_size=3), joint, start)


@pytest.mark.parametrize("name", collectors())
def test_no_collector_takes_more_than_twice_as_long_for_twice_as_much(name: str) -> None:
    @_TRIES
    @given(_growths(_lines(name)))
    def check(grown: Callable[[int], str]) -> None:
        assert_linear(collectors()[name].parse, grown)

    check()


@_TRIES
@given(_growths(["token=abc", "https://u:p@h/", "--password x", "Authorization: Bearer x", "key: '"]))
def test_nor_does_redaction(grown: Callable[[int], str]) -> None:
    assert_linear(redact, grown)


def test_work_that_grows_by_the_square_would_be_noticed() -> None:
    def compare_all(text: str) -> None:
        rows = text.split("\n")
        for one in rows:
            for other in rows:
                assert (one == other) is not None

    with pytest.raises(AssertionError):
        assert_linear(compare_all, _grown(["a"], "\n", ""))
