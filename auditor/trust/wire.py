"""SSH's wire form (RFC 4251, section 5), read so that nothing is left over and nothing is guessed."""

_UINT32 = 4


def string(data: bytes) -> bytes:
    """Write bytes with their length before them."""
    return len(data).to_bytes(_UINT32, "big") + data


class Wire:
    """Bytes in SSH's wire form, read from their beginning; ValueError for what is cut off."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > len(self._data) - self._at:
            raise ValueError("is cut off")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self) -> int:
        """Return the next number."""
        return int.from_bytes(self.take(_UINT32), "big")

    def string(self) -> bytes:
        """Return the next bytes that have their length before them."""
        return self.take(self.number())

    def text(self) -> str:
        """Return the same as text; names of this format are printable ASCII."""
        data = self.string()
        if not all(0x21 <= byte <= 0x7E for byte in data):  # noqa: PLR2004 — printable ASCII but the blank
            raise ValueError("holds a name that is no printable text")
        return data.decode("ascii")

    def end(self) -> None:
        """Raise ValueError where anything is left."""
        if self._at != len(self._data):
            raise ValueError("goes on after its end")
