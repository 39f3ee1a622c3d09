"""What a public list of remote-access tools says, held in quarantine: weak at most, and where it contradicts us.

The shape is LOLRMM's (``bin/spec/lolrmm.spec.json`` of its repository): one tool a mapping, or a list of them.
Nothing of it enters the catalogue; a person grades what is worth it and writes it into a product file.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from auditor.catalogue.index import index_of
from auditor.catalogue.lint import GENERIC, names_an_owner
from auditor.catalogue.product import Catalogue, IndicatorKind, Strength
from auditor.model.host import OsFamily
from auditor.model.record import Record

_LEAST_LITERAL = 4
_LONGEST = 512
_NOT_LITERAL = frozenset("[](){}|?+^$<>")
_SAID_NOTHING = frozenset({"", "n/a", "none", "null", "unknown", "*"})
_FAMILIES = {"windows": OsFamily.WINDOWS, "linux": OsFamily.LINUX, "mac": OsFamily.MACOS, "macos": OsFamily.MACOS}
_OF_MACOS = ("/Applications", "/Library", "/Users", "~/Library")


class Standing(StrEnum):
    """What became of a value of a list."""

    NEW = "new"
    """Nothing of ours says it."""
    KNOWN = "known"
    """The catalogue says it of the same product."""
    COLLISION = "collision"
    """Another product claims it too: ours, or one of the same list."""
    REFUSED = "refused"
    """It would match what has nothing to do with the tool."""


class Quarantined(Record, kw_only=True):
    """A value that a list gives for a tool, never stronger than weak."""

    tool: str
    """What the list calls the tool."""
    product: str
    """Id of the product of that name, empty where the catalogue has none."""
    os: OsFamily
    """Where it is said to hold."""
    kind: IndicatorKind
    """What it would be compared with."""
    value: str
    """The value."""
    strength: Strength = Strength.WEAK
    """How much it says: a list's word is weak."""
    standing: Standing
    """What became of it."""
    why: str
    """With whom it collides, or why it is refused; else empty."""


class _Said(Record, order=True):
    os: OsFamily
    kind: IndicatorKind
    value: str

    @property
    def key(self) -> tuple[OsFamily, IndicatorKind, str]:
        return self.os, self.kind, self.value.casefold()


def quarantine(data: object, catalogue: Catalogue) -> tuple[Quarantined, ...]:
    """Weigh what a list says against the catalogue and against itself; ValueError when it is no such list."""
    tools = [(_name(tool, number), sorted(set(_values(tool)))) for number, tool in enumerate(_tools(data), start=1)]
    claimed: dict[tuple[OsFamily, IndicatorKind, str], set[str]] = defaultdict(set)
    for name, values in tools:
        for said in values:
            claimed[said.key].add(name)
    named = {
        name.casefold(): product.id
        for product in catalogue.products
        for name in (*product.aliases, product.name, product.id)
    }
    found = []
    for name, values in tools:
        product = named.get(name.casefold(), "")
        for said in values:
            standing, why = _stand(said, product, claimed[said.key] - {name}, catalogue)
            found.append(
                Quarantined(
                    tool=name, product=product, os=said.os, kind=said.kind, value=said.value, standing=standing, why=why
                )
            )
    return tuple(found)


def _stand(said: _Said, product: str, others: set[str], catalogue: Catalogue) -> tuple[Standing, str]:
    refused = _refusal(said)
    if refused:
        return Standing.REFUSED, refused
    ours = {hit.product.id for hit in index_of(catalogue, said.os).find(said.kind, said.value)}
    strangers = sorted(ours - {product})
    if strangers or others:
        return Standing.COLLISION, ", ".join([*strangers, *(f"{name} (of this list)" for name in sorted(others))])
    return (Standing.KNOWN if product in ours else Standing.NEW), ""


def _refusal(said: _Said) -> str:
    """Say why a value is worth nothing, empty where it may be worth something."""
    text = said.value
    if len(text) > _LONGEST or not text.isprintable():
        return "too long, or not printable"
    if _NOT_LITERAL & set(text) - (set("()") if said.kind is not IndicatorKind.DOMAIN else set()):
        return "a regular expression or a placeholder, not a name"
    if said.kind is IndicatorKind.DOMAIN and not names_an_owner(text):
        return "not the domain of one owner"
    if text.casefold() in GENERIC:
        return "a generic name"
    if len(text.replace("*", "").removesuffix(".exe")) < _LEAST_LITERAL:
        return "says too little"
    return ""


def _tools(data: object) -> Sequence[object]:
    if isinstance(data, Mapping):
        return [data]
    if isinstance(data, list):
        return data
    raise ValueError("holds neither a tool nor a list of tools")


def _name(tool: object, number: int) -> str:
    name = tool.get("Name") if isinstance(tool, Mapping) else None
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"tool {number} has no 'Name': is this a list in LOLRMM's shape?")
    return name.strip()


def _values(tool: object) -> Iterator[_Said]:
    details, artifacts = _part(tool, "Details"), _part(tool, "Artifacts")
    for row in _rows(_part(details, "PEMetadata")):
        for key, kind in _OF_PROGRAM.items():
            yield from _said(OsFamily.WINDOWS, kind, [row.get(key)])
    for path in _list(_part(details, "InstallationPaths")):
        yield from _said(_family_of(path), IndicatorKind.PATH, [path])
    for row in _rows(_part(artifacts, "Disk")):
        family = _FAMILIES.get(str(row.get("OS")).strip().casefold())
        if family is not None:
            yield from _said(family, IndicatorKind.PATH, [row.get("File")])
    for row in _rows(_part(artifacts, "EventLog")):
        yield from _said(OsFamily.WINDOWS, IndicatorKind.SERVICE, [row.get("ServiceName")])
    for row in _rows(_part(artifacts, "Network")):
        for name in (*_list(row.get("Domains")), *_list(row.get("Domain"))):
            text = name.partition(":")[0] if isinstance(name, str) else name
            yield from _said(OsFamily.WINDOWS, IndicatorKind.DOMAIN, [text])


_OF_PROGRAM = {
    "Filename": IndicatorKind.PROCESS,
    "OriginalFileName": IndicatorKind.ORIGINAL_NAME,
    "Product": IndicatorKind.PRODUCT_NAME,
}


def _said(family: OsFamily, kind: IndicatorKind, values: Iterable[object]) -> Iterator[_Said]:
    for value in values:
        if isinstance(value, str) and value.strip().casefold() not in _SAID_NOTHING:
            yield _Said(family, kind, value.strip())


def _family_of(path: object) -> OsFamily:
    text = str(path)
    if text.startswith(_OF_MACOS):
        return OsFamily.MACOS
    return OsFamily.LINUX if text.startswith(("/", "~")) else OsFamily.WINDOWS


def _part(data: object, key: str) -> Any:  # noqa: ANN401 — whatever the list holds
    return data.get(key) if isinstance(data, Mapping) else None


def _list(data: object) -> list[object]:
    return data if isinstance(data, list) else [] if data is None else [data]


def _rows(data: object) -> Iterator[Mapping[str, Any]]:
    for item in _list(data):
        if isinstance(item, Mapping):
            yield item
