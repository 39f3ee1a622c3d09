"""The names in the subject of a certificate: whom it says that a program is by."""

_NAMES = frozenset({"CN", "O"})
_SPECIAL = frozenset(' "#+,;<=>\\')
_HEX = frozenset("0123456789abcdefABCDEF")
_SEPARATORS = frozenset(",+")
_LONGEST = 4096


def names_in(subject: str) -> tuple[str, ...]:
    r"""Return the common names and organisations of a subject, each once; none where it cannot be read as one.

    Windows writes ``CN="Made Up, Inc.", O="Made ""Up"" Ltd"``: what holds a comma or the like is quoted, and
    a quote in it doubled (learn.microsoft.com, CertNameToStr, ``CERT_X500_NAME_STR``). RFC 4514 writes
    ``CN=Made Up\, Inc.``, and ``\C3\BC`` for bytes. Both are read, in one pass. What is neither names nobody: a name is
    not guessed out of it.
    """
    if len(subject) > _LONGEST:
        return ()
    found: dict[str, None] = {}
    at = 0
    try:
        while at < len(subject):
            equals = subject.index("=", at)
            key = subject[at:equals].strip()
            if not _is_key(key):
                return ()
            value, at = _value(subject, equals + 1)
            if key.upper() in _NAMES and value:
                found[value] = None
    except ValueError:
        return ()
    return tuple(found)


def _is_key(key: str) -> bool:
    return bool(key) and key.isascii() and key.replace(".", "").replace("-", "").isalnum()


def _value(text: str, at: int) -> tuple[str, int]:
    """Return the value that begins at a place, and where the next part begins."""
    while text[at : at + 1] == " ":
        at += 1
    value, at = _quoted(text, at + 1) if text[at : at + 1] == '"' else _plain(text, at)
    if at < len(text) and text[at] not in _SEPARATORS:
        raise ValueError("more follows a quoted value")
    if at == len(text) - 1:
        raise ValueError("nothing follows a separator")
    return value, at + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Return what is within quotes, and the place of what follows them but blanks."""
    parts = []
    while True:
        end = text.index('"', at)
        parts.append(text[at:end])
        at = end + 1
        if text[at : at + 1] != '"':
            break
        parts.append('"')
        at += 1
    while text[at : at + 1] == " ":
        at += 1
    return "".join(parts), at


def _plain(text: str, at: int) -> tuple[str, int]:
    """Return what is not within quotes, and the place of the separator; blanks around it are none of it."""
    kept = bytearray()
    solid = 0
    while at < len(text) and text[at] not in _SEPARATORS:
        sign, after = text[at], text[at + 1 : at + 3]
        if sign == '"':
            raise ValueError("a quote within a value")
        if sign == "\\" and after[:1] in _SPECIAL and after:
            kept += after[:1].encode()
            at += 2
            solid = len(kept)
        elif sign == "\\" and len(after) > 1 and _HEX.issuperset(after):
            kept.append(int(after, 16))
            at += 3
            solid = len(kept)
        else:
            kept += sign.encode()
            at += 1
            solid = solid if sign == " " else len(kept)
    return kept[:solid].decode(), at
