"""Where the policy files are: the one named, else the working folder's, else those that came with the auditor."""

import os
from pathlib import Path

import auditor
from auditor.errors import PolicyError

FOLDER = Path("policies")
"""Folder in which an operator keeps them."""


def locate(name: str, named: Path | None = None, *, working_folder: Path | None = None) -> Path:
    """Return the file to read for ``policy.yml`` or ``exceptions.yml``; PolicyError when there is none.

    A file that is named is taken, and must be there: a typing error must not bring another policy into force.
    Else ``policies/<name>`` of the working folder is taken where there is one, else the bundled one.
    """
    if named is not None:
        if not os.path.lexists(named):
            raise PolicyError(f"{named}: there is no such file")
        return named
    own = FOLDER / name if working_folder is None else working_folder / FOLDER / name
    return own if own.is_file() else bundled(name)


def bundled(name: str) -> Path:
    """Return a file that came with the auditor: inside the wheel, or beside the package in a checkout."""
    package = Path(auditor.__file__).resolve().parent
    places = (package / "_bundled" / FOLDER / name, package.parent / FOLDER / name)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise PolicyError(f"{name} did not come with this auditor: install it again, or name a file")
    return found
