"""Sigma rules (https://sigmahq.io/docs/basics/rules.html): one a hunt, for whichever backend the reader has."""

import uuid
from collections.abc import Sequence
from typing import Any

import yaml

from auditor.catalogue.product import parse_port
from auditor.hunt.hunts import Event, Hunt, Term, Trait, Way, only
from auditor.hunt.language import INNOCENT, Language, approved, title
from auditor.model.host import OsFamily
from auditor.model.policy import Approval

_RULES = uuid.UUID("6f0b1f1e-6c0a-5d3c-9d5e-0a7b3a0c9a51")
"""Namespace of the rules' ids: the same hunt has the same id for ever."""
_SEPARATORS = {OsFamily.WINDOWS: "\\"}
_PROGRAM = (Trait.PROGRAM, Trait.PATH)
_OTHERS = {
    Event.PROCESS: ("process_creation", (*_PROGRAM, Trait.COMMAND)),
    Event.CONNECTION: ("network_connection", (*_PROGRAM, Trait.DOMAIN, Trait.PORT)),
    Event.DOMAIN: ("network_connection", (Trait.DOMAIN,)),
    Event.PORT: ("network_connection", (Trait.PORT,)),
}
_SOURCES = {
    OsFamily.LINUX: _OTHERS,
    OsFamily.MACOS: _OTHERS,
    OsFamily.WINDOWS: {
        **_OTHERS,
        Event.PROCESS: (
            "process_creation",
            (*_PROGRAM, Trait.COMMAND, Trait.ORIGINAL, Trait.COMPANY, Trait.NAME),
        ),
        Event.SIGNED: ("image_load", (Trait.SIGNER,)),
        # What a connection's event calls the far end comes from a look-up backwards: the question itself says more.
        Event.DOMAIN: ("dns_query", (Trait.DOMAIN,)),
    },
}
"""Category of log sources by system and event, and what its events record (the taxonomy's generic fields)."""
_FIELDS = {
    Trait.PATH: "Image",
    Trait.COMMAND: "CommandLine",
    Trait.ORIGINAL: "OriginalFileName",
    Trait.COMPANY: "Company",
    Trait.NAME: "Product",
    Trait.SIGNER: "Signature",
}
_LEVELS = {
    Event.PROCESS: "medium",
    Event.SIGNED: "low",
    Event.CONNECTION: "medium",
    Event.DOMAIN: "low",
    Event.PORT: "low",
}


def _write(hunt: Hunt, approvals: Sequence[Approval]) -> str | None:
    category, traits = _SOURCES[hunt.systems[0]].get(hunt.event, ("", ()))
    ways = only(hunt.ways, traits)
    if not ways:
        return None
    description = f"{title(hunt)}. {hunt.product.summary} {approved(approvals)}".strip()
    return yaml.safe_dump(
        {
            "title": title(hunt),
            "id": str(uuid.uuid5(_RULES, hunt.id)),
            "status": "test",
            "description": description,
            "author": "auditor, from its catalogue",
            "date": hunt.verified,
            "tags": [f"attack.{technique.lower()}" for technique in hunt.product.techniques],
            "logsource": {"category": category, "product": hunt.systems[0].value},
            "detection": _detection(ways, hunt),
            "falsepositives": [INNOCENT[hunt.event]],
            "level": _LEVELS[hunt.event],
        },
        sort_keys=False,
        allow_unicode=True,
        width=120,
    )


def _detection(ways: Sequence[Way], hunt: Hunt) -> dict[str, Any]:
    """Write every comparison once, and how they belong together."""
    found: dict[str, Any] = {}
    names: dict[Term, str] = {}
    counts: dict[str, int] = {}
    for term in (term for way in ways for term in way):
        if term in names:
            continue
        counts[term.trait] = counts.get(term.trait, 0) + 1
        name = f"{term.trait}_{counts[term.trait]}"
        found[name] = _selection(term, term.values, hunt)
        names[term] = name
        if term.excluding:
            found[f"{name}_other"] = _selection(term, term.excluding, hunt)
            names[term] = f"{name} and not {name}_other"
    return found | {"condition": _condition(ways, names)}


def _condition(ways: Sequence[Way], names: dict[Term, str]) -> str:
    told = [" and ".join(names[term] for term in way) for way in ways]
    return told[0] if len(told) == 1 else " or ".join(f"({one})" if " " in one else one for one in told)


def _selection(term: Term, values: Sequence[str], hunt: Hunt) -> Any:  # noqa: ANN401 — a map, or a list of maps
    """Write a comparison: one map, or several of which one is enough."""
    if term.trait is Trait.PORT:
        return _one_or_all([_port(value) for value in values])
    if term.trait is Trait.DOMAIN:
        is_question = (hunt.systems[0], hunt.event) == (OsFamily.WINDOWS, Event.DOMAIN)
        return _one_or_all(_maps("QueryName" if is_question else "DestinationHostname", values))
    if term.trait is Trait.PROGRAM:
        separator = _SEPARATORS.get(hunt.systems[0], "/")
        return _one_or_all(_maps("Image", [f"*{separator}{value}" for value in values]))
    return _one_or_all(_maps(_FIELDS[term.trait], values))


def _maps(field: str, values: Sequence[str]) -> list[dict[str, Any]]:
    """Write a map for each way to compare: as a whole, by its beginning, its end, or whatever it holds."""
    found: dict[str, list[str]] = {}
    for value in values:
        is_open, is_left_open = value.startswith("*"), value.endswith("*")
        how = {(True, True): "|contains", (True, False): "|endswith", (False, True): "|startswith"}
        text = value.removeprefix("*").removesuffix("*")
        modifier = how.get((is_open, is_left_open), "") if text else ""
        found.setdefault(f"{field}{modifier}", []).append(_text(text if modifier else value))
    return [{name: _one_or_all(texts)} for name, texts in found.items()]


def _one_or_all(values: Sequence[Any]) -> Any:  # noqa: ANN401 — a value, or a list of them
    return values[0] if len(values) == 1 else list(values)


def _port(value: str) -> dict[str, Any]:
    protocol, first, last = parse_port(value)
    if first == last:
        return {"DestinationPort": first, "Protocol": protocol}
    return {"DestinationPort|gte": first, "DestinationPort|lte": last, "Protocol": protocol}


def _text(value: str) -> str:
    """Write a text with ``*`` for any characters: a backslash before what is special, or before another, is doubled."""
    written = []
    for at, character in enumerate(value):
        following = value[at + 1 : at + 2]
        is_doubled = character == "\\" and following in ("*", "?", "\\")
        written.append("\\\\" if is_doubled else "\\?" if character == "?" else character)
    return "".join(written)


LANGUAGE = Language(name="sigma", suffix=".yml", between="---\n", is_of_one_system=True, write=_write)
