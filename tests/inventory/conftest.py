"""Inventories written for a test, and hosts named in a line."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.errors import InventoryError
from auditor.inventory.read import read_inventory
from auditor.model.host import Host


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file into a folder of the test's own."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def read(written: Callable[[str, str], Path]) -> Callable[[str, str], dict[str, Host]]:
    """Read an inventory from its text; hosts by name."""

    def hosts(name: str, text: str) -> dict[str, Host]:
        return {host.name: host for host in read_inventory(written(name, text))}

    return hosts


@pytest.fixture
def faults(written: Callable[[str, str], Path], tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Read an inventory that is wrong; what is said of it, without the folder."""

    def said(name: str, text: str) -> list[str]:
        path = written(name, text)
        with pytest.raises(InventoryError) as caught:
            read_inventory(path)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return said


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """Make a folder on a file system without a disk."""
    memory = Path("/dev", "shm")
    if not memory.is_dir():
        pytest.skip("needs /dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="auditor-test-", dir=memory))
    yield folder
    shutil.rmtree(folder)
