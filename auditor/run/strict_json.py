"""JSON from outside, read so that every reader would read the same: what is not plain is refused."""

import json
from typing import Any

import msgspec

_DECODE, _ENCODE = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
_HALF_CHARACTER = "\\ud"


def strict_json(data: bytes) -> Any:  # noqa: ANN401 — whatever JSON can hold
    """Return what UTF-8 bytes of JSON say; ValueError for anything that two readers could take for two things.

    Refused are a key that stands twice, a number that is none, half of a character, and nesting without end.
    """
    quick = _quickly(data)
    if quick is not None:
        return quick
    text = data.decode("utf-8")
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except RecursionError:
        raise ValueError("it is nested without end") from None
    if _HALF_CHARACTER in text.lower():
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _quickly(data: bytes) -> Any:  # noqa: ANN401 — as above
    """Read what is written as we write it, in a quarter of the time; None for what may be refused, or told otherwise.

    What comes back byte for byte when it is written again held no key twice, no number that is none or loses a digit,
    and no character that could be written in two ways.
    """
    try:
        value = _DECODE(data)
        return value if _ENCODE(value) == data.removesuffix(b"\n") else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:40]!r} stands in it twice")
    return values


def _refused(word: str) -> Any:  # noqa: ANN401 — never returns
    raise ValueError(f"{word} is no number")
