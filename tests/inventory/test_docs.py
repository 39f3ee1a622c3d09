"""Examples of the documentation, read by the real readers; and its tables, held against the code."""

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.inventory.rows import COLUMNS
from auditor.model.host import Host

_TEXT = (Path(__file__).resolve().parents[2] / "docs" / "inventory.md").read_text(encoding="utf-8")
_EXAMPLES = {block.partition("\n")[0]: block.partition("\n")[2] for block in _TEXT.split("```")[1::2]}


@pytest.mark.parametrize(
    ("kind", "file", "expected"),
    [
        ("csv", "hosts.csv", ["db1.example.org", "web1"]),
        ("yaml", "hosts.yml", ["db1.example.org", "web1", "win1"]),
        ("ini", "hosts.ini", ["web1", "web2", "web3"]),
    ],
)
def test_every_example_is_an_inventory(
    read: Callable[[str, str], dict[str, Host]], kind: str, file: str, expected: list[str]
) -> None:
    hosts = read(file, _EXAMPLES[kind])
    assert list(hosts) == expected
    assert [host.name for host in hosts.values() if host.unusable is not None] == []


def test_no_example_is_left_out() -> None:
    assert sorted(_EXAMPLES) == ["csv", "ini", "yaml"]


def test_every_column_is_documented() -> None:
    assert [column for column in COLUMNS if f"\n| `{column}` |" not in _TEXT] == []
