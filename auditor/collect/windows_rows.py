"""Rows of a Windows answer: fields parted by tabs, of which each has its place."""

from datetime import UTC, datetime

_LONGEST = len("18446744073709551615")


def fields_of(line: str, count: int) -> list[str]:
    """Split a row into exactly so many fields, else ValueError."""
    parts = line.split("\t")
    if len(parts) != count:
        message = f"{len(parts)} fields instead of {count}"
        raise ValueError(message)
    return parts


def whole_number(text: str, what: str) -> int:
    """Read a whole number of sane length; ValueError names what it should have been."""
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST:
        message = f"{what} {text[:40]!r} is not a number"
        raise ValueError(message)
    return int(text)


def instant(text: str) -> str:
    """Return a round-trip time of .NET (``o``) in UTC to the second; empty for none."""
    if not text:
        return ""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text[:40]!r} is not a time"
        raise ValueError(message) from None
    if read.tzinfo is None:
        message = f"{text[:40]!r} does not say in which zone it is"
        raise ValueError(message)
    return read.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def command_program(command: str) -> str:
    r"""Return the path of the program in a command line of Windows.

    CreateProcess: what stands in quotes, else all up to the first blank behind ``.exe``, else the first word.
    """
    text = command.strip()
    if text.startswith('"'):
        return text[1:].partition('"')[0]
    at = text.lower().find(".exe")
    if at >= 0 and text[at + 4 : at + 5] in ("", " ", "\t"):
        return text[: at + 4]
    return text.split(maxsplit=1)[0] if text else ""
