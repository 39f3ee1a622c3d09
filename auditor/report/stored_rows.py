"""Rows that stay in the store: a sequence to whoever reads it, of which no more than a page is in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import overload

from auditor.report.rows import Row


def sorted_by_host(findings: Sequence[Row]) -> Iterable[Row]:
    """Return findings sorted by host: the store sorts its own, and what is in memory may be in any order."""
    return findings if isinstance(findings, StoredRows) else sorted(findings, key=itemgetter("host"))


class StoredRows(Sequence[Row]):
    """Rows of a run, read anew each time that they are iterated."""

    def __init__(self, each: Callable[[], Iterator[Row]], count: Callable[[], int]) -> None:
        """Take what iterates over the rows, and what tells how many there are."""
        self._each = each
        self._count = count

    def __iter__(self) -> Iterator[Row]:
        return self._each()

    def __len__(self) -> int:
        return self._count()

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return list(self)[index]
        if index < 0:
            return list(self)[index]
        for row in islice(self._each(), index, None):
            return row
        raise IndexError(index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # what can change is no key
