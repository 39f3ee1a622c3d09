"""An environment of its own for each peer, in a folder of the user's cache that can be deleted at any time."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.environment import install

_ROOT = Path(__file__).resolve().parents[3]
_COLLECTION = "ansible_collections/community/general/"


def cache() -> Path:
    """Return the folder that holds the environments, and what was measured."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auditor-bench"


def python_of(peer: str) -> Path:
    """Return the Python of a peer's environment, which is made where its pins are not installed yet."""
    pins = _ROOT / f"constraints-bench-{peer}.txt"
    mark = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    place = cache() / f"{peer}-{mark}"
    done = place / "complete"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        print(f"installing what {pins.name} pins ...", flush=True)  # noqa: T201 — a command prints
        said = install(pins, place)
        if said.returncode:
            raise SystemExit(f"{pins.name} cannot be installed: {said.stderr[-600:]}")
        done.touch()
    return place / "bin" / "python"


def version_in(peer: str, package: str) -> str:
    """Return a package's version in a peer's environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python_of(peer), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def community_general(folder: Path) -> Path:
    """Take the collection community.general out of the pinned wheel of `ansible`, once; return its folder."""
    if (folder / _COLLECTION).exists():
        return folder
    pinned = _ROOT / "constraints-bench.txt"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as place:
        words = ("download", "--quiet", "--no-deps", "--require-hashes", "-r", str(pinned), "--dest", place)
        subprocess.run([sys.executable, "-m", "pip", *words], check=True)
        with zipfile.ZipFile(next(Path(place).glob("ansible-*.whl"))) as wheel:
            names = [name for name in wheel.namelist() if name.startswith(_COLLECTION) and "/tests/" not in name]
            wheel.extractall(folder.with_suffix(".new"), names)
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".new").rename(folder)
    return folder
