"""The limits of the method that a policy accepts: read, and checked as exceptions are."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from auditor.errors import Problem
from auditor.located import Document
from auditor.model.policy import AcceptedLimit, Settings
from auditor.policy.faults import entries, span_problems, unreadable
from auditor.trust.people import same_person


def limit_problems(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the accepted limits of a policy."""
    seen: list[object] = []
    for at, entry in entries(document, "accepted_limits"):
        name = entry.get("limit")
        if isinstance(name, str) and name in seen:
            yield document.problem((*at, "limit"), f"limit {name!r} is accepted by an entry above")
        seen.append(name)
        people = [entry.get(key) for key in ("owner", "approved_by")]
        if all(isinstance(person, str) for person in people) and len({same_person(str(one)) for one in people}) == 1:
            yield document.problem((*at, "approved_by"), f"limit {name!r}: who asks for it cannot grant it")
        wrong_days = [
            problem for key in ("start", "end") for problem in unreadable(document, at, entry, key, date.fromisoformat)
        ]
        yield from wrong_days or span_problems(document, at, entry, f"limit {name!r}", _most_days(document))


def limit_of(data: Mapping[str, Any]) -> AcceptedLimit:
    """Read an entry that has been checked."""
    return AcceptedLimit(
        limit=data["limit"],
        reason=data["reason"].strip(),
        owner=data["owner"].strip(),
        approved_by=data["approved_by"].strip(),
        ticket=data.get("ticket", "").strip(),
        start=date.fromisoformat(data["start"]),
        end=date.fromisoformat(data["end"]),
        signatures=dict(data.get("signatures", {})),
    )


def _most_days(document: Document) -> int:
    """Return how long the same policy lets exceptions last; what it says wrongly, the schema refuses."""
    settings = document.data.get("settings")
    said = settings.get("exception_max_days") if isinstance(settings, dict) else None
    return said if type(said) is int else Settings().exception_max_days
