"""What the catalogue says of machines and archives that hold nothing remote: nothing, or a decision that says why.

``decisions.toml`` has one line for each package of Debian whose name or whose programs meet an indicator. The names
come from this machine's own list of packages (``apt-cache pkgnames``), the programs and units from the archive's list
of files (``apt-file``); where a machine has none, that test is skipped. ``clean/`` has what installing a desktop or a
server of Debian adds, as apt told it.
"""

import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.catalogue.index import Index, index_of
from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue, IndicatorKind, Strength
from auditor.model.host import OsFamily
from auditor.model.reading import Reading

_FOLDER = Path(__file__).parent
_DECISIONS: dict[str, dict[str, dict[str, Any]]] = tomllib.loads((_FOLDER / "decisions.toml").read_text("utf-8"))
_CLEAN = sorted((_FOLDER / "clean").glob("*.txt"))
_EXPECTED = {"debian-12-gnome": ["gnome-remote-desktop"]}
"""Debian's GNOME recommends its server of remote desktop: it is installed, and off until somebody switches it on."""
_ENOUGH = 30_000
_PROGRAM_FOLDERS = ("/bin/", "/sbin/", "/games/", "/libexec/", "/lib/")
_UNIT_FOLDERS = ("/systemd/system/", "/systemd/user/", "/init.d/")


def _said(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("file", _CLEAN, ids=lambda file: file.stem)
def test_nothing_is_seen_on_a_clean_machine(
    file: Path, make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    names = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    seen = match(make_reading({"software": [{"name": name} for name in names]}), catalogue)
    assert len(names) > 100
    assert [sighting.product for sighting in seen] == _EXPECTED.get(file.stem, [])


def test_every_package_name_of_debian_that_fires_was_decided(catalogue: Catalogue) -> None:
    names = _said("apt-cache", "pkgnames").split()
    if len(names) < _ENOUGH:
        pytest.skip("this machine has no list of Debian's packages (apt-get update makes it)")
    table = index_of(catalogue, OsFamily.LINUX).packages["software.dpkg"]
    fired = {name: sorted({hit.product.id for hit in table.find(name)}) for name in names if table.find(name)}
    there = set(names)
    decided = {name: one["products"][:1] for name, one in _DECISIONS["packages"].items() if name in there}
    assert fired == decided


def _programs() -> Iterator[tuple[str, str]]:
    """Yield path and package of each file of Debian's archive that may be a program or a unit."""
    lists = _said("apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Contents-deb").split()
    for name in lists:
        reader = ["/usr/lib/apt/apt-helper", "cat-file", name]
        with subprocess.Popen(reader, stdout=subprocess.PIPE, text=True) as shown:
            assert shown.stdout is not None
            for line in shown.stdout:
                path, _, packages = line.rstrip("\n").rpartition(" ")
                path = f"/{path.strip()}"
                if _may_start(path):
                    yield from ((path, package.rpartition("/")[2]) for package in packages.split(","))
        assert shown.returncode == 0


def _may_start(path: str) -> bool:
    name = path.rpartition("/")[2]
    if any(folder in path for folder in _UNIT_FOLDERS):
        return name.endswith(".service") or "/init.d/" in path
    return "." not in name and any(folder in path for folder in _PROGRAM_FOLDERS)


def _hits(path: str, index: Index) -> set[str]:
    """Return the products that a file of a path speaks for by itself; weak hints aside."""
    name = path.rpartition("/")[2]
    if any(folder in path for folder in _UNIT_FOLDERS):
        unit = name if name.endswith(".service") else f"{name}.service"
        hits = index.find(IndicatorKind.SERVICE, unit)
    else:
        hits = index.find(IndicatorKind.PROCESS, name) + index.find(IndicatorKind.EXECUTABLE, path)
    return {hit.product.id for hit in hits if hit.indicator.strength is not Strength.WEAK}


@pytest.mark.slow
def test_every_program_and_unit_of_debian_that_fires_was_decided(catalogue: Catalogue) -> None:
    index = index_of(catalogue, OsFamily.LINUX)
    fired: dict[str, set[str]] = {}
    count = 0
    for path, package in _programs():
        count += 1
        for product in _hits(path, index):
            fired.setdefault(package, set()).add(product)
    if count < _ENOUGH:
        pytest.skip("this machine has no list of the files of Debian's archive (apt-file update makes it)")
    packages, programs = _DECISIONS["packages"], _DECISIONS["programs"]
    undecided = {
        package: sorted(products - set(packages.get(package, programs.get(package, {})).get("products", ())))
        for package, products in fired.items()
    }
    assert {package: products for package, products in undecided.items() if products} == {}


def test_each_decision_says_why_and_of_what_there_is(catalogue: Catalogue) -> None:
    known = {product.id for product in catalogue.products}
    for decisions in _DECISIONS.values():
        for name, one in decisions.items():
            assert one["why"].strip(), name
            assert set(one["products"]) <= known, name
