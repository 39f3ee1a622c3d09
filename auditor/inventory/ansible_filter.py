"""Fill in variables of many hosts at once: a filter that Ansible loads from the folder of our playbook.

It runs inside Ansible and imports nothing of it. Values leave it through the named pipe only: its result, which
Ansible might log, is empty.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path


def auditor_fill_in(hostvars: Mapping[str, Mapping[str, object]], folder: str) -> str:
    """Write each wanted variable of each host into ``answer``, or why there is none; the wanted ones are in a file."""
    wanted: dict[str, list[str]] = json.loads(Path(folder, "wanted.json").read_text(encoding="utf-8"))
    with Path(folder, "answer").open("w", encoding="utf-8") as answer:
        for host, names in wanted.items():
            filled = {name: _fill_in(hostvars, host, name) for name in names}
            answer.write(json.dumps({"host": host, "variables": filled}) + "\n")
    return ""


def _fill_in(hostvars: Mapping[str, Mapping[str, object]], host: str, name: str) -> dict[str, object]:
    try:
        value = hostvars[host][name]
        kind = type(value).__name__
        if "Undefined" in kind or "Marker" in kind:
            # How the versions of Ansible hand over what is not there.
            return {"problem": _why(kind, str(getattr(value, "_undefined_message", "")))}
        if isinstance(value, bool | int | float) or value is None:
            return {"value": None if value is None else str(value)}
        if isinstance(value, Mapping | list | tuple):
            return {"problem": "is a structure, and a text or number is wanted"}
        return {"value": str(value)}
    except Exception as error:  # noqa: BLE001 — anything may be raised by the operator's own templates
        return {"problem": _why(type(error).__name__, str(error))}


def _why(kind: str, text: str) -> str:
    """Say why a variable cannot be filled in, without a word that may be a value."""
    if "Vault" in kind:
        return "is encrypted with Ansible Vault, and no vault password given opens it"
    if "Undefined" not in kind:
        return f"is a template that fails ({kind})"
    before, mark, _ = text.partition("' is undefined")
    name = before.rpartition("'")[2]
    missing = f"'{name}'" if mark and name.isidentifier() else "what it names"
    return f"is a template, and {missing} is not defined"


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[[Mapping[str, Mapping[str, object]], str], str]]:
        """Name the filters of this file."""
        return {"auditor_fill_in": auditor_fill_in}
