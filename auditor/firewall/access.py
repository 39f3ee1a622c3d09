"""Which sources reach a port over one family: the answers of all ways that they may come by, put into one."""

from collections.abc import Sequence

from auditor.firewall.regions import Region, coarse, everything, nothing, region_texts
from auditor.firewall.source_states import Sources
from auditor.model.facts.network import Family
from auditor.model.record import Record

_NETWORKS = 256
_FEW = 64
"""Intervals that are sorted together sooner than they are put in one by one."""

Arrival = tuple[Region, bool, Sources]
"""One way in: the sources that come by it or may, whether that is known, and which sources get through on it."""


class Access(Record, kw_only=True):
    """Which sources reach a port over one family."""

    family: Family
    """The family."""
    sources: Sources
    """The sets, and the rules that decided."""
    is_open: bool
    """Whether every source that has a route reaches it."""
    networks: tuple[str, ...]
    """The networks that reach it; where there are very many, fewer that hold them all."""


def with_routing(ruled: Sources, certain: Region, possible: Region, why: str) -> Sources:
    """Take out of what the rules let in what routing refuses."""
    doubtful = ruled.allowed & possible
    return Sources(
        allowed=ruled.allowed - certain - doubtful,
        unknown=(ruled.unknown - certain) | (doubtful - certain),
        blocked=ruled.blocked | certain,
        refused=certain,
        accepting=ruled.accepting,
        is_by_policy=ruled.is_by_policy,
        blocking=ruled.blocking,
        doubt=ruled.doubt or (why if doubtful - certain else ""),
    )


def combined(arrivals: Sequence[Arrival], family: Family, own: Region) -> Access:
    """Put the answers of several arrivals into one; who comes from ``own`` is on this machine and does not count."""
    none = nothing(family)
    allowed, unknown = none, none
    is_known = True
    for share, is_whole, found in arrivals:
        allowed |= found.allowed & share
        unknown |= found.unknown & share
        # Where it is not known by which interface a source comes, interfaces that disagree leave it open.
        if not is_whole:
            is_known = False
            unknown |= found.blocked & share & ~found.refused
    if is_known:
        unknown -= allowed
    else:
        unknown &= union([found.allowed | found.unknown for _, _, found in arrivals], family)
    allowed -= unknown
    # No one reaches it from an address of this host but this host.
    allowed, unknown = allowed - own, unknown - own
    sources = _summed([found for _, _, found in arrivals], allowed, unknown)
    if not allowed:
        return Access(family=family, sources=sources, is_open=False, networks=())
    refused = everything(family)
    for share, _, found in arrivals:
        refused &= found.refused | share.rest
    aside = (refused | own) - unknown - allowed
    return Access(
        family=family,
        sources=sources,
        is_open=(allowed | aside).is_all,
        networks=region_texts(coarse(_smoothed(allowed, aside), _NETWORKS), family),
    )


def union(regions: Sequence[Region], family: Family) -> Region:
    """Return what any of some regions holds."""
    made = nothing(family)
    if sum([len(region.starts) for region in regions]) <= _FEW:
        return Region.of([interval for region in regions for interval in region], made.top)
    for region in regions:
        made |= region
    return made


def _summed(parts: Sequence[Sources], allowed: Region, unknown: Region) -> Sources:
    """Put the answers of several arrivals into one; the rules are those of the arrival that tells most."""
    first = max(parts, key=lambda part: (bool(part.allowed), bool(part.unknown)))
    return Sources(
        allowed=allowed,
        unknown=unknown,
        blocked=(allowed | unknown).rest,
        refused=parts[0].refused,
        accepting=first.accepting,
        is_by_policy=first.is_by_policy,
        blocking=next((part.blocking for part in parts if part.blocking), ""),
        doubt=next((part.doubt for part in parts if part.doubt), ""),
    )


def _smoothed(allowed: Region, aside: Region) -> Region:
    """Close the gaps in a set that no source can come from, so that a network is told as one."""
    gaps = [(low, high) for low, high in aside if low - 1 in allowed and high + 1 in allowed]
    return allowed | Region.of(gaps, allowed.top) if gaps else allowed
