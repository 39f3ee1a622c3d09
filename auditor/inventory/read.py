"""Whom to audit: the hosts of an inventory, whichever kind it is."""

import os
import stat
from collections import defaultdict
from pathlib import Path

from auditor.errors import InventoryError
from auditor.inventory.csv_file import read_csv
from auditor.inventory.jumps import with_known_jumps
from auditor.inventory.vault import NO_VAULT, VaultSources
from auditor.model.host import Host

_YAML = frozenset({".yml", ".yaml"})


def read_inventory(source: str | Path, vault: VaultSources = NO_VAULT, cache: Path | None = None) -> tuple[Host, ...]:
    """Return the hosts of an inventory, sorted by name; InventoryError when any of it cannot be read.

    A ``.csv`` file is CSV, a ``.yml`` or ``.yaml`` file that holds a list is ours; anything else, folders,
    scripts, plugins and lists such as ``a,b,`` included, is Ansible's and read by Ansible, with ``vault`` for
    what is encrypted; what it lists is kept in the folder ``cache``, if one is given.
    """
    hosts = with_known_jumps(sorted(_read(source, vault, cache), key=lambda host: host.name))
    if not hosts:
        raise InventoryError(f"{source}: holds no hosts")
    by_key: dict[str, list[str]] = defaultdict(list)
    for host in hosts:
        by_key[host.key].append(host.name)
    shared = [f"{', '.join(names)} (as {key!r})" for key, names in by_key.items() if len(names) > 1]
    if shared:
        raise InventoryError(
            f"{source}: these hosts would share their findings, host_id is to differ: {'; '.join(shared)}"
        )
    return tuple(hosts)


def _read(source: str | Path, vault: VaultSources, cache: Path | None) -> tuple[Host, ...]:
    path = Path(source)
    if "," in str(source) and not os.path.lexists(path):
        return _by_ansible(str(source), vault, cache)
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError as error:
        raise InventoryError(f"{source}: there is no such inventory") from error
    except OSError as error:
        raise InventoryError(f"{source}: cannot be read: {error.strerror}") from error
    if is_file and path.suffix.lower() == ".csv":
        return read_csv(_text(path), path)
    if is_file and path.suffix.lower() in _YAML:
        from auditor.inventory.yaml_list import is_list, read_yaml_list  # noqa: PLC0415 — as below

        text = _text(path)
        if not text.strip():
            return ()
        if is_list(text):
            return read_yaml_list(text, path)
    return _by_ansible(str(path.absolute()), vault, cache)


def _by_ansible(source: str, vault: VaultSources, cache: Path | None) -> tuple[Host, ...]:
    # What it takes is a quarter of what `auditor collect` loads before its first host: a CSV file does without.
    from auditor.inventory.ansible import read_ansible  # noqa: PLC0415

    return read_ansible(source, vault, cache)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InventoryError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InventoryError(f"{path}: is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
