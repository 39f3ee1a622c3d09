"""Variables that are templates or encrypted, filled in by Ansible itself: one run for all hosts that need it."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files

from auditor.inventory.ansible_run import Place, Said, private_place, run_ansible
from auditor.inventory.variables import VARIABLES, Unresolved, is_unresolved
from auditor.inventory.vault import VaultSources

Variables = Mapping[str, object]

# The variables of whatever stands in the inventory as `localhost` must not lead Ansible elsewhere.
_PLAYBOOK = """\
- hosts: localhost
  gather_facts: false
  connection: local
  become: false
  no_log: true
  tasks:
  - ansible.builtin.debug:
      msg: "{{ hostvars | auditor_fill_in(auditor_folder) }}"
    no_log: true
    vars:
      ansible_connection: local
      ansible_become: false
      ansible_host: localhost
      ansible_port: 22
      ansible_user: ""
      ansible_password: ""
"""
_NO_MEMORY = (
    "cannot be filled in: there is no folder in memory (tmpfs) for Ansible to run in: set XDG_RUNTIME_DIR to one"
)


def resolve(source: str, hostvars: Mapping[str, Variables], vault: VaultSources) -> dict[str, Variables]:
    """Return the hosts' variables with those that concern us filled in; what cannot be says so (``Unresolved``).

    Nothing else of a host is filled in, and nothing at all when no host needs it.
    """
    wanted = {
        host: sorted(name for name in variables.keys() & VARIABLES if is_unresolved(variables[name]))
        for host, variables in hostvars.items()
    }
    wanted = {host: names for host, names in wanted.items() if names}
    if not wanted:
        return dict(hostvars)
    with private_place(source) as place:
        filled = _filled(source, place, wanted, vault) if place.is_in_memory else {}
        missing = "was not filled in by Ansible, which does not say why" if place.is_in_memory else _NO_MEMORY
    resolved = dict(hostvars)
    for host, names in wanted.items():
        known = filled.get(host, {})
        resolved[host] = {**hostvars[host], **{name: known.get(name, Unresolved(why=missing)) for name in names}}
    return resolved


def _filled(
    source: str, place: Place, wanted: Mapping[str, list[str]], vault: VaultSources
) -> dict[str, dict[str, object]]:
    playbook = place.folder / "resolve.yml"
    playbook.write_text(_PLAYBOOK, encoding="utf-8")
    (place.folder / "wanted.json").write_text(json.dumps(wanted), encoding="utf-8")
    (place.folder / "filter_plugins").mkdir()
    code = (files("auditor.inventory") / "ansible_filter.py").read_text(encoding="utf-8")
    (place.folder / "filter_plugins" / "auditor_fill_in.py").write_text(code, encoding="utf-8")
    said = run_ansible(
        place,
        source,
        "ansible-playbook",
        ["-i", source, "-e", json.dumps({"auditor_folder": str(place.folder)}), *vault.arguments(), str(playbook)],
        {"ANSIBLE_STRATEGY": "linear", "ANSIBLE_LOCALHOST_WARNING": "False"},
    )
    return dict(_answers(said))


def _answers(said: Said) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each host with its variables; a line that was cut off is as good as none."""
    for line in said.answer.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        yield (
            told["host"],
            {
                name: Unresolved(why=answer["problem"]) if "problem" in answer else _plain(answer["value"])
                for name, answer in told["variables"].items()
            },
        )


def _plain(value: object) -> object:
    return Unresolved(why="still holds a template after it was filled in") if is_unresolved(value) else value
