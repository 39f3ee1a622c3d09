"""How a name is compared with a pattern: ``*`` only, in linear time, by dictionary where possible."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from auditor.model.record import Record

T = TypeVar("T")

_KEPT = 8192
"""Texts whose values a table remembers; beyond that it forgets them all."""
_KEPT_LENGTH = 256


def glob_matches(parts: tuple[str, ...], text: str) -> bool:
    """Tell whether a text matches a pattern that was split at its stars; never backtracks."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in parts[1:-1]:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


class _Pattern(Record, Generic[T], kw_only=True):
    literal: str
    """The longest of its parts: where that is not, the pattern is not either."""
    parts: tuple[str, ...]
    excluding: tuple[tuple[str, ...], ...]
    value: T


@dataclass(slots=True)
class Table(Generic[T]):
    """Values by exact name or pattern; a look-up costs a few dictionary accesses, however many patterns there are.

    Patterns are filed under the literal text before their first star, by its length; those that begin with a star
    under that after their last one. What begins and ends with one is compared where its longest literal text is there.
    """

    fold: bool
    """Whether upper and lower case are the same."""
    _exact: dict[str, list[T]] = field(default_factory=dict)
    _by_prefix: dict[int, dict[str, list[_Pattern[T]]]] = field(default_factory=dict)
    _by_suffix: dict[int, dict[str, list[_Pattern[T]]]] = field(default_factory=dict)
    _anywhere: list[_Pattern[T]] = field(default_factory=list)
    _known: dict[str, tuple[T, ...]] = field(default_factory=dict)

    def add(self, name: str, value: T, excluding: Iterable[str] = ()) -> None:
        """File a value under a name or pattern."""
        self._known.clear()
        name = self._fold(name)
        parts = tuple(name.split("*"))
        if len(parts) == 1:
            self._exact.setdefault(name, []).append(value)
            return
        others = tuple(tuple(self._fold(other).split("*")) for other in excluding)
        pattern = _Pattern(literal=max(parts, key=len), parts=parts, excluding=others, value=value)
        prefix, suffix = parts[0], parts[-1]
        if prefix:
            self._by_prefix.setdefault(len(prefix), {}).setdefault(prefix, []).append(pattern)
        elif suffix:
            self._by_suffix.setdefault(len(suffix), {}).setdefault(suffix, []).append(pattern)
        else:
            self._anywhere.append(pattern)

    def find(self, text: str) -> tuple[T, ...]:
        """Return every value whose name or pattern matches; what hosts have in common is looked up once."""
        known = self._known.get(text)
        if known is not None:
            return known
        found = tuple(self._search(self._fold(text)))
        if len(text) <= _KEPT_LENGTH:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[text] = found
        return found

    def _search(self, text: str) -> list[T]:
        found = list(self._exact.get(text, ()))
        near = list(self._anywhere)
        for length, patterns in self._by_prefix.items():
            near += patterns.get(text[:length], ())
        for length, patterns in self._by_suffix.items():
            near += patterns.get(text[-length:], ())
        # Most are ruled out by one search in C.
        found += [pattern.value for pattern in near if pattern.literal in text and _matches(pattern, text)]
        return found

    def _fold(self, text: str) -> str:
        return text.casefold() if self.fold else text


def _matches(pattern: _Pattern[T], text: str) -> bool:
    return glob_matches(pattern.parts, text) and not any(glob_matches(other, text) for other in pattern.excluding)
