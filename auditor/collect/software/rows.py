"""What readers of package databases have in common: fields of a row that say when, and values that say nothing."""

from datetime import UTC, datetime

_DIGITS = 12
"""Of seconds since 1970: enough until the year 33658, and few enough for every calendar's arithmetic."""


def named(name: str, version: str) -> None:
    """Raise ValueError unless a row has both: what has not is the remains of a damaged database."""
    if not name:
        message = "a package without a name"
        raise ValueError(message)
    if not version:
        message = f"no version of {name[:80]!r}"
        raise ValueError(message)


def day(seconds: str) -> str | None:
    """Return the day, in UTC, of seconds since 1970; None where there are none, ValueError where it is no number."""
    if not seconds:
        return None
    if len(seconds) > _DIGITS or not (seconds.isascii() and seconds.isdigit()):
        message = f"not a time in seconds: {seconds[:80]!r}"
        raise ValueError(message)
    try:
        return datetime.fromtimestamp(int(seconds), UTC).date().isoformat()
    except (OverflowError, OSError) as error:
        message = f"no day is {seconds} seconds after 1970"
        raise ValueError(message) from error
