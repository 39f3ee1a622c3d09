"""What a dialect is: which sections hold listings of it, and how they become the neutral ruleset."""

from collections.abc import Callable, Mapping

from auditor.model.evidence import Proof
from auditor.model.host import OsFamily
from auditor.model.record import Record
from auditor.model.ruleset import Ruleset

Texts = Mapping[str, str]
"""Texts of sections by their ids; one that is absent is left out."""


class Dialect(Record, kw_only=True):
    """One way in which packet filters are listed."""

    id: str
    """The name of its file."""
    os: OsFamily
    """The operating system whose filters are listed so."""
    engines: tuple[str, ...]
    """Sections without which it is not known what is loaded: a gap in one leaves every verdict undecided."""
    beside: tuple[str, ...] = ()
    """Sections that say more, where they are there."""
    read: Callable[[Texts], Ruleset]
    """Read the texts; ValueError for one that is not whole. What is not understood becomes a doubt, never nothing."""
    proof: Proof
    """How well it is proven: by real hosts, in the lab, or by documentation only."""
