"""The workers file, read and checked: every fault at once, each with its place."""

from collections.abc import Iterator
from pathlib import Path

from auditor.errors import Problem
from auditor.located import Document
from auditor.policy.faults import document_of, entries, refuse
from auditor.policy.load_people import key_problems, keys_of
from auditor.trust.people import same_person
from auditor.trust.workers import Worker, Workers


def parse_workers(text: str, file: Path) -> Workers:
    """Check a workers file's text, and read it; PolicyError names everything that is wrong with it."""
    document = document_of(text, file)
    refuse(document, "workers.schema.json", [*_name_problems(document), *key_problems(document, "workers")])
    return Workers(
        workers=tuple(
            Worker(name=" ".join(entry["name"].split()), sites=tuple(entry["sites"]), keys=keys_of(entry))
            for entry in document.data["workers"]
        )
    )


def _name_problems(document: Document) -> Iterator[Problem]:
    seen: set[str] = set()
    for at, entry in entries(document, "workers"):
        name = entry.get("name")
        if not isinstance(name, str):
            continue
        if same_person(name) in seen:
            yield document.problem((*at, "name"), f"{name!r} is a worker above: a second key stands among its keys")
        seen.add(same_person(name))
