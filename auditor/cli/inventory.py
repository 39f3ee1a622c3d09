"""Options and access shared by the commands that read an inventory."""

import os
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from auditor.catalogue.cache import user_cache
from auditor.errors import UsageError
from auditor.inventory.read import read_inventory
from auditor.inventory.vault import VaultSources
from auditor.model.host import Host
from auditor.report.visible import visible


def add_vault_options(parser: ArgumentParser) -> None:
    """Add what opens an Ansible inventory that is encrypted."""
    parser.add_argument(
        "--vault-password-file",
        action="append",
        default=[],
        metavar="FILE",
        help="file or script with a password of Ansible Vault (default: what Ansible's configuration names)",
    )
    parser.add_argument(
        "--vault-id",
        action="append",
        default=[],
        metavar="LABEL@FILE",
        help="the same for one vault id; both may be repeated",
    )


def kept_vault(options: Namespace) -> dict[str, object]:
    """Return what a run keeps of these options, for ``--resume``: names of files, no passwords."""
    for one in options.vault_id:
        _, _, source = one.rpartition("@")
        if source.startswith("prompt"):
            raise UsageError(
                f"--vault-id {one}: nobody is asked for a password; name a file or a script that prints it"
            )
    for file in options.vault_password_file:
        if not Path(file).expanduser().exists():
            raise UsageError(f"--vault-password-file {file}: there is no such file")
    return {
        "vault_password_files": [str(Path(file).expanduser().absolute()) for file in options.vault_password_file],
        "vault_ids": list(options.vault_id),
    }


def hosts_of(inventory: str, kept: Mapping[str, Any]) -> tuple[Host, ...]:
    """Read an inventory with what was kept of the options; a run of an earlier version kept none of them."""
    vault = VaultSources(
        password_files=tuple(kept.get("vault_password_files", ())), ids=tuple(kept.get("vault_ids", ()))
    )
    return read_inventory(inventory, vault, user_cache(os.environ))


def ignored_arguments(hosts: Iterable[Host]) -> list[str]:
    """Say which arguments of ssh are passed over, a line each, and for how many hosts."""
    counted = Counter(name for host in hosts for name in host.ssh.ignored)
    return [
        f"warning: ssh's {visible(name)} changes nothing here ({count} host{'s' if count > 1 else ''})"
        for name, count in sorted(counted.items())
    ]
