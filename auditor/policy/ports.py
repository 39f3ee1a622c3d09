"""Ports and port ranges as a policy writes them."""

from collections.abc import Iterable

_HIGHEST = 65535


def read_ports(value: int | str | Iterable[int | str]) -> tuple[tuple[int, int], ...]:
    """Read ``5900``, ``"5900-5910, 22"`` or a list of these into sorted inclusive ranges; ValueError for others."""
    words = [value] if isinstance(value, int | str) else list(value)
    return tuple(sorted({_range(part.strip()) for word in words for part in str(word).split(",")}))


def _range(text: str) -> tuple[int, int]:
    low, hyphen, high = text.partition("-")
    first = _port(low)
    last = _port(high) if hyphen else first
    if last < first:
        raise ValueError(f"{text!r} runs backwards")
    return first, last


def _port(text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(_HIGHEST))):
        raise ValueError(f"{digits!r} is not a port")
    if not 1 <= int(digits) <= _HIGHEST:
        raise ValueError(f"ports go from 1 to {_HIGHEST}")
    return int(digits)
