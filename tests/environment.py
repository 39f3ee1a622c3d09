"""A Python of its own for a tool whose packages are nothing to this one."""

import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


def install(pins: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """Make an environment in a folder and install what a file pins; the result says whether that went well."""
    venv.create(place, with_pip=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*pip, "--require-hashes", "-r", str(pins)], capture_output=True, text=True, check=False)


def python_with(module: str, pins: str, place: Path) -> Path:
    """Return this Python if it has a module, else one made in a folder by a file of pins; skips where that fails."""
    if importlib.util.find_spec(module) is not None:
        return Path(sys.executable)
    done = install(_ROOT / pins, place)
    if done.returncode:
        pytest.skip(f"{pins} cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return place / "bin" / "python"
