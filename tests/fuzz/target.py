"""What a target of the fuzzers is: one reader of bytes that somebody hostile may have chosen, and what it may say."""

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.fuzz.chance import mutants


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One reader, as its caller calls it."""

    reads: str
    """What it reads, as the table of docs/security.md says it."""
    read: Callable[[bytes], object]
    """Reads one input to its end."""
    refuses: tuple[type[Exception], ...]
    """What it may raise, since its caller expects that: anything else is a finding."""
    seeds: Callable[[], list[bytes]]
    """Gives inputs that are read whole, always the same ones in the same order."""
    words: tuple[bytes, ...] = ()
    """What its format lives by: put in by chance, and the dictionary of a search by coverage."""
    tries: int = 200
    """Inputs that the tests make of the seeds by chance."""
    most: int = 20_000
    """Bytes of an input that a search by coverage makes."""
    changed: Callable[[random.Random, list[bytes]], Iterator[bytes]] | None = None
    """Changes seeds in a way of its own; None for the way of all."""

    def takes(self, data: bytes) -> bool:
        """Tell whether one input is read to its end; raises what no caller expects."""
        try:
            self.read(data)
        except self.refuses:
            return False
        return True

    def by_chance(self, seed: str) -> Iterator[bytes]:
        """Yield seeds that something happened to, for ever."""
        chance = random.Random(seed)  # noqa: S311 — to be repeated, not to be secret
        if self.changed is not None:
            return self.changed(chance, self.seeds())
        return mutants(chance, self.seeds(), self.words)


def chosen(line: bytes, known: Sequence[str]) -> str:
    """Choose by a line of the input; one that is none of them chooses one all the same."""
    word = line.decode("utf-8", "replace")
    return word if word in known else known[zlib.crc32(line) % len(known)]
