"""Hosts from an Ansible inventory of any kind, read by Ansible itself through ansible-runner."""

import os
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditor.errors import InventoryError
from auditor.inventory.rows import name_problem
from auditor.inventory.variables import host_from
from auditor.model.host import Host

_SECONDS = 600
"""How long Ansible may take: a fleet of 10,000 hosts takes it 20 s, a cloud's answer may take minutes."""
# Warnings that concern neither which hosts there are nor what their variables hold.
_HARMLESS = (
    "Invalid characters were found in group names",
    "Ansible is being run in a world writable directory",
    "Found both group and host with same name",
)
_MARKS = ("[WARNING]: ", "[ERROR]: ", "[DEPRECATION WARNING]: ")
_QUOTED = 600
"""Characters of Ansible's own words that are repeated."""


def read_ansible(source: str) -> tuple[Host, ...]:
    """Read an inventory file, folder, script, plugin configuration or host list (``a,b,``).

    Whatever Ansible warns of while it reads stops with InventoryError: an inventory that it has read in part
    would make an audit of part of the fleet look whole. A host whose variables cannot be used as they stand
    (templates, Ansible Vault) is returned as unusable, with the reason.
    """
    answer = _list(source)
    groups = _groups_of(answer)
    variables = answer.get("_meta", {}).get("hostvars", {})
    names = sorted(groups.keys() | variables.keys())
    wrong = [f"{source}: {problem}" for name in names if (problem := name_problem(name)) is not None]
    if wrong:
        raise InventoryError("; ".join(wrong))
    return tuple(_host(name, variables.get(name, {}), groups.get(name, ())) for name in names)


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


def _list(source: str) -> Mapping[str, Any]:
    """Let Ansible read an inventory; what it leaves behind, secrets among it, lies in memory and is removed."""
    import ansible_runner  # noqa: PLC0415 — 0.1 s that only this kind of inventory costs
    from ansible_runner.exceptions import AnsibleRunnerException, ConfigurationError  # noqa: PLC0415

    ends: list[str] = []
    with tempfile.TemporaryDirectory(prefix="auditor-inventory-", dir=_memory()) as private, _programs_of_ours():
        environment = {
            "ANSIBLE_LOCAL_TEMP": str(Path(private, "tmp")),
            "ANSIBLE_NOCOLOR": "True",
            "ANSIBLE_DEPRECATION_WARNINGS": "False",
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "True",
        }
        try:
            answer, said = ansible_runner.get_inventory(
                "list",
                [source],
                response_format="json",
                private_data_dir=private,
                envvars=environment,
                quiet=True,
                timeout=_SECONDS,
                status_handler=lambda status, runner_config: ends.append(status["status"]),  # noqa: ARG005
            )
        except ConfigurationError as error:
            raise InventoryError(
                f"{source}: reading an Ansible inventory takes ansible-core, which is not installed: "
                "pip install 'auditor[ansible]', or list the hosts in CSV or YAML"
            ) from error
        except (AnsibleRunnerException, ValueError) as error:
            raise InventoryError(f"{source}: Ansible gave no usable answer: {str(error)[:_QUOTED]}") from error
    _check(source, ends[-1] if ends else "", said)
    if not isinstance(answer, dict):
        raise InventoryError(f"{source}: Ansible gave no usable answer")
    return answer


def _check(source: str, end: str, said: str) -> None:
    """Raise InventoryError with what Ansible said unless it has read all without a complaint."""
    complaints = [text for text in _messages(said) if not text.startswith(_HARMLESS)]
    if end == "timeout":
        raise InventoryError(f"{source}: Ansible did not read it within {_SECONDS} s")
    if complaints or end != "successful":
        words = "; ".join(dict.fromkeys(complaints)) or "it does not say why"
        more = " …" if len(words) > _QUOTED else ""
        raise InventoryError(f"{source}: Ansible cannot read all of it: {words[:_QUOTED]}{more}")


def _messages(said: str) -> Iterator[str]:
    """Yield the first paragraph of each of Ansible's messages, on one line and without its mark."""
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
    if text:
        yield text


def _memory() -> str | None:
    """Return a folder that is kept in memory, where there is one: the answer holds the inventory's secrets."""
    for folder in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108 — a private folder is made inside
        if folder and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


@contextmanager
def _programs_of_ours() -> Iterator[None]:
    """Let ansible-runner find the programs that were installed with the auditor, activated environment or not."""
    before = os.environ.get("PATH")
    ours = sysconfig.get_path("scripts")
    if not Path(ours, "ansible-inventory").exists():
        yield
        return
    os.environ["PATH"] = ours if before is None else os.pathsep.join((ours, before))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before
