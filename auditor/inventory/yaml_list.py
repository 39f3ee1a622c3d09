"""Hosts from a YAML list."""

from pathlib import Path

from auditor.errors import InventoryError, Problem
from auditor.inventory.rows import Row, column_problem, hosts_from, repeated_columns
from auditor.located import Document, read_document
from auditor.model.host import Host


def is_list(text: str) -> bool:
    """Tell whether a YAML text is a list at its top, without reading it: Ansible's own tags are not ours to know."""
    for line in text.removeprefix("\ufeff").splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] == "---":
            words = words[1:]
        if words and not words[0].startswith("%"):
            return words[0] == "-" or words[0].startswith("[")
    return False


def read_yaml_list(text: str, file: Path) -> tuple[Host, ...]:
    """Read a list of hosts, each a mapping of columns or a name alone; InventoryError names everything wrong."""
    document = read_document(text.removeprefix("\ufeff"), file, dates_as_text=True)
    if isinstance(document, Problem):
        raise InventoryError(document)
    rows: list[Row] = []
    wrong: list[Problem] = []
    for index, entry in enumerate(document.data):
        if isinstance(entry, str):
            rows.append(Row(values={"host": entry}, line=_line(document, index), lines={}))
        elif isinstance(entry, dict):
            wrong += _key_problems(document, index, entry)
            values = {str(key): value for key, value in entry.items() if value is not None}
            lines = {key: _line(document, index, key) for key in values}
            rows.append(Row(values=values, line=_line(document, index), lines=lines))
        else:
            wrong.append(
                document.problem((index,), "a host is a mapping such as `{host: web1, user: audit}`, or a name")
            )
    return hosts_from(rows, file, wrong)


def _key_problems(document: Document, index: int, entry: dict[object, object]) -> list[Problem]:
    names = [str(key) for key in entry]
    found = [(name, problem) for name in names if (problem := column_problem(name)) is not None]
    found += repeated_columns(names)
    return [document.problem((index, name), problem) for name, problem in found]


def _line(document: Document, *path: str | int) -> int:
    return document.problem(path, "").line or 1
