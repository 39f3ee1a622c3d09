"""What chance does to recorded input: the same seed, the same bytes, wherever it runs."""

import random
from collections.abc import Iterator, Sequence

_EDGES = (
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"-1",
    b"1e400",
    b"9" * 21,
    b"9" * 5000,
    b"[" * 600,
    b'"',
    b"\\ud800",
    b"\n",
    b"\t",
)
_NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_MOST = 40_000


def mutants(chance: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> Iterator[bytes]:
    """Yield seeds that something happened to, for ever; ``words`` are what their formats live by."""
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 2, 4, 8))):
            _mutate(data, chance, seeds, words)
        yield bytes(data[:_MOST])


def _mutate(data: bytearray, chance: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    length = chance.choice((1, 2, 4, 16, 200))
    what = chance.randrange(8)
    if what == 0:
        data[at : at + 1] = bytes([chance.randrange(256)])
    elif what == 1:
        del data[at : at + length]
    elif what == 2:
        data[at:at] = chance.choice(_EDGES)
    elif what == 3:
        data[at : at + chance.choice((0, length))] = chance.choice(words or _EDGES)
    elif what == 4:
        size = chance.choice((1, 2, 4))
        number = chance.choice(_NUMBERS) & ((1 << (8 * size)) - 1)
        data[at : at + size] = number.to_bytes(size, chance.choice(("big", "little")))
    elif what == 5:
        other = chance.choice(seeds)
        begin = chance.randrange(len(other) + 1)
        data[at:at] = other[begin : begin + length * 4]
    elif what == 6:
        data[at:at] = data[at : at + length] * chance.choice((1, 2, 30))
    else:
        _in_a_line(data, chance)


def _in_a_line(data: bytearray, chance: random.Random) -> None:
    """Put a line in another one's place, or take it out: what text formats are made of."""
    lines = bytes(data).split(b"\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[at : at + 1] = chance.choice(([], [lines[other], lines[at]], [lines[at] + lines[other]], [lines[other]]))
    data[:] = b"\n".join(lines)
