"""Ansible's own linter and the collection for Windows, fetched once by their pins into a folder of their own.

Both are under the GPL-3.0-or-later: they are run as processes, and are part of neither the auditor nor its environment.
"""

import fcntl
import os
import subprocess
import venv
import zipfile
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

HOME = Path(os.environ.get("AUDITOR_LINT_HOME", "/var/tmp/auditor-lint"))  # noqa: S108 — no secret, and large
_ROOT = Path(__file__).parents[2]
_PINS = ("constraints-lint.txt", "constraints-bench.txt")
_COLLECTION = "ansible_collections/ansible/windows/"
_LEFT_OUT = ("/tests/", "/docs/", "/changelogs/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linting:
    """What was fetched."""

    program: Path
    """ansible-lint."""
    collections: Path
    """Folder that holds ``ansible_collections``."""


@cache
def need_linting() -> Linting | str:
    """Return the linter and the collection, or say why they cannot be had; once they are there, without a network."""
    made = HOME / "made"
    pins = sha256(b"".join((_ROOT / name).read_bytes() for name in _PINS)).hexdigest()
    linting = Linting(program=HOME / "env/bin/ansible-lint", collections=HOME / "collections")
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.is_file() and made.read_text() == pins:
            return linting
        venv.create(HOME / "env", with_pip=True, clear=True)
        reason = _pip("install", "--require-hashes", "-r", str(_ROOT / _PINS[0])) or _pip(
            *("download", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--dest", str(HOME)),
            *("-r", str(_ROOT / _PINS[1])),
        )
        if reason:
            return reason
        for wheel in HOME.glob("ansible-*.whl"):
            _unpack(wheel)
            wheel.unlink()
        made.write_text(pins)
    return linting


def _pip(*words: str) -> str:
    """Run the pip of that environment; say what went wrong, nothing where nothing did."""
    python = HOME / "env/bin/python"
    done = subprocess.run(
        [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"cannot be fetched here: {done.stderr.strip().splitlines()[-1]}"


def _unpack(wheel: Path) -> None:
    """Take the one collection out of the wheel of all of them: 1 MB of 470."""
    with zipfile.ZipFile(wheel) as packed:
        for name in packed.namelist():
            if name.startswith(_COLLECTION) and not any(part in name for part in _LEFT_OUT):
                packed.extract(name, HOME / "collections")
