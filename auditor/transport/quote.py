"""A host's own words inside our sentences: short, on one line, harmless to a terminal."""

_LENGTH = 160


def quoted(words: str | bytes) -> str:
    """Quote what a host said, escapes for everything that is not printable ASCII, cut to a line's length."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    cut = text[:_LENGTH].strip()
    return ascii(cut) + ("..." if len(text) > _LENGTH else "")
