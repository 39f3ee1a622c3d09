"""What is wrong with an operator's file: everything at once, each fault at its place, in the order of the file."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from auditor.errors import PolicyError, Problem
from auditor.located import Document, read_document, schema_problems
from auditor.policy.locate import bundled

At = tuple[str | int, ...]
"""Where a value stands: keys and indexes."""


def read_text(path: Path) -> str:
    """Return a file's text with its bytes' own line ends, so that its digest is that of the file."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: is not UTF-8 text (byte {error.start})") from error


def document_of(text: str, file: Path) -> Document:
    """Read a file as YAML; PolicyError where it is none. Days stay as they are written."""
    document = read_document(text.removeprefix("\ufeff"), file, dates_as_text=True)
    if isinstance(document, Problem):
        raise PolicyError(document)
    return document


def refuse(document: Document, schema: str, found: Iterable[Problem]) -> None:
    """Raise everything that the schema and our own checks found, in the order of the file, each place once."""
    wrong = schema_problems(document, _schema(schema))
    places = {(problem.line, problem.column) for problem in wrong}
    wrong += [problem for problem in found if (problem.line, problem.column) not in places]
    if wrong:
        raise PolicyError(sorted(wrong, key=lambda one: (one.line or 0, one.column or 0, one.message)))


@cache
def _schema(name: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = json.loads(bundled(name).read_text(encoding="utf-8"))
    return schema


def entries(document: Document, key: str) -> Iterator[tuple[At, Mapping[str, Any]]]:
    """Yield the entries of a list with their places; what is no entry at all, the schema refuses."""
    found = document.data.get(key) if isinstance(document.data, dict) else None
    for index, entry in enumerate(found if isinstance(found, list) else ()):
        if isinstance(entry, dict):
            yield (key, index), entry


def repeated_ids(document: Document, key: str) -> Iterator[Problem]:
    """Yield the entries of a list whose id another one has."""
    seen: list[object] = []
    for at, entry in entries(document, key):
        if "id" in entry and entry["id"] in seen:
            yield document.problem((*at, "id"), f"id {entry['id']!r} is taken by an entry above")
        seen.append(entry.get("id"))


def span_problems(document: Document, at: At, entry: Mapping[str, Any], called: str, most: int) -> Iterator[Problem]:
    """Yield what is wrong between an entry's first and last day; one that is missing is the schema's business."""
    start, end = entry.get("start"), entry.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return
    days = (date.fromisoformat(end) - date.fromisoformat(start)).days + 1
    if days < 1:
        yield document.problem((*at, "end"), f"{called} ends before it starts")
    elif days > most:
        yield document.problem(
            (*at, "end"), f"{called} holds for {days} days; the policy allows {most} (exception_max_days)"
        )


def unreadable(
    document: Document, at: At, entry: Mapping[str, Any], key: str, read: Callable[[Any], object]
) -> Iterator[Problem]:
    """Yield what a reader has against a value; one of the wrong type is the schema's business."""
    if key not in entry:
        return
    try:
        read(entry[key])
    except ValueError as error:
        yield document.problem((*at, key), f"{key}: {entry[key]!r} cannot be used: {error}")
    except (AttributeError, TypeError):
        return
