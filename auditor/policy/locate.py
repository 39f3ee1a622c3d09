"""Where the policy files are: the one named, else the working folder's, else those that came with the auditor."""

import os
from collections.abc import Mapping
from pathlib import Path

import auditor
from auditor.errors import PolicyError, did_you_mean

FOLDER = Path("policies")
"""Folder in which an operator keeps them."""


def locate(name: str, named: Path | None = None, *, working_folder: Path | None = None) -> Path:
    """Return the file to read for ``policy.yml`` or ``exceptions.yml``; PolicyError when there is none.

    What is named is taken, and must be there: a typing error must not bring another policy into force. It is a file,
    else a pack that came with the auditor, of which the file is taken that has the name.
    Else ``policies/<name>`` of the working folder is taken where there is one, else the bundled one.
    """
    if named is not None:
        if os.path.lexists(named):
            return named
        pack = packs().get(str(named))
        if pack is None:
            raise PolicyError(f"{named}: there is no such file{_nor_pack(named)}")
        return pack / name
    own = FOLDER / name if working_folder is None else working_folder / FOLDER / name
    return own if own.is_file() else bundled(name)


def bundled(name: str) -> Path:
    """Return a file that came with the auditor: inside the wheel, or beside the package in a checkout."""
    found = next((folder / name for folder in _bundles() if (folder / name).is_file()), None)
    if found is None:
        raise PolicyError(f"{name} did not come with this auditor: install it again, or name a file")
    return found


def packs() -> Mapping[str, Path]:
    """Return the folders of the policy packs that came with the auditor, by name, sorted."""
    for folder in _bundles():
        found = {one.parent.name: one.parent for one in (folder / "packs").glob("*/policy.yml")}
        if found:
            return dict(sorted(found.items()))
    return {}


def _bundles() -> tuple[Path, ...]:
    package = Path(auditor.__file__).resolve().parent
    return package / "_bundled" / FOLDER, package.parent / FOLDER


def _nor_pack(named: Path) -> str:
    """Say that a bare word is no pack either, and which one may be meant; a path was never meant to be one."""
    if named.suffix or len(named.parts) != 1:
        return ""
    return f", and no policy pack of that name{did_you_mean(str(named), list(packs()))}; `auditor policy list` has all"
