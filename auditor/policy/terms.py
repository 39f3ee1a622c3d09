"""How long a violation may last, by its severity, and until when one is to be closed."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from auditor.errors import Problem
from auditor.located import Document
from auditor.model.verdict import Severity
from auditor.policy.durations import read_duration

_AT = ("settings", "due")


def term_problems(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with ``settings.due``: a term that is none, and one longer than that of a lesser severity.

    A value of the wrong type, or for a severity that there is not, is the schema's business.
    """
    given = _given(document.data)
    shortest: tuple[timedelta, str] | None = None
    for severity in reversed(Severity):
        text = given.get(severity)
        if not isinstance(text, str):
            continue
        try:
            term = read_duration(text)
        except ValueError as error:
            yield document.problem((*_AT, severity), f"due.{severity}: {text!r} cannot be used: {error}")
            continue
        if shortest is not None and term > shortest[0]:
            lesser = shortest[1]
            yield document.problem(
                (*_AT, severity),
                f"due.{severity}: {text!r} is longer than the {given[lesser]!r} of {lesser}: the graver is due first",
            )
        else:
            shortest = (term, severity)


def read_terms(data: Mapping[str, str]) -> dict[Severity, timedelta]:
    """Read the terms of a document that has no problems."""
    return {Severity(severity): read_duration(text) for severity, text in data.items()}


def due_of(failing_since: datetime, severity: str, terms: Mapping[Severity, timedelta]) -> datetime | None:
    """Return until when a violation is to be closed: its severity's term after it began; None where there is none.

    Nothing of the past is in it but when the violation began. A graver severity or a stricter policy can so make
    a finding overdue at once, and an exception that has ended gives no further time.
    """
    term = next((length for one, length in terms.items() if one == severity), None)
    return None if term is None else failing_since + term


def _given(data: Any) -> Mapping[str, Any]:  # noqa: ANN401 — whatever stands in the file
    settings = data.get("settings") if isinstance(data, dict) else None
    due = settings.get("due") if isinstance(settings, dict) else None
    return due if isinstance(due, dict) else {}
