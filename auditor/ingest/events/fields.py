"""Values of a record, whatever shape it came in: nested, with dots in its names, as texts or as numbers."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from auditor.model.outside import TEXT_LENGTH

_COMMAND_LENGTH = 4096
"""Characters of a command line that are compared."""
_LAST_PORT = 65535
_NET_DATE = re.compile(r"/Date\((-?\d{1,15})\)/")
_LONG_FRACTION = re.compile(r"(\.\d{6})\d{1,3}")
_MILLISECONDS = 1000
_SHAPES = (
    "%m/%d/%Y, %I:%M:%S.%f %p",
    "%m/%d/%Y, %I:%M:%S %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y %I:%M:%S.%f %p",
    "%m/%d/%Y %H:%M:%S",
)
"""Besides RFC 3339: what the portals of Defender and Sentinel and ``ausearch`` export."""


def value(record: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 — whatever JSON holds
    """Return what stands at a path with dots, nested or as one name; None where nothing does."""
    found = record.get(path)
    if found is not None or "." not in path:
        return found
    head, _, rest = path.partition(".")
    inner = record.get(head)
    return value(inner, rest) if isinstance(inner, dict) else None


def text(record: Mapping[str, Any], *paths: str) -> str:
    """Return the first text that is there and not empty; ``-`` is how Windows writes that there is none."""
    for path in paths:
        found = record.get(path)
        if found is None and "." in path:
            found = value(record, path)
        if type(found) is not str:
            if isinstance(found, list) and found:
                found = found[0]
            if isinstance(found, bool) or not isinstance(found, (str, int, float)):
                continue
            found = str(found)
        if found not in ("", "-"):
            return found.strip()[:_COMMAND_LENGTH]
    return ""


def short(found: str) -> str:
    """Cut a text to what a sighting may hold."""
    return found[:TEXT_LENGTH]


def port(found: str, what: str) -> int | None:
    """Read a port; ValueError for what is none."""
    if found in ("", "0"):
        return None
    number = int(found) if found.isascii() and found.isdigit() else -1
    if not 0 < number <= _LAST_PORT:
        raise ValueError(f"{what} {found[:20]!r} is no port")
    return number


def instant(found: Any, what: str) -> datetime:  # noqa: ANN401 — whatever JSON holds
    """Read an instant, UTC where it says no zone; ValueError for what is none."""
    if isinstance(found, dict):
        found = found.get("value") or found.get("DateTime")
    said = str(found).strip() if isinstance(found, (str, int, float)) else ""
    try:
        if said.startswith("/") and (net := _NET_DATE.fullmatch(said)):
            return datetime.fromtimestamp(int(net[1]) / _MILLISECONDS, UTC)
        if said.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(said), UTC)
        read = _read(said.removesuffix(" UTC"))
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{what} {said[:40]!r} is no instant") from None


def _read(said: str) -> datetime:
    try:
        # Of the seven digits of a second that Defender writes, six are kept.
        return datetime.fromisoformat(said)
    except ValueError:
        trimmed = _LONG_FRACTION.sub(r"\1", said)
        for shape in _SHAPES:
            try:
                return datetime.strptime(trimmed, shape)  # noqa: DTZ007 — its zone is put on by the caller
            except ValueError:
                continue
        raise
