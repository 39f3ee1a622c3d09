"""What Ansible made of an inventory, kept until a byte of it changes: hosts, groups, variables that are no secret."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from auditor import __version__
from auditor.inventory.ansible_files import inventory_files, vaulted
from auditor.inventory.listing import Listing
from auditor.inventory.references import reference_problem
from auditor.inventory.variables import REFERENCES, SECRETS, SSH_ARGUMENTS, is_unresolved
from auditor.inventory.vault import VaultSources

_LAYOUT = 1
_KEPT = 8
"""Inventories that are kept; the oldest go first."""
# Where an inventory's hosts or variables may come from something that is no file of it.
_PLUGIN_SETTINGS = ("inventory_plugins", "vars_plugins", "enable_plugins", "vars_plugins_enabled", "[inventory]")
_PLUGIN_VARIABLES = (
    "ANSIBLE_INVENTORY_PLUGINS",
    "ANSIBLE_VARS_PLUGINS",
    "ANSIBLE_INVENTORY_ENABLED",
    "ANSIBLE_VARS_ENABLED",
)
_PLUGIN_FOLDERS = ("~/.ansible/plugins", "/usr/share/ansible/plugins")
_HIDDEN = {"__ansible_vault": ""}
"""Stands for a value that has to be filled in anyway: neither its template nor its ciphertext is kept."""


def kept_listing(
    source: str, vault: VaultSources, folder: Path | None, read: Callable[[], Listing], environ: Mapping[str, str]
) -> Listing:
    """Return what ``read`` returns, from the cache in ``folder`` where the very same inventory was read before.

    Nothing is kept of inventories that are scripts or plugins, that are encrypted as a whole, or that hold a
    password in plain text; files that change while they are read are not kept either.
    """
    name = None if folder is None else _name(source, vault, environ)
    if folder is None or name is None:
        return read()
    file = folder / "inventory" / name
    known = _recall(file)
    if known is not None:
        return known
    listing = read()
    if not _holds_secret(listing) and _name(source, vault, environ) == name:
        _keep(file, listing)
    return listing


def _name(source: str, vault: VaultSources, environ: Mapping[str, str]) -> str | None:
    """Return the name under which an inventory is kept: a digest of all it rests on; None where that is more."""
    files = inventory_files(source)
    settings = _settings(environ)
    if not Path(source).exists() or vaulted(source) or any(_is_program(file) for file in files):
        return None
    if any(environ.get(name) for name in _PLUGIN_VARIABLES) or any(_holds_files(place) for place in _PLUGIN_FOLDERS):
        return None
    if any(word in text for _, text in settings for word in _PLUGIN_SETTINGS):
        return None
    try:
        version = metadata.version("ansible-core")
        digest = hashlib.sha256(f"{_LAYOUT}\n{__version__}\n{version}\n{source}\n".encode(errors="surrogateescape"))
        parts = [*vault.arguments(), *(f"{name}={text}" for name, text in settings)]
        parts += [f"{name}={value}" for name, value in sorted(environ.items()) if name.startswith("ANSIBLE_")]
        for part in parts:
            digest.update(f"{len(part)}\n{part}\n".encode(errors="surrogateescape"))
        for file in files:
            content = file.read_bytes()
            digest.update(f"{file}\n{len(content)}\n".encode(errors="surrogateescape"))
            digest.update(content)
    except (metadata.PackageNotFoundError, OSError):
        return None
    return f"{digest.hexdigest()}.json"


def _settings(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return every configuration of Ansible's that may hold here, with its text."""
    places = [environ.get("ANSIBLE_CONFIG", ""), "ansible.cfg", "~/.ansible.cfg", "/etc/ansible/ansible.cfg"]
    found = []
    for place in filter(None, places):
        path = Path(place).expanduser()
        path = path / "ansible.cfg" if path.is_dir() else path
        with suppress(OSError):
            found.append((str(path), path.read_text(encoding="utf-8", errors="surrogateescape")))
    return found


def _is_program(file: Path) -> bool:
    """Tell a script, and the configuration of a plugin, from a file that says by itself which hosts there are."""
    if os.access(file, os.X_OK):
        return True
    if file.suffix not in (".yml", ".yaml"):
        return False
    with suppress(OSError):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        return any(
            line.replace(" ", "").startswith(("plugin:", '"plugin":', "{plugin:", '{"plugin":')) for line in lines
        )
    return True


def _holds_files(place: str) -> bool:
    kinds = ("inventory", "vars")
    return any(any(path.iterdir()) for kind in kinds if (path := Path(place).expanduser() / kind).is_dir())


def _holds_secret(listing: Listing) -> bool:
    return any(
        (name in SECRETS and value not in (None, "") and not is_unresolved(value))
        or (name in REFERENCES.values() and not is_unresolved(value) and reference_problem(str(value)) is not None)
        # A proxy command often carries a password.
        or (name in SSH_ARGUMENTS and "proxycommand" in str(value).lower())
        for variables in listing.variables.values()
        for name, value in variables.items()
    )


def _recall(file: Path) -> Listing | None:
    """Return what was kept; None when it is not there, not ours alone, or not what was written."""
    try:
        for place in (file.parent, file):
            state = place.stat()
            if state.st_uid != os.geteuid() or state.st_mode & 0o077:
                return None
        kept = json.loads(file.read_text(encoding="utf-8"))
        os.utime(file)
    except (OSError, ValueError):
        return None
    return Listing(
        groups={host: tuple(groups) for host, groups in kept["groups"].items()}, variables=dict(kept["variables"])
    )


def _keep(file: Path, listing: Listing) -> None:
    """Write in one step; a folder that cannot be written costs time at the next start, no more."""
    variables = {
        host: {name: _HIDDEN if is_unresolved(value) else value for name, value in found.items()}
        for host, found in listing.variables.items()
    }
    kept = {"groups": listing.groups, "variables": variables}
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".inventory-")
    except OSError:
        return
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(kept, stream, separators=(",", ":"))
        Path(name).replace(file)
        _forget(file.parent.glob("*.json"))
    except OSError:
        with suppress(OSError):
            Path(name).unlink()


def _forget(files: Iterable[Path]) -> None:
    for old in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)[_KEPT:]:
        old.unlink()
