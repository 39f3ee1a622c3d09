"""The files that Ansible reads of an inventory: which they are, and what is the matter with them."""

import os
from collections.abc import Iterator
from pathlib import Path

import yaml

_VARIABLES = ("group_vars", "host_vars")
_YAML = frozenset({".yml", ".yaml", ".json"})
_VAULTED = b"$ANSIBLE_VAULT;"
_NAMED = 5
# Ten times faster where PyYAML was built with libyaml; both read the same language.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def inventory_files(source: str) -> tuple[Path, ...]:
    """Return every file of an inventory, sorted: itself or what is in its folder, and the variables beside it."""
    place = Path(source)
    if place.is_dir():
        return tuple(sorted(_below(place)))
    beside = place.parent if place.exists() else Path.cwd()
    found = [place] if place.exists() else []
    for name in _VARIABLES:
        found += _below(beside / name)
    return tuple(sorted(found))


def vaulted(source: str) -> tuple[Path, ...]:
    """Return the files that are encrypted as a whole with Ansible Vault."""
    return tuple(file for file in inventory_files(source) if _begins(file).startswith(_VAULTED))


def broken(source: str) -> Iterator[str]:
    """Yield file and line of what is no YAML, for Ansible does not always name the file it stumbled over."""
    for file in inventory_files(source):
        is_yaml = file.suffix in _YAML or (not file.suffix and not set(_VARIABLES).isdisjoint(file.parts))
        if not is_yaml:
            continue
        try:
            # Composed, not constructed: tags such as !vault need no meaning to be well-formed.
            yaml.compose(file.read_text(encoding="utf-8"), Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            line = f":{error.problem_mark.line + 1}" if error.problem_mark is not None else ""
            yield f"{file}{line}"
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            yield str(file)


def named(files: list[str]) -> str:
    """Name a few files, and count the rest."""
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return ", ".join(files[:_NAMED]) + more


def _below(folder: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        # A link may lead back to where we came from.
        folders[:] = [name for name in folders if os.path.realpath(Path(place, name)) not in seen]
        seen.update(os.path.realpath(Path(place, name)) for name in folders)
        yield from (Path(place, name) for name in names)


def _begins(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(len(_VAULTED))
    except OSError:
        return b""
