"""Running a playbook as the auditor does: through ansible-runner, values that are data, events kept."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

ROOT = Path(__file__).parents[2]
PLAYBOOKS = ROOT / "playbooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What became of a playbook on one host."""

    status: str
    """``successful``, ``failed`` and so on, as ansible-runner has it."""
    changed: int
    """Tasks that changed something, or would in check mode."""
    capsule: dict[str, Any] | None
    said: str = field(repr=False)
    """What Ansible printed."""


def as_data(value: object) -> object:
    """Return a value for a JSON file of variables in which every text is nothing but text to Ansible.

    Not YAML with ``!unsafe``: ansible-core 2.19 makes ``!unsafe "no"`` false, ``"1.10"`` a number and ``""`` nothing.
    """
    if isinstance(value, str):
        return {"__ansible_unsafe": value}
    if isinstance(value, Mapping):
        return {key: as_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(each) for each in value]
    return value


def play(
    name: str,
    inventory: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    check: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Played:
    """Run ``playbooks/<name>.yml`` on the only host of an inventory."""
    with tempfile.TemporaryDirectory() as folder:
        variables = Path(folder) / "values.json"
        variables.write_text(json.dumps(as_data(values)))
        ran = ansible_runner.run(
            private_data_dir=folder,
            playbook=str(PLAYBOOKS / f"{name}.yml"),
            inventory={"all": {"hosts": inventory}},
            cmdline=f"-e @{variables}" + (" --check" if check else ""),
            envvars={
                "ANSIBLE_HOME": f"{folder}/home",
                "ANSIBLE_LOCAL_TEMP": f"{folder}/local",
                "ANSIBLE_HOST_KEY_CHECKING": "False",
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{folder}/cp",
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                **(environment or {}),
            },
            quiet=True,
            settings={"suppress_env_files": True},
        )
        if not (Path(ran.config.artifact_dir) / "job_events").is_dir():
            raise AssertionError(f"Ansible did not start: {ran.status} {ran.stdout.read()[-2000:]}")
        events = list(ran.events)
        stats = ran.stats or {}
        with ran.stdout as out:
            said = out.read()
    facts = [
        event["event_data"]["res"].get("ansible_facts", {}) for event in events if event["event"] == "runner_on_ok"
    ]
    (host,) = inventory
    return Played(
        status=ran.status,
        changed=stats.get("changed", {}).get(host, 0),
        capsule=next((each["auditor_capsule"] for each in facts if "auditor_capsule" in each), None),
        said=said,
    )
