"""Exceptions files, read and checked: every fault at once, each with its place and the right word.

Whether a signature is right is no fault of the file: ``standing`` says it, with the people and the day.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from auditor.controls.registry import retired_controls
from auditor.errors import Problem, did_you_mean
from auditor.located import Document
from auditor.model.policy import ExceptionRecord, Settings
from auditor.model.record import Record
from auditor.policy.faults import document_of, entries, refuse, repeated_ids, span_problems, unreadable
from auditor.trust.people import same_person


class Known(Record, kw_only=True):
    """What an exception may name, and how long it may last."""

    controls: Collection[str]
    """Control ids."""
    products: Collection[str]
    """Catalogue ids."""
    settings: Settings
    """The policy's settings."""


def parse_exceptions(text: str, file: Path, known: Known) -> tuple[ExceptionRecord, ...]:
    """Check an exceptions file's text, and read it; PolicyError names everything that is wrong with it."""
    document = document_of(text, file)
    refuse(document, "exceptions.schema.json", list(_problems(document, known)))
    return tuple(_exception(entry) for entry in document.data["exceptions"])


def _problems(document: Document, known: Known) -> Iterator[Problem]:
    yield from repeated_ids(document, "exceptions")
    for at, entry in entries(document, "exceptions"):
        name = entry.get("id")
        for key, words, retired in (
            ("control", known.controls, retired_controls()),
            ("product", known.products, {}),
        ):
            word = entry.get(key)
            if isinstance(word, str) and word not in words and word not in retired:
                yield document.problem((*at, key), f"unknown {key} {word!r}{did_you_mean(word, sorted(words))}")
        if not entry.get("hosts") and not entry.get("groups"):
            yield document.problem(at, f"exception {name!r} names no hosts and no groups: hosts: ['*'] is every host")
        people = [entry.get(key) for key in ("requested_by", "approved_by")]
        if all(isinstance(person, str) for person in people) and len({same_person(str(one)) for one in people}) == 1:
            yield document.problem((*at, "approved_by"), f"exception {name!r}: who asks for it cannot grant it")
        wrong_days = [
            problem for key in ("start", "end") for problem in unreadable(document, at, entry, key, date.fromisoformat)
        ]
        most = known.settings.exception_max_days
        yield from wrong_days or span_problems(document, at, entry, f"exception {name!r}", most)


def _exception(data: Mapping[str, Any]) -> ExceptionRecord:
    return ExceptionRecord(
        id=data["id"],
        control=data["control"],
        hosts=tuple(data.get("hosts", ())),
        groups=tuple(data.get("groups", ())),
        product=data.get("product"),
        subject=data.get("subject"),
        reason=data["reason"].strip(),
        compensating=data.get("compensating", "").strip(),
        requested_by=data["requested_by"].strip(),
        approved_by=data["approved_by"].strip(),
        ticket=data.get("ticket", "").strip(),
        start=date.fromisoformat(data["start"]),
        end=date.fromisoformat(data["end"]),
        signatures=dict(data.get("signatures", {})),
    )
