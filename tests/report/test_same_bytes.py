"""The same run gives the same bytes, whoever writes it: elsewhere in the world, in another language, on another day."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from auditor.report.formats import FORMATS
from auditor.report.run_rows import RunRows
from tests.report.stored_rows import store_rows

pytestmark = pytest.mark.slow

_BY_CONTENT = frozenset({".xlsx"})
"""What is packed may be packed otherwise; what is in it is the same."""
_WRITE = """
import random, sys, time
from auditor.cli.main import main
now = time.time
time.time = lambda: now() + {later}
random.seed({later})
sys.exit(main(sys.argv[1:]))
"""
_PLACES = {
    "berlin": {"PYTHONHASHSEED": "1", "TZ": "Europe/Berlin", "LANG": "de_DE.UTF-8"},
    "chatham": {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Chatham", "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"},
}
_OURS = frozenset(("LANG", "LANGUAGE", "TZ", "PYTHONHASHSEED", "PYTHONUTF8"))


@pytest.fixture(scope="module")
def written(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write every format of one stored run twice, by processes that have nothing in common but what the store holds.

    Each has a copy: the first report of a run that was never written makes its bundle, and seals it in the store.
    """
    folder = tmp_path_factory.mktemp("same")
    store = store_rows(sample, folder / "store.sqlite")
    inherited = {name: value for name, value in os.environ.items() if name not in _OURS and not name.startswith("LC_")}
    for number, (place, own) in enumerate(_PLACES.items()):
        home = {"HOME": str(folder / place), "XDG_CACHE_HOME": str(folder / place / "cache")}
        (folder / place).mkdir()
        own_store = shutil.copy(store, folder / place / "store.sqlite")
        words = ["report", "--store", own_store, "-o", folder / place / "out", "--format", ",".join(FORMATS)]
        subprocess.run(
            [sys.executable, "-c", _WRITE.format(later=number * 40_000_000), *map(str, words)],
            env=inherited | own | home,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
            check=True,
        )
    one, two = (folder / place / "out" for place in _PLACES)
    return one, two


def _files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_the_same_files_are_made(written: tuple[Path, Path]) -> None:
    one, two = written
    assert _files(one) == _files(two)
    # Each format put something there: a name of a file that no other format has.
    tops = {name.split("/")[1] for name in _files(one)}
    assert len(tops) >= len(FORMATS)


def test_every_byte_is_the_same(written: tuple[Path, Path]) -> None:
    one, two = written
    others = [
        name
        for name in _files(one)
        if Path(name).suffix not in _BY_CONTENT and (one / name).read_bytes() != (two / name).read_bytes()
    ]
    assert others == []


def test_what_is_packed_is_the_same(written: tuple[Path, Path]) -> None:
    one, two = written
    packed = [name for name in _files(one) if Path(name).suffix in _BY_CONTENT]
    assert [Path(name).name for name in packed] == ["results.xlsx"]
    for name in packed:
        with ZipFile(one / name) as left, ZipFile(two / name) as right:
            assert left.namelist() == right.namelist()
            for part in left.namelist():
                assert left.read(part) == right.read(part), part
