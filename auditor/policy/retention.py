"""How long a policy has runs kept: terms, of which evidence has none longer than the results that rest on it."""

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.errors import Problem
from auditor.located import Document
from auditor.model.retention import Retention
from auditor.policy.durations import read_duration

_TERMS = ("evidence", "results", "bundles")


def retention_problems(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with ``retention``; values of a wrong type are the schema's business."""
    data = document.data.get("retention") if isinstance(document.data, dict) else None
    terms = {}
    for name in _TERMS:
        text = data.get(name) if isinstance(data, dict) else None
        if not isinstance(text, str):
            continue
        try:
            terms[name] = read_duration(text)
        except ValueError as error:
            yield document.problem(("retention", name), f"retention.{name}: {text!r} cannot be used: {error}")
    if "results" in terms and ("evidence" not in terms or terms["evidence"] > terms["results"]):
        yield document.problem(
            ("retention", "results"),
            "retention.results: evidence is kept longer than what followed from it, and would be of no use then: give "
            "retention.evidence a term that is no longer",
        )


def read_retention(data: Mapping[str, Any]) -> Retention:
    """Read the block of a document that has no problems; what is left out is kept for ever."""
    given: dict[str, Any] = {name: read_duration(value) if name in _TERMS else value for name, value in data.items()}
    return Retention(**given)
