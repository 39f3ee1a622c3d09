"""Which of the networks that reach a port lie outside those that may."""

from collections.abc import Sequence
from functools import lru_cache

from auditor.firewall.dialects.values import network_interval
from auditor.firewall.regions import BITS, Region, region_texts
from auditor.model.facts.network import Family


def outside(networks: Sequence[str], trusted: Sequence[str]) -> tuple[str, ...]:
    """Return what of some networks (CIDR or ``first-last``) is in none of the trusted ones."""
    return _outside(tuple(networks), tuple(trusted))


@lru_cache(maxsize=256)
def _outside(networks: tuple[str, ...], trusted: tuple[str, ...]) -> tuple[str, ...]:
    """Answer once: hosts of one build let in the same networks, and the policy's are the same for all."""
    left: list[str] = []
    for family in Family:
        found = _region(networks, family) - _region(trusted, family)
        left += region_texts(found, family)
    return tuple(left)


def _region(networks: tuple[str, ...], family: Family) -> Region:
    mine = [text for text in networks if (":" in text) is (family is Family.IP6)]
    return Region.of([network_interval(text) for text in mine], (1 << BITS[family]) - 1)


def listed(networks: Sequence[str], most: int = 4) -> str:
    """Write networks for a sentence: the first ones, and how many there are more."""
    more = len(networks) - most
    return ", ".join(networks[:most]) + (f" and {more} more" if more > 0 else "")
