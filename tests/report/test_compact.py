"""Rows are written as the standard library writes them in ASCII, by whichever way is quicker."""

import json
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.report import rows
from auditor.report.rows import compact, row_of


class Colour(StrEnum):
    RED = "red"


_TEXTS = st.text(st.characters(codec="utf-8")) | st.text('\x00\x1f\x7f\\"/<>&\u2028\u2029\n\r\t ab', max_size=20)
_LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64) | _TEXTS | st.just(Colour.RED)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(_TEXTS, _VALUES, max_size=5))
def test_a_row_is_written_as_by_the_standard_library(row: dict[str, Any]) -> None:
    assert compact(row) == json.dumps(row, separators=(",", ":"), ensure_ascii=True)


@given(st.dictionaries(_TEXTS, _VALUES, max_size=5))
def test_a_row_is_read_back_as_by_the_standard_library(row: dict[str, Any]) -> None:
    line = compact(row)
    assert row_of(line) == json.loads(line)


def test_half_of_a_character_in_a_row_of_before_is_read_all_the_same() -> None:
    assert row_of('{"text":"\\ud800"}') == {"text": "\ud800"}


@pytest.mark.parametrize("text", ["\x7f", "ä", "\u2028", "\U0001f5a5", "\ud800", "a\udfffb"])
def test_what_is_not_plain_takes_the_long_way(text: str) -> None:
    assert rows.quickly({"text": text}) is None
    assert compact({"text": text}).isascii()


def test_what_is_plain_takes_the_short_way() -> None:
    row = {"text": 'a "quoted"\tword\x00', "tuple": (1, True, None), "kind": Colour.RED}
    assert rows.quickly(row) == json.dumps(row, separators=(",", ":"))
