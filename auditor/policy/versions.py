"""Which versions a range such as ``>=15.50, <16`` covers.

Versions are ordered as Debian orders them (deb-version(7)): runs of digits as numbers, what stands between
them as text in which letters come before all other characters and ``~`` before the end, so that ``1.0~rc1``
is before ``1.0``. Three things are done for people who write ranges by hand:

* zeros at the end of a dotted version count for nothing: ``1.2`` is ``1.2.0``;
* a bound without an epoch (``1:``) is compared to the version without its epoch;
* a bound without a package revision (``-3``) is compared to the version without its revision.

Any text has a place in this order: it is total and never raises, whatever a host calls its version. A range
covers only what looks like a version: a host that says ``unknown`` is no host with a new enough version.
"""

from collections.abc import Callable
from functools import lru_cache

from auditor.model.record import Record

_DIGITS = frozenset("0123456789")
_DOT = (ord(".") + 256, 0)
_ZERO = (0, "")

Key = tuple[tuple[object, ...], ...]

_OPERATORS: dict[str, Callable[[int], bool]] = {
    ">=": lambda order: order >= 0,
    "<=": lambda order: order <= 0,
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    ">": lambda order: order > 0,
    "<": lambda order: order < 0,
}


class VersionRange(Record, kw_only=True):
    """Versions that meet every one of some bounds."""

    bounds: tuple[tuple[str, str], ...]
    """Operator and version of each."""

    def covers(self, version: str) -> bool:
        """Tell whether a version meets every bound; text whose number does not begin with a digit meets none."""
        if _split(version)[1][:1] not in _DIGITS:
            return False
        return all(_OPERATORS[operator](_against(version, bound)) for operator, bound in self.bounds)


@lru_cache(maxsize=1024)
def parse_range(text: str) -> VersionRange:
    """Read a range: bounds parted by commas, each an operator and a version; ValueError says what is wrong."""
    bounds = []
    for part in text.split(","):
        words = part.strip()
        operator = next((one for one in _OPERATORS if words.startswith(one)), None)
        if operator is None:
            raise ValueError(f"{words!r} does not begin with one of {', '.join(_OPERATORS)}")
        version = words[len(operator) :].strip()
        if not version or version[0] not in _DIGITS or any(char.isspace() for char in version):
            raise ValueError(f"{words!r}: after {operator} a version such as 15.50 is wanted")
        bounds.append((operator, version))
    return VersionRange(bounds=tuple(bounds))


def compare(one: str, other: str) -> int:
    """Return a number below, equal to or above zero as one version is before, equal to or after the other."""
    first, second = _whole_key(one), _whole_key(other)
    return (first > second) - (first < second)


def _against(version: str, bound: str) -> int:
    """Compare a version to a bound, as far as the bound says anything."""
    epoch, upstream, revision = _split(version)
    wanted_epoch, wanted_upstream, wanted_revision = _split(bound)
    first = [_key(upstream)]
    second = [_key(wanted_upstream)]
    if wanted_epoch:
        first.insert(0, _key(epoch))
        second.insert(0, _key(wanted_epoch))
    if wanted_revision:
        first.append(_key(revision))
        second.append(_key(wanted_revision))
    return (first > second) - (first < second)


def _whole_key(version: str) -> tuple[Key, Key, Key]:
    epoch, upstream, revision = _split(version)
    return _key(epoch), _key(upstream), _key(revision)


def _split(version: str) -> tuple[str, str, str]:
    """Part a version into epoch, upstream version and package revision, each empty where it has none."""
    head, colon, rest = version.strip().partition(":")
    epoch, rest = (head, rest) if colon and head and _DIGITS.issuperset(head) else ("", version.strip())
    upstream, hyphen, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if hyphen else (epoch, rest, "")


def _key(text: str) -> Key:
    """Return what Debian's comparison of two texts depends on, as tuples that compare the same way.

    Text and numbers take turns. Each text ends in 0, which stands for the end of all texts: before letters
    and other characters, after ``~``. A number is its length without leading zeros, then its digits: Python
    refuses to make an int of a long one.
    """
    parts: list[tuple[object, ...]] = []
    at = 0
    while at < len(text):
        start = at
        while at < len(text) and text[at] not in _DIGITS:
            at += 1
        parts.append((*(_rank(char) for char in text[start:at]), 0))
        start = at
        while at < len(text) and text[at] in _DIGITS:
            at += 1
        number = text[start:at].lstrip("0")
        parts.append((len(number), number))
    if parts == [(0,), _ZERO]:
        # A revision or an epoch of 0 is none.
        parts = []
    return (*_without_last_zeros(parts), (0,))


def _rank(char: str) -> int:
    if char == "~":
        return -1
    return ord(char) if char.isascii() and char.isalpha() else ord(char) + 256


def _without_last_zeros(parts: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Drop ``.0`` where no further dotted number follows: ``1.0`` is ``1``, and ``1.0~rc1`` is ``1~rc1``."""
    kept: list[tuple[object, ...]] = []
    for text, number in zip(parts[-2::-2], parts[-1::-2], strict=True):
        follows = kept[-1] if kept else None
        if (text, number) == (_DOT, _ZERO) and (follows is None or follows[0] != _DOT[0]):
            continue
        kept += [number, text]
    return kept[::-1]
