"""Rows that wait on the disk come back as they were, in the order that their keys say, and leave nothing behind."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.report import scratch as module
from auditor.report.scratch import Scratch, sort_key

PARTS = st.tuples(st.integers(-(2**63), 2**63 - 1), st.text(), st.integers(-5, 5), st.text())


@given(PARTS, PARTS)
def test_keys_sort_as_what_they_are_made_of(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
    assert (sort_key(*one) < sort_key(*other)) == (one < other)
    assert (sort_key(*one) == sort_key(*other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("", "\0"), ("a", "a\0"), ("a\0", "a\0\0"), ("a\0b", "a\x01"), ("\ud800", "\ud801"), ("é", "\ud800")],
)
def test_keys_of_odd_texts_sort_as_the_texts_do(one: str, other: str) -> None:
    assert sort_key(one, 2) < sort_key(other, 1)


def test_rows_come_back_by_part_and_key_and_else_as_they_came(tmp_path: Path) -> None:
    with Scratch(tmp_path) as scratch:
        one, other = scratch.rows(), scratch.rows()
        for number in range(2 * module._BATCH + 1):
            one.append({"number": number, "half": "\ud800"})
            other.append({"number": number}, number % 3, sort_key(-(number // 2)))
        assert [row["number"] for row in one] == list(range(len(one)))
        assert next(iter(one))["half"] == "\ud800"
        mine = [number for number in range(len(other)) if number % 3 == 1]
        assert [row["number"] for row in other.of(1)] == sorted(mine, key=lambda number: -(number // 2))
        assert list(other.of(7)) == []
        # What comes after the first was read is there, too.
        one.append({"number": -1})
        assert [row["number"] for row in one][-1] == -1
        # Two may read at once, and one need not read to its end.
        assert [next(iter(one)) == next(iter(one)) for _ in range(3)] == [True] * 3
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_and_a_disk_that_is_full_are_errors_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Scratch(tmp_path / "not" / "there")
    with Scratch(tmp_path) as scratch:
        rows = scratch.rows()
        scratch._database.execute("PRAGMA max_page_count = 20")
        for _ in range(module._BATCH - 1):
            rows.append({"text": "x" * 500})
        with pytest.raises(OSError, match="No space left on device") as told:
            rows.append({"text": "the last of those that are written at once"})
        assert told.value.filename == str(tmp_path / ".scratch.sqlite")
    assert list(tmp_path.iterdir()) == []
