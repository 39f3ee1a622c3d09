"""How policies write a length of time: a number and its unit, such as ``35d``."""

from datetime import timedelta

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = 10_000
"""Units of a duration: beyond it, nobody means what the file says."""


def read_duration(text: str, *, none: str = "it is no time at all") -> timedelta:
    """Read a whole number of hours, days or weeks; ValueError says what is wrong, ``none`` what is with zero."""
    number = text[:-1].strip()
    if text[-1:] not in _UNITS or not (number.isascii() and number.isdigit()):
        raise ValueError("a number and h, d or w are wanted, such as 35d")
    if not number.strip("0"):
        raise ValueError(none)
    if len(number) > len(str(_LONGEST)) or int(number) > _LONGEST:
        raise ValueError(f"{_LONGEST}{text[-1]} is the most")
    return int(number) * _UNITS[text[-1]]
