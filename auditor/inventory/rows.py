"""Hosts of an inventory of our own making: rows of columns, whether they come from CSV or from YAML."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from auditor.errors import InventoryError, Problem, did_you_mean
from auditor.inventory.references import FORMS
from auditor.inventory.variables import REFERENCES, SECRETS, VARIABLES, host_from
from auditor.model.host import Host
from auditor.model.record import Record

_COLUMNS: Mapping[str, str] = {
    "address": "ansible_host",
    "port": "ansible_port",
    "connection": "ansible_connection",
    "user": "ansible_user",
    "private_key": "ansible_ssh_private_key_file",
    "ssh_args": "ansible_ssh_common_args",
    "become": "ansible_become",
    "become_method": "ansible_become_method",
    **REFERENCES,
    "site": "auditor_site",
    "owner": "auditor_owner",
    "deadline": "auditor_deadline",
    "host_id": "auditor_host_id",
    "replay": "auditor_replay",
}
_HOST, _GROUPS = "host", "groups"
COLUMNS = (_HOST, *_COLUMNS, _GROUPS)
"""Columns in the order of the documentation; Ansible's names of the same are understood too."""


class Row(Record, kw_only=True):
    """One host as it is written: columns to values, and where it stands."""

    values: Mapping[str, object]
    """Column to value; empty ones are left out."""
    line: int
    """Line of the file on which it begins."""
    lines: Mapping[str, int]
    """Line of each value, where that differs."""


def column_problem(name: str) -> str | None:
    """Say what is wrong with a column's name, if anything is."""
    if name in SECRETS:
        return (
            f"{name}: secrets do not belong into this file; use a key (private_key) or an agent, or write where it "
            f"stands into the columns {', '.join(REFERENCES)}: {FORMS}"
        )
    known = {*COLUMNS, *VARIABLES} - SECRETS
    return None if name in known else f"unknown column {name!r}{did_you_mean(name, sorted(known))}"


def repeated_columns(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return columns that say the same as an earlier one, with a sentence each."""
    seen: dict[str, str] = {}
    repeated = []
    for name in names:
        variable = _COLUMNS.get(name, name)
        if variable in seen:
            repeated.append((name, f"column {name!r} says the same as column {seen[variable]!r}"))
        seen.setdefault(variable, name)
    return repeated


def hosts_from(rows: Iterable[Row], file: Path, problems: Iterable[Problem] = ()) -> tuple[Host, ...]:
    """Return the hosts of rows; InventoryError names every problem, those found before included."""
    wrong = list(problems)
    first: dict[str, int] = {}
    hosts = []
    for row in rows:
        host, faults = _host(row, file.parent)
        if host.name in first:
            faults.append((_HOST, f"{host.name!r} stands already on line {first[host.name]}"))
        first.setdefault(host.name, row.line)
        wrong += [
            Problem(message=f"{column}: {what}", file=file, line=row.lines.get(column, row.line))
            for column, what in faults
        ]
        hosts.append(host)
    if wrong:
        raise InventoryError(sorted(wrong, key=lambda problem: (problem.line or 0, problem.message)))
    return tuple(hosts)


def name_problem(name: str) -> str | None:
    """Say what is wrong with a host's name, if anything is."""
    if not name:
        return "the host's name is missing"
    if not name.isprintable():
        return f"{name!r} holds characters that cannot be printed"
    return None


def _host(row: Row, folder: Path) -> tuple[Host, list[tuple[str, str]]]:
    columns = {_COLUMNS.get(name, name): name for name in row.values}
    variables = {_COLUMNS.get(name, name): value for name, value in row.values.items()}
    written = variables.pop(_HOST, "")
    name = str(written).strip()
    groups, faults = _groups(variables.pop(_GROUPS, None))
    host, problems = host_from(name, variables, groups=groups, folder=folder)
    faults += [(columns.get(variable, variable), what) for variable, what in problems]
    wrong = name_problem(name) if isinstance(written, str | int) else "a name is wanted"
    if wrong is not None:
        faults.append((_HOST, wrong))
    return host, faults


def _groups(value: object) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Read groups: a list, or words parted by semicolons, commas or spaces."""
    if value is None:
        return (), []
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int) for one in names):
        return (), [(_GROUPS, "a list of names is wanted")]
    if isinstance(value, list):
        words = [str(one).strip() for one in value]
    else:
        words = str(value).replace(";", " ").replace(",", " ").split()
    return tuple(sorted({word for word in words if word} - {"all", "ungrouped"})), []
