"""What the meta-tests look at: the tree's files, and the package's syntax trees."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Made by tools, never committed; `reports/` holds what a user's runs wrote, the sample excepted.
_MADE = {
    ".git",
    ".venv",
    ".cache",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
}
_MADE |= {"__pycache__", "build", "dist"}


def _walk() -> Iterator[Path]:
    for folder, names, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        kept = ["sample"] if here.as_posix() == "reports" else names
        names[:] = sorted(
            name for name in names if name not in _MADE and name in kept and not name.endswith(".egg-info")
        )
        # In a second worktree `.git` is a file.
        yield from (here / file for file in sorted(files) if file != ".git" and not file.startswith(".coverage"))


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the folder that holds the project."""
    return ROOT


@pytest.fixture(scope="session")
def tree() -> tuple[Path, ...]:
    """List every file of the project, relative to its root."""
    found = tuple(_walk())
    assert Path("pyproject.toml") in found
    return found


@pytest.fixture(scope="session")
def modules(tree: tuple[Path, ...]) -> dict[Path, ast.Module]:
    """Parse every Python file of the package and the tests."""
    parsed = {
        path: ast.parse((ROOT / path).read_bytes(), filename=str(path))
        for path in tree
        if path.suffix == ".py" and path.parts[0] in ("auditor", "tests")
    }
    assert Path("auditor/errors.py") in parsed
    return parsed


@pytest.fixture(scope="session")
def package(modules: dict[Path, ast.Module]) -> dict[Path, ast.Module]:
    """Parse every Python file of the package."""
    return {path: module for path, module in modules.items() if path.parts[0] == "auditor"}
