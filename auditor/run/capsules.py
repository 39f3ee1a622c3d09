"""Whether two captured states of a host are one: who logged in or was served between them does not count.

Of services nothing depends on the order of the rows (`playbooks/scripts/service.sh`): each names its unit, its link or
its session. Of packet filters it does, and these are compared as they stand.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Row = tuple[str, ...]

_STATE = "state"
_SERVICES = ("manager", "systemd")
_SESSION, _UNIT = "session", "unit"
_SESSION_FIELDS, _UNIT_FIELDS = 4, 6
_NOT_THERE = ("not-found", "inactive")


def agree(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Tell whether two capsules of one step hold the same state."""
    if {**was, _STATE: None} != {**now, _STATE: None}:
        return False
    if _SERVICES not in rows_of(was):
        return was.get(_STATE) == now.get(_STATE)
    return not any(differing_rows(was, now))


def differing_rows(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[set[Row], set[Row]]:
    """Return the rows that are gone since, and those that are new, without what comes and goes by itself."""
    before, after = rows_of(was), rows_of(now)
    if _SERVICES not in before:
        return set(before) - set(after), set(after) - set(before)
    old, new = Counter(_lasting(before, after)), Counter(_lasting(after, before))
    return set(old - new), set(new - old)


def rows_of(capsule: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a capsule's state; none of one that has no such."""
    state = capsule.get(_STATE)
    if not isinstance(state, list):
        return []
    return [tuple(map(str, row)) for row in state if isinstance(row, list)]


def _lasting(rows: Iterable[Row], others: Iterable[Row]) -> list[Row]:
    """Leave out what may be in one state and not in the other although nobody changed it.

    That is the session of an account that logged in or off since, a connection that a socket took (an instance of its
    own), and a name without a unit that another unit asks for.
    """
    sessions = {row[1:3] for row in others if _is(row, _SESSION, _SESSION_FIELDS)}
    units = {row[2] for row in others if _is(row, _UNIT, _UNIT_FIELDS)}
    return [
        row
        for row in rows
        if not (_is(row, _SESSION, _SESSION_FIELDS) and row[1:3] not in sessions)
        and not (_is(row, _UNIT, _UNIT_FIELDS) and row[2] not in units and _passes(row, units))
    ]


def _passes(row: Row, units: set[str]) -> bool:
    name, load, runs = row[2], row[3], row[5]
    stem, is_instance, _ = name.partition("@")
    return (load, runs) == _NOT_THERE or (bool(is_instance) and f"{stem}.socket" in units)


def _is(row: Row, kind: str, fields: int) -> bool:
    return len(row) == fields and row[0] == kind
