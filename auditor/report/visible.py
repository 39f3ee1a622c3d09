"""How text from a host is shown: nothing in it acts, hides or reorders, and nothing of it is lost."""

_OPEN, _CLOSE = "⟨", "⟩"
_TAB = "⇥"

# Default-ignorable characters that Python calls printable: they show as nothing, so that two different
# names can look alike (Unicode Standard, DerivedCoreProperties.txt, Default_Ignorable_Code_Point).
_INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),  # combining grapheme joiner
        (0x115F, 0x1160),  # Hangul fillers
        (0x17B4, 0x17B5),  # Khmer inherent vowels
        (0x180B, 0x180F),  # Mongolian variation selectors
        (0x2800, 0x2800),  # the blank Braille pattern, which is a space by look only
        (0x3164, 0x3164),  # Hangul filler
        (0xFE00, 0xFE0F),  # variation selectors
        (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
        (0xE0100, 0xE01EF),  # variation selectors
    )
    for code in range(first, last + 1)
)


class _Table(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        # Our own signs are written out too: a host cannot imitate an escape.
        hidden = not char.isprintable() or char in _INVISIBLE or char in (_OPEN, _CLOSE, _TAB)
        shown = f"{_OPEN}U+{code:04X}{_CLOSE}" if hidden else char
        if char == "\t":
            # Evidence is full of tabs between columns: a quote stays readable.
            shown = f" {_TAB} "
        self[code] = shown
        return shown


_TABLE = _Table()


def inert(text: str) -> str:
    """Return lines in which nothing acts on a terminal: what is left over that cannot be printed is written out.

    A second net below ``visible``, which callers put what is not theirs through: it leaves the signs of that as they
    are, and cannot tell a line end of theirs from another.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(char if char == "\n" or char.isprintable() else _TABLE[ord(char)] for char in text)


def visible(text: str) -> str:
    """Return text on one line in which every control, bidirectional, invisible or broken character is written out.

    A character that would act or hide becomes ``⟨U+202E⟩``, and so do unusual spaces, line ends and lone
    surrogates; a tab becomes an arrow. The result holds printable characters and plain spaces only, can
    always be encoded as UTF-8, and two different texts never look the same after it. It does not escape
    for HTML or CSV.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_TABLE)
