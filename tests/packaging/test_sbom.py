"""`make sbom` lists every pinned package with its hashes, in the published form, the same bytes each time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auditor import __version__

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[2]
_VALIDATE = (
    "import sys\n"
    "from cyclonedx.schema import SchemaVersion\n"
    "from cyclonedx.validation.json import JsonStrictValidator\n"
    "found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())\n"
    "print('holds' if found is None else f'does not hold: {found}'[:2000])\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the list twice, at two times and under another instant that the environment names."""
    place = tmp_path_factory.mktemp("sbom")
    for name, epoch in (("one", None), ("two", "1700000000")):
        words = ["make", "sbom", f"VENV={sys.prefix}", f"SBOM_VENV={place}/venv", f"DIST={place}/{name}"]
        environment = ["env", "-u", "MAKEFLAGS", *([f"SOURCE_DATE_EPOCH={epoch}"] if epoch else [])]
        done = subprocess.run([*environment, *words], cwd=_ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return place


def _said(place: Path, text: str) -> str:
    # Not from here: this package and its path are nothing to another environment.
    words = [str(place / "venv" / "bin" / "python"), "-I", "-c", _VALIDATE]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _pinned() -> dict[tuple[str, str], set[str]]:
    rows = (_ROOT / "constraints.txt").read_text().replace("\\\n", " ").splitlines()
    found: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        name, _, version = row.split()[0].partition("==")
        found[name, version] = {
            word.removeprefix("--hash=sha256:") for word in row.split() if word.startswith("--hash")
        }
    return found


def _hashes(component: dict[str, Any]) -> set[str]:
    (distribution,) = (one for one in component["externalReferences"] if one["type"] == "distribution")
    assert {one["alg"] for one in distribution["hashes"]} == {"SHA-256"}
    return {one["content"] for one in distribution["hashes"]}


def test_every_pinned_package_stands_in_it_with_its_hashes(place: Path) -> None:
    bom = json.loads((place / "one" / "auditor.cdx.json").read_text())
    root = bom["metadata"]["component"]
    licences = [one["license"]["id"] for one in root["licenses"]]
    assert (root["name"], root["version"], licences) == ("auditor", __version__, ["Apache-2.0"])
    found = {(one["name"], one["version"]): _hashes(one) for one in bom["components"]}
    assert found == _pinned()
    purls = {one["purl"] for one in bom["components"]}
    assert purls == {f"pkg:pypi/{name}@{version}" for name, version in found}


def test_it_has_the_published_form(place: Path) -> None:
    text = (place / "one" / "auditor.cdx.json").read_text()
    assert _said(place, text) == "holds"
    # It can say no.
    assert _said(place, text.replace('"type": "library"', '"type": "thing"', 1)).startswith("does not hold")


def test_the_same_pins_give_the_same_bytes(place: Path) -> None:
    one, two = ((place / name / "auditor.cdx.json").read_bytes() for name in ("one", "two"))
    assert one == two
    bom = json.loads(one)
    assert ("serialNumber" in bom, "timestamp" in bom["metadata"]) == (False, False)
    assert str(place).encode() not in one
    assert str(_ROOT).encode() not in one
