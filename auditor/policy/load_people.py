"""The people file, read and checked: every fault at once, each with its place."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from auditor.errors import Problem, did_you_mean
from auditor.located import Document
from auditor.policy.faults import At, document_of, entries, refuse, unreadable
from auditor.trust.keys import PublicKey, key_of_line
from auditor.trust.people import Duty, People, Person, PersonKey, same_person


def parse_people(text: str, file: Path) -> People:
    """Check a people file's text, and read it; PolicyError names everything that is wrong with it."""
    document = document_of(text, file)
    found = [*_name_problems(document), *key_problems(document, "people"), *_duty_problems(document)]
    refuse(document, "people.schema.json", found)
    return People(
        persons=tuple(_person(entry) for entry in document.data["people"]),
        duties={Duty(name): tuple(roles) for name, roles in document.data.get("duties", {}).items()},
    )


def _name_problems(document: Document) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for at, entry in entries(document, "people"):
        name = entry.get("name")
        if not isinstance(name, str):
            continue
        if same_person(name) in seen:
            yield document.problem(
                (*at, "name"), f"{name!r} is a person above: a second key stands among that person's keys"
            )
        seen.setdefault(same_person(name), name)


def _duty_problems(document: Document) -> Iterator[Problem]:
    """Yield roles that a duty is left to and that nobody has: then nobody could ever do it."""
    duties = document.data.get("duties") if isinstance(document.data, dict) else None
    if not isinstance(duties, dict):
        return
    roles = {
        same_person(role): role
        for _, person in entries(document, "people")
        for role in (person["roles"] if isinstance(person.get("roles"), list) else ())
        if isinstance(role, str)
    }
    for duty, wanted in duties.items():
        for index, role in enumerate(wanted if isinstance(wanted, list) else ()):
            if isinstance(role, str) and same_person(role) not in roles:
                yield document.problem(
                    ("duties", duty, index),
                    f"nobody in this file has the role {role!r}{did_you_mean(role, sorted(roles.values()))}",
                )


def key_problems(document: Document, of: str) -> Iterator[Problem]:
    """Yield keys that cannot be used, and those that several hold: two people with one key are one person."""
    holders: dict[PublicKey, object] = {}
    for person_at, person in entries(document, of):
        keys = person.get("keys")
        for index, entry in enumerate(keys if isinstance(keys, list) else ()):
            if not isinstance(entry, dict):
                continue
            at: At = (*person_at, "keys", index)
            yield from _day_problems(document, at, entry)
            if not isinstance(entry.get("key"), str):
                continue
            try:
                key = key_of_line(entry["key"])
            except ValueError as error:
                yield document.problem((*at, "key"), f"key of {person.get('name')!r}: {error}")
                continue
            if key in holders:
                yield document.problem((*at, "key"), f"{holders[key]!r} has this key: nobody shares one")
            holders.setdefault(key, person.get("name"))


def _day_problems(document: Document, at: At, entry: Mapping[str, Any]) -> Iterator[Problem]:
    wrong = [
        problem
        for key in ("valid_from", "valid_until")
        for problem in unreadable(document, at, entry, key, date.fromisoformat)
    ]
    begins, ends = entry.get("valid_from"), entry.get("valid_until")
    if wrong or not (isinstance(begins, str) and isinstance(ends, str)):
        yield from wrong
    elif ends < begins:
        yield document.problem((*at, "valid_until"), "valid_until is before valid_from: this key never counts")


def _person(data: Mapping[str, Any]) -> Person:
    return Person(
        name=" ".join(data["name"].split()),
        roles=tuple(data["roles"]),
        email=data.get("email"),
        keys=keys_of(data),
    )


def keys_of(data: Mapping[str, Any]) -> tuple[PersonKey, ...]:
    """Read the keys of an entry that was checked."""
    return tuple(
        PersonKey(
            key=key_of_line(entry["key"]),
            valid_from=_day(entry.get("valid_from")),
            valid_until=_day(entry.get("valid_until")),
        )
        for entry in data["keys"]
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
