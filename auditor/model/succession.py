"""Ids that were retired, each with the one that carries on: a chain is followed to its end."""

from collections.abc import Mapping


def chain(replaced_by: Mapping[str, str], first: str) -> list[str]:
    """Return an id and what replaced it, one after the other; an id that comes again ends the chain."""
    passed = [first]
    while passed[-1] in replaced_by and passed[-1] not in passed[:-1]:
        passed.append(replaced_by[passed[-1]])
    return passed


def last_successors(replaced_by: Mapping[str, str]) -> dict[str, str]:
    """Return every retired id with the id at the end of its chain; ValueError for a chain that has none."""
    found = {}
    for retired in replaced_by:
        passed = chain(replaced_by, retired)
        if passed[-1] in replaced_by:
            raise ValueError(f"nothing carries on: {' → '.join(passed)}")
        found[retired] = passed[-1]
    return found
