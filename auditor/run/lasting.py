"""What of a host's evidence lasts: two collections of the same state agree in it, whatever ran and was counted between.

Process ids, inodes, connections, and the counters and handles of packet filters change by themselves; so the texts of
two collections are never the same, and their facts are compared instead.
"""

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from auditor.model.facts.network import Connection, Listener
from auditor.model.facts.processes import Process
from auditor.model.facts.services import Service
from auditor.model.reading import Reading
from auditor.model.record import Record, asdict, replace
from auditor.model.ruleset import Base, Rule, Ruleset
from auditor.run.filters import filters_of

FILTER = "firewall"
"""Name under which the rules stand, as the evaluator has them."""
_PASSING = (Connection, Process)
"""Facts that come and go by themselves."""
_CHANGING: Mapping[type, frozenset[str]] = {
    Base: frozenset({"order", "text"}),
    Listener: frozenset({"owners", "inode"}),
    Rule: frozenset({"text"}),
    Service: frozenset({"pid"}),
}
"""Fields that change although the thing does not: a rule's text counts its packets."""


def lasting_sections(reading: Reading) -> dict[str, str]:
    """Return a digest of what lasts of each section, by collector id, and of the packet filters as a whole."""
    told: dict[str, list[str]] = {name: [str(section.outcome)] for name, section in reading.sections.items()}
    for kind, found in reading.facts.items():
        if kind not in _PASSING:
            for one in found:
                told.setdefault(one.section, []).append(_written(one.fact))
    digests = {name: _digest(sorted(rows)) for name, rows in told.items()}
    filters = filters_of(reading)
    rules = filters.problem if filters.program is None else _written(_in_order(filters.program.ruleset))
    return digests | {FILTER: _digest([str(rules)])}


def _in_order(ruleset: Ruleset) -> Ruleset:
    """Return rules whose chains stand as they are passed through: what says so is a handle, and changes."""
    return replace(ruleset, bases=tuple(sorted(ruleset.bases, key=lambda one: (one.hook, one.priority, one.order))))


def _digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _written(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=True, sort_keys=True)


def _plain(value: Any) -> Any:  # noqa: ANN401 — whatever a fact may hold
    if isinstance(value, Record):
        left = _CHANGING.get(type(value), frozenset())
        return [
            type(value).__name__,
            {name: _plain(one) for name, one in asdict(value).items() if name not in left},
        ]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return sorted([_written(key), _plain(one)] for key, one in value.items())
    if isinstance(value, frozenset | set):
        return sorted(_written(one) for one in value)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)
