"""Which auditor this is, to the byte: a version says what its makers call it, this says what ran."""

import hashlib
from functools import cache
from pathlib import Path

import auditor

_NOT_OURS = {"__pycache__", "_bundled"}
"""What Python makes, and the operator's files that a wheel brings along: those are sealed with every run."""


@cache
def tool_digest() -> str:
    """Return the SHA-256 over the files of this package: the same from a wheel and from a checkout.

    It is taken over a line for each file, sorted by path: SHA-256, two blanks, path, line feed (as ``sha256sum`` does).
    """
    package = Path(auditor.__file__).resolve().parent
    found = (path for path in package.rglob("*") if path.is_file())
    files = {path.relative_to(package).as_posix(): path for path in found}
    whole = hashlib.sha256()
    for name in sorted(name for name in files if not _NOT_OURS.intersection(name.split("/"))):
        whole.update(f"{hashlib.sha256(files[name].read_bytes()).hexdigest()}  {name}\n".encode())
    return whole.hexdigest()
