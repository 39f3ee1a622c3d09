"""Which hosts of a run are looked at by hand: drawn by a seed, so that anybody can draw the same ones again.

The method has a name, and a few lines of any language do it (docs/signoff.md).
"""

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction

from auditor.errors import UsageError
from auditor.model.record import Record

METHOD = "sha256-rank-1"
_SEED_LIMIT = 200


class DrawnHost(Record, kw_only=True):
    """A host that was drawn."""

    host: str
    """Inventory name."""
    rank: str
    """What it was drawn by: the lowest ranks of a stratum are."""
    stratum: str | None
    """The part of the population that it was drawn from; None where that is the whole."""


def rank_of(seed: str, population: str, host: str) -> str:
    """Return a host's rank: SHA-256 over seed, digest of the population and name, each followed by a line feed."""
    return hashlib.sha256(f"{seed}\n{population}\n{host}\n".encode()).hexdigest()


def draw(hosts: Sequence[str], population: str, *, size: int, seed: str) -> list[DrawnHost]:
    """Draw the hosts with the lowest ranks, in the order of their ranks."""
    _check(hosts, size, seed)
    return _lowest(hosts, population, size, seed, None)


def draw_of_each(strata: Mapping[str, Sequence[str]], population: str, *, size: int, seed: str) -> list[DrawnHost]:
    """Draw from each stratum as many as its share gives it, one at the least; sorted by stratum, then rank."""
    _check([host for hosts in strata.values() for host in hosts], size, seed)
    seats = allotted({name: len(hosts) for name, hosts in strata.items()}, size)
    return [drawn for name in sorted(strata) for drawn in _lowest(strata[name], population, seats[name], seed, name)]


def allotted(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """Share a sample out: one for each stratum, and each further one to where hosts for one more seat are most.

    That is the method of D'Hondt with one seat for each to begin with: the next goes to the stratum with the largest
    quotient of its hosts and one more than its seats; of equal ones to the first by name.
    """
    if size < len(counts):
        raise UsageError(f"--size {size}: there are {len(counts)} strata, and each is to have one host at the least")
    seats = dict.fromkeys(sorted(counts), 1)
    for _ in range(size - len(counts)):
        free = [name for name in seats if seats[name] < counts[name]]
        best = max(free, key=lambda name: Fraction(counts[name], seats[name] + 1))
        seats[best] += 1
    return seats


def _lowest(hosts: Sequence[str], population: str, count: int, seed: str, stratum: str | None) -> list[DrawnHost]:
    ranked = sorted((rank_of(seed, population, host), host) for host in hosts)
    return [DrawnHost(host=host, rank=rank, stratum=stratum) for rank, host in ranked[:count]]


def _check(hosts: Sequence[str], size: int, seed: str) -> None:
    if not 0 < size <= len(hosts):
        raise UsageError(f"--size {size}: the population has {len(hosts)} hosts, and some of them are wanted")
    if not seed.strip() or len(seed) > _SEED_LIMIT or not seed.isprintable():
        raise UsageError(f"--seed: a line of at most {_SEED_LIMIT} printable characters is wanted")
    if any("\n" in host for host in hosts):
        raise UsageError("a host has a name of several lines: no sample is drawn from such a population")
