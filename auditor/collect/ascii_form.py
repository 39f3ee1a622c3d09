"""The form in which a Windows host writes: lines of printable ASCII, which no code page on the way can change.

``^u0041`` stands for any other UTF-16 code unit, ``^`` included (``Plain`` in ``head.ps1``).
"""

_ESCAPE, _DIGITS, _HEX = "^u", 4, frozenset("0123456789abcdef")
# What controls a terminal, DEL and C1 among it, and what Unicode takes for the end of a line.
_KEPT = frozenset((*range(ord(" ")), *range(0x7F, 0xA0), 0x2028, 0x2029))


def from_ascii(body: bytes) -> bytes:
    """Return an answer in UTF-8; what would end a line or control a terminal stays as it is written."""
    text = body.replace(b"\r\n", b"\n").decode("ascii", "backslashreplace")
    if _ESCAPE in text:
        first, *parts = text.split(_ESCAPE)
        text = first + "".join(_unescaped(part) for part in parts)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _unescaped(part: str) -> str:
    digits = part[:_DIGITS]
    if len(digits) < _DIGITS or not _HEX.issuperset(digits) or int(digits, 16) in _KEPT:
        return _ESCAPE + part
    return chr(int(digits, 16)) + part[_DIGITS:]
