"""The catalogue arranged for look-ups: which indicators a name, path or port of one operating system meets."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from auditor.catalogue.globs import Table
from auditor.catalogue.product import Catalogue, Indicator, IndicatorKind, Product, parse_port
from auditor.model.host import OsFamily
from auditor.model.record import Record
from auditor.model.succession import last_successors

COMM_LENGTH = 15
"""Characters of a process name that the Linux kernel keeps."""
_MAXCOMLEN = 16
"""Those that macOS keeps (sys/param.h)."""

KEPT, KEPT_LENGTH = 4096, 512
"""Looked-up processes, commands and signers that are remembered, and the length beyond which one is not.

What a host says at length takes the memory that another's needs.
"""


_STRANGERS = 16_384
"""Names of packages that are remembered of one collector."""


class Hit(Record, kw_only=True, eq=False):
    """An indicator that was met, and the product it speaks for."""

    product: Product
    """The product."""
    indicator: Indicator
    """The indicator."""
    position: int
    """Its place among the product's indicators: the first package named is the main one."""


@dataclass(slots=True, kw_only=True)
class Index:
    """Every indicator of one operating system that host facts can meet; exact names are dictionary look-ups."""

    os: OsFamily
    """The operating system."""
    fold: bool
    """Whether names are compared without regard to case (Windows, macOS)."""
    packages: dict[str, Table[Hit]] = field(default_factory=dict)
    """By the collector that lists the packages, such as ``software.dpkg``."""
    ports: dict[tuple[str, int], list[Hit]] = field(default_factory=dict)
    """By protocol and port."""
    cut_names: dict[str, list[Hit]] = field(default_factory=dict)
    """Process names longer than the kernel keeps, by what it keeps of them."""
    names: dict[IndicatorKind, Table[Hit]] = field(default_factory=dict)
    """Everything else, by kind."""
    process_hits: dict[tuple[str | None, ...], tuple[tuple[Hit, str, bool], ...]] = field(default_factory=dict)
    """What processes met before, by what they are known by; see ``running``."""
    program_hits: dict[tuple[str | None, ...], tuple[tuple[Hit, str, bool], ...]] = field(default_factory=dict)
    """What their names and paths met, by all that these follow from where no script is run; see ``running``."""
    signer_hits: dict[str, tuple[tuple[Hit, str], ...]] = field(default_factory=dict)
    """What signers of programs met before, by the subject of the certificate (Windows)."""
    command_hits: dict[tuple[bool, str | bytes], tuple[tuple[Hit, str], ...]] = field(default_factory=dict)
    """What commands of services met before, by whether launchd reads them, and what they are known by."""

    strangers: dict[str, set[str]] = field(default_factory=dict)
    """Names of packages that met nothing before, by the collector that lists them."""

    def strangers_of(self, source: str) -> set[str]:
        """Return the names that met nothing of the packages that a collector lists."""
        return self.strangers.setdefault(source, set())

    def keep_stranger(self, source: str, name: str) -> None:
        """Remember that the name of a package meets nothing."""
        if len(name) <= KEPT_LENGTH:
            known = self.strangers_of(source)
            if len(known) >= _STRANGERS:
                known.clear()
            known.add(name)

    def find(self, kind: IndicatorKind, text: str) -> tuple[Hit, ...]:
        """Return the indicators of a kind that a text meets."""
        table = self.names.get(kind)
        return () if table is None else table.find(text)


_COLLECTORS = {"brew": "homebrew"}
"""Package managers whose collector is called otherwise."""
_BUILT: dict[tuple[str, OsFamily], Index] = {}


def index_of(catalogue: Catalogue, family: OsFamily) -> Index:
    """Return the index of a catalogue for one operating system; it is built once in a process."""
    key = (catalogue.sha256, family)
    index = _BUILT.get(key)
    if index is None:
        index = _BUILT[key] = _build(catalogue, family)
    return index


def _build(catalogue: Catalogue, family: OsFamily) -> Index:
    index = Index(os=family, fold=family is not OsFamily.LINUX)
    length = _MAXCOMLEN if family is OsFamily.MACOS else COMM_LENGTH
    for hit in _hits(catalogue, family):
        kind, value = hit.indicator.kind, hit.indicator.value
        if kind is IndicatorKind.PORT:
            protocol, low, high = parse_port(value)
            for port in range(low, high + 1):
                index.ports.setdefault((protocol, port), []).append(hit)
            continue
        if kind.is_package:
            name = kind.value.removeprefix("package.")
            source = f"software.{_COLLECTORS.get(name, name)}"
            table = index.packages.setdefault(source, Table(fold=index.fold))
        else:
            table = index.names.setdefault(kind, Table(fold=index.fold))
        table.add(value, hit, hit.indicator.excluding)
        if kind is IndicatorKind.PROCESS and len(value) > length and "*" not in value:
            index.cut_names.setdefault(value[:length], []).append(hit)
    return index


def known_by(text: str) -> str | bytes:
    """Return what a text is remembered by: itself, or the digest of a long one, which takes less memory."""
    if len(text) <= KEPT_LENGTH:
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def is_cut_from(name: str, whole: str) -> bool:
    """Tell whether a short name of a kernel's is what it keeps of a longer one, or all of it."""
    return name == whole or (len(name) in (COMM_LENGTH, _MAXCOMLEN) and whole.startswith(name))


def _hits(catalogue: Catalogue, family: OsFamily) -> Iterator[Hit]:
    carrying = {product.id: product for product in catalogue.products}
    successors = last_successors(catalogue.replaced_by)
    for product in catalogue.products:
        # What shows a retired product shows the one that carries on: findings and exceptions are filed under it.
        there = carrying[successors.get(product.id, product.id)]
        for position, indicator in enumerate(product.indicators):
            if indicator.os is family:
                yield Hit(product=there, indicator=indicator, position=position)
