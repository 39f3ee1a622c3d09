"""What stands in bytes, also where it is packed or written in base64 within: as far as anybody would look."""

import base64
import re
import zlib
from collections.abc import Iterator

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_DEEPEST = 4
_LARGEST = 1 << 26


def opened(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield bytes and all that can be unpacked from them."""
    yield data
    if depth == _DEEPEST:
        return
    for text in _BASE64.findall(data):
        try:
            inner = base64.b64decode(text + b"=" * (-len(text) % 4))
        except ValueError:
            continue
        yield from opened(inner, depth + 1)
    for bits in (15, 31):
        unpacker = zlib.decompressobj(wbits=bits)
        try:
            yield from opened(unpacker.decompress(data, _LARGEST), depth + 1)
        except zlib.error:
            continue
