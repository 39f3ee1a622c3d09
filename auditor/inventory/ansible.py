"""Hosts from an Ansible inventory of any kind, read by Ansible itself through ansible-runner."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auditor.errors import InventoryError
from auditor.inventory.ansible_cache import kept_listing
from auditor.inventory.ansible_files import broken, named, vaulted
from auditor.inventory.ansible_resolve import resolve
from auditor.inventory.ansible_run import SECONDS, Said, private_place, run_ansible
from auditor.inventory.listing import Listing
from auditor.inventory.rows import name_problem
from auditor.inventory.variables import VARIABLES, host_from
from auditor.inventory.vault import VaultSources
from auditor.model.host import Host
from auditor.model.record import replace

# Warnings that concern neither which hosts there are nor what their variables hold.
_HARMLESS = (
    "Invalid characters were found in group names",
    "Ansible is being run in a world writable directory",
    "Found both group and host with same name",
)
_MARKS = ("[WARNING]: ", "[ERROR]: ", "[DEPRECATION WARNING]: ")
_ORIGIN = "Origin: "
_QUOTED = 600
"""Characters of Ansible's own words that are repeated."""


def read_ansible(source: str, vault: VaultSources, cache: Path | None) -> tuple[Host, ...]:
    """Read an inventory file, folder, script, plugin configuration or host list (``a,b,``).

    Whatever Ansible warns of while it reads stops with InventoryError: an inventory that it has read in part
    would make an audit of part of the fleet look whole. Variables that are templates or encrypted are filled in by
    Ansible; a host with one that cannot be is returned as unusable, with the reason. What Ansible lists of files
    that have not changed is taken from the ``cache`` folder; what it fills in never is.
    """
    listing = kept_listing(source, vault, cache, lambda: _listing(source, vault), os.environ)
    filled = resolve(source, listing.variables, vault)
    return tuple(_host(name, filled[name], groups) for name, groups in listing.groups.items())


def _listing(source: str, vault: VaultSources) -> Listing:
    """Let Ansible read an inventory, and keep of its answer what concerns us."""
    answer = _list(source, vault)
    groups = _groups_of(answer)
    variables = answer.get("_meta", {}).get("hostvars", {})
    names = sorted(groups.keys() | variables.keys())
    wrong = [f"{source}: {problem}" for name in names if (problem := name_problem(name)) is not None]
    if wrong:
        raise InventoryError("; ".join(wrong))
    return Listing(
        groups={name: groups.get(name, ()) for name in names},
        variables={
            name: {key: value for key, value in variables.get(name, {}).items() if key in VARIABLES} for name in names
        },
    )


def _host(name: str, variables: Mapping[str, object], groups: tuple[str, ...]) -> Host:
    # As in Ansible, relative paths are taken from the folder it is started in.
    host, problems = host_from(name, variables, groups=groups, folder=Path.cwd())
    if not problems:
        return host
    return replace(host, unusable="; ".join(sorted({f"{variable} {what}" for variable, what in problems})))


def _groups_of(answer: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return every host with all groups that it is in, directly or through a group of groups, sorted."""
    found: dict[str, set[str]] = {}
    parents: dict[str, set[str]] = {}
    for group, content in answer.items():
        for child in content.get("children", ()):
            parents.setdefault(child, set()).add(group)
    for group, content in answer.items():
        above = _with_ancestors(group, parents) - {"all", "ungrouped"}
        for name in content.get("hosts", ()):
            found.setdefault(name, set()).update(above)
    return {name: tuple(sorted(groups)) for name, groups in found.items()}


def _with_ancestors(group: str, parents: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [group]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting.extend(parents.get(one, ()))
    return seen


def _list(source: str, vault: VaultSources) -> Mapping[str, Any]:
    """Let Ansible read an inventory."""
    environment = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "True"}
    with private_place(source) as place:
        said = run_ansible(
            place, source, "ansible-inventory", ["--list", "-i", source, *vault.arguments()], environment
        )
    _check(source, said)
    try:
        answer = json.loads(said.output)
    except ValueError:
        # The answer itself is not repeated: secrets may stand in it, in the exception too.
        raise InventoryError(f"{source}: Ansible gave no usable answer: it is not JSON") from None
    if not isinstance(answer, dict):
        raise InventoryError(f"{source}: Ansible gave no usable answer: it is no mapping")
    return answer


def _check(source: str, said: Said) -> None:
    """Raise InventoryError with what Ansible said unless it has read all without a complaint."""
    complaints = [text for text in _messages(said.complaints) if not text.startswith(_HARMLESS)]
    if said.status == "timeout":
        raise InventoryError(f"{source}: Ansible did not read it within {SECONDS} s")
    if complaints or said.status != "successful":
        words = "; ".join(dict.fromkeys(complaints)) or "it does not say why"
        more = " …" if len(words) > _QUOTED else ""
        raise InventoryError(f"{source}: Ansible cannot read all of it: {words[:_QUOTED]}{more}{_hint(source, words)}")


def _hint(source: str, words: str) -> str:
    """Say what Ansible leaves out: which file it is that is no YAML, or that it has no password for."""
    if "vault" in words.lower():
        files = [str(file) for file in vaulted(source)]
        what = "encrypted: {}; name the password's file with --vault-password-file or ANSIBLE_VAULT_PASSWORD_FILE"
    else:
        files = list(broken(source))
        what = "not YAML: {}"
    unnamed = [file for file in files if file not in words]
    return f" ({what.format(named(unnamed))})" if unnamed else ""


def _messages(said: str) -> Iterator[str]:
    """Yield the first paragraph of each of Ansible's messages, on one line, without its mark, with its origin."""
    message: list[str] = []
    for line in said.splitlines():
        mark = next((mark for mark in _MARKS if line.startswith(mark)), None)
        if mark is not None:
            yield from _whole(message)
            message = [line.removeprefix(mark)]
        else:
            message.append(line)
    yield from _whole(message)


def _whole(lines: list[str]) -> Iterator[str]:
    # What follows an empty line repeats it: the chain of causes, and where in Ansible each arose.
    text = " ".join("\n".join(lines).strip().partition("\n\n")[0].split())
    # The word that Ansible met may be a part of a password with a space in it.
    text, met, _ = text.partition(", got: ")
    if met:
        text += " (the word is not repeated here)"
    origin = next((line.removeprefix(_ORIGIN) for line in lines if line.startswith(_ORIGIN)), None)
    if origin is not None and origin not in text:
        text += f" ({origin})"
    if text:
        yield text
