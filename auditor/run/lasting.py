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
from auditor.model.facts.services import Service, ServiceManager, StartMode
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
_OF_LOGINS = ("user@", "user-runtime-dir@")
"""Units that systemd has for an account as long as somebody is logged in by it (user@.service(5))."""
_OF_SYSTEMD = "systemd-"
_TRIGGERS = (".timer", ".path")


def lasting_sections(reading: Reading) -> dict[str, str]:
    """Return a digest of what lasts of each section, by collector id, and of the packet filters as a whole."""
    told: dict[str, list[str]] = {name: [str(section.outcome)] for name, section in reading.sections.items()}
    units = frozenset(one.name for one in reading.of(Service) if one.manager is ServiceManager.SYSTEMD)
    for kind, found in reading.facts.items():
        if kind not in _PASSING:
            for one in found:
                fact = _settled(one.fact, units) if kind is Service else one.fact
                if fact is not None:
                    told.setdefault(one.section, []).append(_written(fact))
    digests = {name: _digest(sorted(rows)) for name, rows in told.items()}
    filters = filters_of(reading)
    rules = filters.problem if filters.program is None else _written(_in_order(filters.program.ruleset))
    return digests | {FILTER: _digest([str(rules)])}


def _settled(service: Service, units: frozenset[str]) -> Service | None:
    """Return what lasts of a service; None for a unit that is only of a login or a connection of this moment.

    Of a unit of systemd the manager's words say whether it is in memory, and on which step of its way it is. What a
    timer, a path or a bus of messages has run for a moment is over a moment later; what is enabled, or was started by
    hand, goes on.
    """
    if service.manager is not ServiceManager.SYSTEMD:
        return service
    stem, is_instance, _ = service.name.removesuffix(".service").partition("@")
    if service.start is StartMode.MANUAL and is_instance:
        if service.name.startswith(_OF_LOGINS) and service.name not in (f"{one}.service" for one in _OF_LOGINS):
            return None
        if service.name != f"{stem}@.service" and f"{stem}.socket" in units:
            return None
    is_brief = service.start is StartMode.MANUAL and (
        service.name.startswith(_OF_SYSTEMD) or any(f"{stem}{one}" in units for one in _TRIGGERS)
    )
    is_running = None if is_brief and service.name.endswith(".service") else service.is_running
    return replace(service, state="", description="", is_running=is_running)


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
