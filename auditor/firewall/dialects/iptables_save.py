"""Read ``iptables-save`` and ``ip6tables-save`` of both backends, and the sets of ``ipset save`` they refer to."""

from auditor.model.facts.network import Family
from auditor.model.ruleset import Ruleset


def read_iptables(text: str, family: Family, *, sets: str = "", backend: str = "legacy") -> Ruleset:
    """Read one family's tables; ValueError for a text that is not whole."""
    raise ValueError(f"iptables rules are not read yet ({family}, {backend}, {len(text)}, {len(sets)})")
