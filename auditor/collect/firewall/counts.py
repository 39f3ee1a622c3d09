"""Count hooks and rules of an nftables listing by the packets they can concern: IPv4, IPv6, or any."""

from dataclasses import dataclass, field

from auditor.model.facts.firewall import Engine, FirewallListing

# Families of nftables whose packets are of one address family; the others (inet, netdev, bridge) carry any.
_FAMILIES = {"ip": "ip", "ip6": "ip6"}
_WITHOUT_ADDRESSES = "arp"


@dataclass(slots=True, kw_only=True)
class _Count:
    """What was counted for one address family."""

    hooks: int = 0
    rules: int = 0
    drops: bool = False


@dataclass(slots=True, kw_only=True)
class Counts:
    """What was counted so far; ``any`` is always there, so that an empty ruleset is a listing of nothing."""

    by_family: dict[str, _Count] = field(default_factory=lambda: {"any": _Count()})

    def _of(self, family: str) -> _Count:
        # ARP packets reach no listener: they are counted aside and not told.
        name = _WITHOUT_ADDRESSES if family == _WITHOUT_ADDRESSES else _FAMILIES.get(family, "any")
        return self.by_family.setdefault(name, _Count())

    def add_hook(self, family: str, *, drops: bool) -> None:
        """Count one base chain of a table's family, and whether it ends in drop."""
        count = self._of(family)
        count.hooks += 1
        count.drops = count.drops or drops

    def add_rule(self, family: str) -> None:
        """Count one rule of a table's family."""
        self._of(family).rules += 1


def listings(counts: Counts, section: str) -> tuple[tuple[int, FirewallListing], ...]:
    """Return one listing an address family, all standing in the section's first line."""
    return tuple(
        (
            1,
            FirewallListing(
                engine=Engine.NFTABLES,
                family=family,
                section=section,
                hooks=count.hooks,
                rules=count.rules,
                drops_by_default=count.drops,
            ),
        )
        for family, count in counts.by_family.items()
        if family != _WITHOUT_ADDRESSES
    )
