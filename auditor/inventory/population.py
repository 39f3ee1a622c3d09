"""Whom a CMDB or a directory knows: an export held against the inventory, names of hosts only."""

import csv
import io
import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from auditor.errors import InventoryError, Problem
from auditor.model.host import Host
from auditor.model.record import Record, replace

NAMES = ("host", "hostname", "name", "fqdn", "dns_name")
"""Columns that name a host, the first of them as it is shown."""
ADDRESSES = ("address", "ip", "ip_address")
"""Columns that hold its addresses, several of them parted by spaces or semicolons."""
IDENTITIES = ("host_id", "auditor_host_id")
"""Columns that hold what the inventory has as ``auditor_host_id``."""
_PARTED_BY = (",", ";", "\t", "|")
_EVERYWHERE = frozenset({"localhost", "127.0.0.1", "::1"})


class Known(Record, kw_only=True):
    """One host of the export."""

    name: str
    """Its name as it is written there."""
    names: tuple[str, ...]
    """Every name it has there, in small letters."""
    others: tuple[str, ...] = ()
    """Its addresses and identity, in small letters."""


class Ambiguity(Record, kw_only=True):
    """Names that cannot be told apart: neither found nor missing."""

    population: str
    """Name in the export."""
    inventory: tuple[str, ...]
    """Hosts of the inventory that it may be, sorted."""


class Comparison(Record, kw_only=True):
    """The export beside the inventory."""

    count: int
    """Hosts in the export."""
    only_in_inventory: tuple[str, ...]
    """Hosts of the inventory that the export does not name, sorted."""
    only_in_population: tuple[str, ...]
    """Hosts of the export that the inventory does not name, sorted."""
    ambiguous: tuple[Ambiguity, ...]
    """What could not be told apart, sorted."""
    matched: frozenset[str]
    """Hosts of the inventory that both name."""


