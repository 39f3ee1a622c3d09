"""The table of playbooks/README.md, made from the playbooks themselves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
_SPEC = "ansible.builtin.validate_argument_spec"
_SUBJECT = "{{ capture_subject }}"


def playbooks() -> tuple[Path, ...]:
    """Return every playbook, by name."""
    return tuple(sorted(PLAYBOOKS.glob("*.yml")))


def comment(playbook: Path) -> tuple[str, str]:
    """Return what a playbook says of itself, and its inverse (or why it has none)."""
    lines = [line[2:] for line in playbook.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    text, _, inverse = " ".join(lines).partition(" Inverse: ")
    return text, inverse.removesuffix(".yml")


def tasks(file: Path) -> Iterator[dict[str, Any]]:
    """Yield every task of a playbook or a file of tasks; those of files that it imports follow where they are."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    for task in content[0].get("tasks", content):
        yield task
        for how in ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks"):
            if how in task and "{{" not in task[how]:
                name = task[how].removeprefix("tasks/")
                yield from tasks(PLAYBOOKS / "tasks" / name)


def variables(playbook: Path) -> dict[str, dict[str, Any]]:
    """Return the variables that a playbook checks, with what it says of each."""
    found: dict[str, dict[str, Any]] = {}
    for task in tasks(playbook):
        if _SPEC in task:
            found |= task[_SPEC]["argument_spec"]
    return found


def _row(name: str, spec: dict[str, Any]) -> str:
    default = spec.get("default")
    if spec.get("required"):
        needed = "needed"
    elif default in ([], "", None):
        needed = "empty"
    else:
        needed = f"`{str(default).lower() if isinstance(default, bool) else default}`"
    kind = "list" if spec["type"] == "list" else spec["type"]
    choices = ", ".join(f"`{choice}`" for choice in spec.get("choices", ()))
    text = spec["description"] + (f" One of {choices}." if choices else "")
    return f"| `{name}` | {kind} | {needed} | {text} |"


def table() -> str:
    """Return the sections of the README, one a playbook."""
    parts = []
    for playbook in playbooks():
        text, inverse = comment(playbook)
        link = f"[{inverse}](#{inverse})" if (PLAYBOOKS / f"{inverse}.yml").exists() else inverse
        parts.append(f"### {playbook.stem}\n\n{text}\n\nInverse: {link}.")
        rows = [_row(name, spec) for name, spec in variables(playbook).items()]
        if rows:
            parts[-1] += "\n\n| variable | is a | default | |\n|---|---|---|---|\n" + "\n".join(rows)
    return "\n\n".join(parts) + "\n"
