"""The catalogue arranged for look-ups: which indicators a name, path or port of one operating system meets."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from auditor.catalogue.globs import Table
from auditor.catalogue.product import Catalogue, Indicator, IndicatorKind, Product, parse_port
from auditor.model.host import OsFamily

COMM_LENGTH = 15
"""Characters of a process name that the Linux kernel keeps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hit:
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
    """What processes met before, by what they are known by; see ``claims``."""

    def find(self, kind: IndicatorKind, text: str) -> tuple[Hit, ...]:
        """Return the indicators of a kind that a text meets."""
        table = self.names.get(kind)
        return () if table is None else table.find(text)


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
    for hit in _hits(catalogue, family):
        kind, value = hit.indicator.kind, hit.indicator.value
        if kind is IndicatorKind.PORT:
            protocol, low, high = parse_port(value)
            for port in range(low, high + 1):
                index.ports.setdefault((protocol, port), []).append(hit)
            continue
        if kind.is_package:
            source = "software." + kind.value.removeprefix("package.")
            table = index.packages.setdefault(source, Table(fold=index.fold))
        else:
            table = index.names.setdefault(kind, Table(fold=index.fold))
        table.add(value, hit, hit.indicator.excluding)
        if kind is IndicatorKind.PROCESS and len(value) > COMM_LENGTH and "*" not in value:
            index.cut_names.setdefault(value[:COMM_LENGTH], []).append(hit)
    return index


def _hits(catalogue: Catalogue, family: OsFamily) -> Iterator[Hit]:
    for product in catalogue.products:
        for position, indicator in enumerate(product.indicators):
            if indicator.os is family:
                yield Hit(product=product, indicator=indicator, position=position)
