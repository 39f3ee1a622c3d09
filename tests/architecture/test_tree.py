"""The tree holds nothing of one machine, and all tools are pinned."""

import os
import tomllib
from pathlib import Path

import pytest

# Assembled from halves, so that this file passes its own test.
_OF_ONE_MACHINE = tuple(
    "/".join(halves)
    for halves in (
        ("", "work", "shared"),
        ("", "work", "main"),
        ("", "root", ".pyenv"),
        ("", "opt", "pypi"),
        ("", "tmp", "bash_jobs"),
        ("shared", "fleetlab"),
        ("shared", "reference"),
    )
)
_OF_AN_INDEX = tuple(
    ".".join(halves)
    for halves in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("registry", "npmjs", "org"),
        # Not its short name: that is the first part of images' names on hosts, and a package of Debian's.
        ("registry-1", "docker", "io"),
    )
)
_PEERS = ("ansible", "pyinfra", "parallel-ssh", "asyncssh")
_USES = ("", "-test", "-fuzz", "-bench", *(f"-bench-{peer}" for peer in _PEERS), "-oscal", "-sigma", "-lint", "-sbom")
_PINNED = [f"constraints{use}.txt" for use in _USES]
_OPTIONS = tuple("--" + name for name in ("index-url", "extra-index-url", "find-links", "trusted-host"))


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def test_no_file_names_a_path_of_the_machine_it_was_written_on(root: Path, tree: tuple[Path, ...]) -> None:
    found = [f"{path}: {word}" for path in tree for word in _OF_ONE_MACHINE if word in _text(root / path)]
    assert found == []


def test_no_file_names_a_package_index(root: Path, tree: tuple[Path, ...]) -> None:
    # What a host answered is kept as it was: it may name where that host gets its packages.
    ours = [path for path in tree if path.name != "input.txt" and not path.is_relative_to("tests/hosts")]
    found = [f"{path}: {word}" for path in ours for word in _OF_AN_INDEX if word in _text(root / path)]
    assert found == []


@pytest.mark.parametrize("name", _PINNED)
def test_every_pin_is_exact_and_hashed(root: Path, name: str) -> None:
    rows = _text(root / name).replace("\\\n", " ").splitlines()
    assert rows
    loose = [row for row in rows if "==" not in row or "--hash=sha256:" not in row]
    assert loose == []
    assert [row for row in rows if "://" in row or " @ " in row or any(option in row for option in _OPTIONS)] == []


def _pins(root: Path, name: str) -> dict[str, str]:
    rows = _text(root / name).replace("\\\n", " ").splitlines()
    return {row.split()[0].partition("==")[0]: row.split()[0].partition("==")[2] for row in rows}


def _names(requirements: list[object]) -> set[str]:
    texts = [text for text in requirements if isinstance(text, str)]
    return {text.replace(">", " ").replace(";", " ").split()[0].lower() for text in texts}


def test_all_that_is_declared_is_pinned(root: Path) -> None:
    metadata = tomllib.loads(_text(root / "pyproject.toml"))
    groups = metadata["dependency-groups"]
    runtime = _names([*metadata["project"]["dependencies"], *metadata["project"]["optional-dependencies"]["ansible"]])
    assert runtime | _names(groups["build"]) <= set(_pins(root, "constraints.txt"))
    assert _names(groups["test"]) <= set(_pins(root, "constraints-test.txt"))
    assert _names(groups["fuzz"]) <= set(_pins(root, "constraints-fuzz.txt"))
    assert _names(groups["bench"]) <= set(_pins(root, "constraints-bench.txt"))
    for peer in _PEERS:
        assert _names(groups[f"bench-{peer}"]) <= set(_pins(root, f"constraints-bench-{peer}.txt"))
    assert _names(groups["oscal"]) <= set(_pins(root, "constraints-oscal.txt"))
    assert _names(groups["sigma"]) <= set(_pins(root, "constraints-sigma.txt"))
    assert _names(groups["sbom"]) <= set(_pins(root, "constraints-sbom.txt"))
    assert _names(groups["lint"]) <= set(_pins(root, "constraints-lint.txt"))


def test_tests_run_with_the_versions_that_users_get(root: Path) -> None:
    test = _pins(root, "constraints-test.txt")
    assert {
        name: version for name, version in _pins(root, "constraints.txt").items() if test.get(name) != version
    } == {}


def test_ci_runs_what_the_readme_says_and_nothing_else(root: Path) -> None:
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line for line in _text(script).splitlines() if line and not line.startswith("#")]
    assert lines[0] == "set -euo pipefail"
    assert [line for line in lines[1:] if not line.startswith("cd ")] == ["make test"]


def test_tests_that_change_hosts_lie_where_make_looks_for_them(root: Path, tree: tuple[Path, ...]) -> None:
    (line,) = (line for line in _text(root / "Makefile").splitlines() if line.startswith("CHANGE_TESTS := "))
    places = line.partition(" := ")[2].split()
    tests = [path for path in tree if path.name.startswith("test_") and path.name != Path(__file__).name]
    marked = [path for path in tests if "pytest.mark.change" in _text(root / path)]
    assert len(marked) >= 10
    assert [path for path in marked if not any(path.is_relative_to(place) for place in places)] == []