def read_population(text: str, file: Path) -> tuple[Known, ...]:
    """Read an export: one name a line (``#`` begins a comment), or a table whose first line names a host column.

    Columns are found whatever their case, spaces in their names count as ``_``, and those that say nothing about
    which host it is are passed over. Rows of one name are one host, as where an export has a row an address.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    parted_by = next((mark for mark in _PARTED_BY if mark in first), ",")
    columns = [_column(cell) for cell in next(csv.reader([first], delimiter=parted_by), [])]
    if any(name in columns for name in NAMES):
        found = _table(lines, file, parted_by)
    elif parted_by in first or first.lower() in IDENTITIES + ADDRESSES:
        message = f"no column of the first line names the hosts: one of {', '.join(NAMES)} is wanted"
        raise InventoryError(Problem(message=message, file=file, line=lines.index(first) + 1))
    else:
        found = (_known([name], []) for line in lines if (name := line.partition("#")[0].strip()))
    known: dict[str, Known] = {}
    for one in found:
        before = known.get(one.names[0], one)
        names = tuple(dict.fromkeys((*before.names, *one.names)))
        known[one.names[0]] = replace(before, names=names, others=tuple(dict.fromkeys((*before.others, *one.others))))
    if not known:
        raise InventoryError(Problem(message="names no host", file=file))
    return tuple(known.values())


def _table(lines: list[str], file: Path, parted_by: str) -> Iterator[Known]:
    rows = csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=parted_by, strict=True)
    columns: list[str] = []
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells) or (not columns and cells[0].lstrip().startswith("#")):
                continue
            if not columns:
                columns = [_column(cell) for cell in cells]
                continue
            values = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
            names = [values[name] for name in NAMES if values.get(name)]
            if not names:
                message = "the row names no host"
                raise InventoryError(Problem(message=message, file=file, line=rows.line_num))
            others = [word for name in ADDRESSES for word in values.get(name, "").replace(";", " ").split()]
            yield _known(names, others + [values[name] for name in IDENTITIES if values.get(name)])
    except csv.Error as error:
        raise InventoryError(Problem(message=f"not CSV: {error}", file=file, line=rows.line_num)) from error


def _column(cell: str) -> str:
    return cell.strip().lower().replace(" ", "_")


def _known(names: Sequence[str], others: Sequence[str]) -> Known:
    return Known(
        name=names[0],
        names=tuple(dict.fromkeys(_key(name) for name in names)),
        others=tuple(dict.fromkeys(_key(one) for one in others)),
    )


def compare(population: Sequence[Known], hosts: Sequence[Host]) -> Comparison:
    """Hold an export against an inventory, by name, address and ``auditor_host_id``, whatever their case.

    ``web1`` and ``web1.example.org`` are the same host where nothing else fits; two full names are different hosts.
    What fits several hosts, or several rows that fit one host, is ambiguous: it is said and not guessed.
    """
    fits = _fitting(population, hosts)
    claims: dict[str, list[int]] = defaultdict(list)
    for number, found in enumerate(fits):
        if len(found) == 1:
            claims[found[0]].append(number)
    matched: set[str] = set()
    ambiguous: dict[str, tuple[str, ...]] = {}
    missing: list[str] = []
    for one, found in zip(population, fits, strict=True):
        if not found:
            missing.append(one.name)
        elif len(found) == 1 and len(claims[found[0]]) == 1:
            matched.add(found[0])
        else:
            ambiguous[one.name] = found
    unclear = {name for found in ambiguous.values() for name in found}
    return Comparison(
        count=len(population),
        only_in_inventory=tuple(sorted({host.name for host in hosts} - matched - unclear)),
        only_in_population=tuple(sorted(missing)),
        ambiguous=tuple(Ambiguity(population=name, inventory=found) for name, found in sorted(ambiguous.items())),
        matched=frozenset(matched),
    )


def _fitting(population: Sequence[Known], hosts: Sequence[Host]) -> list[tuple[str, ...]]:
    """Return for each row of the export the hosts it fits: by what is equal, else by short names."""
    equal: dict[str, set[str]] = defaultdict(set)
    short: dict[str, set[str]] = defaultdict(set)
    for host in hosts:
        for key in _keys_of(host):
            equal[key].add(host.name)
            short[_first_label(key)].add(host.name)
    names = {host.name: frozenset(_keys_of(host)) for host in hosts}
    found = []
    for one in population:
        fit = {name for key in (*one.names, *one.others) for name in equal.get(key, ())}
        if not fit:
            fit = {
                name
                for key in one.names
                for name in short.get(_first_label(key), ())
                if any(_is_short_for(key, other) for other in names[name])
            }
        found.append(tuple(sorted(fit)))
    return found


def _keys_of(host: Host) -> Iterable[str]:
    keys = {_key(one) for one in (host.name, host.address, host.host_id) if one}
    return keys - _EVERYWHERE


def _key(text: str) -> str:
    text = text.strip().rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return text


def _first_label(key: str) -> str:
    return key if _is_address(key) else key.partition(".")[0]


def _is_short_for(one: str, other: str) -> bool:
    """Tell whether one of two names is the other without its domain."""
    if _is_address(one) or _is_address(other):
        return False
    short, full = sorted((one, other), key=len)
    return "." not in short and full.startswith(f"{short}.")


def _is_address(key: str) -> bool:
    return ":" in key or key.replace(".", "").isdigit()


def comparison_row(comparison: Comparison, source: str, sha256: str, scope: Iterable[str]) -> Mapping[str, object]:
    """Write a comparison as ``run.population`` of results.json; of what both name, the scope may leave hosts out."""
    return {
        "source": source,
        "sha256": sha256,
        "count": comparison.count,
        "only_in_inventory": list(comparison.only_in_inventory),
        "only_in_population": list(comparison.only_in_population),
        "ambiguous": [{"population": one.population, "inventory": list(one.inventory)} for one in comparison.ambiguous],
        "out_of_scope": len(comparison.matched - set(scope)),
    }
