"""Suppressions files, read and checked: every fault at once, each with its place and the right word."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from auditor.errors import Problem, did_you_mean
from auditor.located import Document
from auditor.model.suppression import Suppression
from auditor.policy.faults import document_of, entries, refuse, repeated_ids, unreadable

_TELLING = ("process", "parent_process", "command_line", "scheduled_task")


def parse_suppressions(text: str, file: Path, products: Collection[str]) -> tuple[Suppression, ...]:
    """Check a suppressions file's text, and read it; PolicyError names everything that is wrong with it."""
    document = document_of(text, file)
    refuse(document, "suppressions.schema.json", list(_problems(document, products)))
    return tuple(_suppression(entry) for entry in document.data["suppressions"])


def _problems(document: Document, products: Collection[str]) -> Iterator[Problem]:
    yield from repeated_ids(document, "suppressions")
    for at, entry in entries(document, "suppressions"):
        product = entry.get("product")
        if isinstance(product, str) and product not in products:
            message = f"unknown product {product!r}{did_you_mean(product, sorted(products))}"
            yield document.problem((*at, "product"), message)
        if not any(entry.get(key) for key in _TELLING):
            yield document.problem(
                at,
                f"suppression {entry.get('id')!r} says of no event what it is known by: give process, parent_process, "
                "command_line or scheduled_task",
            )
        for key in ("process", "parent_process", "command_line"):
            if isinstance(entry.get(key), str) and not entry[key].strip("* "):
                yield document.problem((*at, key), f"{entry[key]!r} is every one: leave {key} out, or say which")
        yield from unreadable(document, at, entry, "end", date.fromisoformat)


def _suppression(data: Mapping[str, Any]) -> Suppression:
    return Suppression(
        id=data["id"],
        product=data["product"],
        process=data.get("process"),
        parent_process=data.get("parent_process"),
        command_line=data.get("command_line"),
        scheduled_task=data.get("scheduled_task"),
        devices=tuple(data.get("devices", ())),
        reason=data["reason"].strip(),
        owner=data["owner"].strip(),
        end=date.fromisoformat(data["end"]),
    )
