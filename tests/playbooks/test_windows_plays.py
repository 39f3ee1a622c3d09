"""Plays for Windows as far as they can be tried without Windows: syntax, linter, and what recorded hosts make of them.

That a play does on Windows what it says, no test shows.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.playbooks.linting import Linting, need_linting
from tests.playbooks.plays import PLAYBOOKS, as_data
from tests.playbooks.table import playbooks, tasks

pytestmark = [pytest.mark.slow, pytest.mark.change]

_BIN = Path(sys.executable).parent
_RECORDED = Path(__file__).parents[1] / "collect"
_WINDOWS = [path for path in playbooks() if path.stem.startswith("windows_")]
# In place of the module: it says what it was given, as the real one would be.
_RECORDER = """
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(dict(script=dict(type="str"), parameters=dict(type="dict"), depth=dict(type="int")))
module.exit_json(changed=True, error=[], result={"state": [], "changed": True}, given=module.params)
"""


@pytest.fixture(scope="module")
def linting() -> Linting:
    found = need_linting()
    if isinstance(found, str):
        pytest.skip(f"ansible-lint and the collection ansible.windows {found}")
    return found


def _environment(folder: Path, collections: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        "NO_COLOR": "1",
    }


def test_the_syntax_is_right(linting: Linting, tmp_path: Path) -> None:
    command = [str(_BIN / "ansible-playbook"), "--syntax-check", "-i", "here,", *map(str, _WINDOWS)]
    environment = _environment(tmp_path, linting.collections)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("playbook: ") == len(_WINDOWS) >= 10


def test_the_linter_has_nothing_to_say_of_any_playbook(linting: Linting, tmp_path: Path) -> None:
    done = _lint(linting, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    # It is the linter that says nothing, and not one that did not look.
    (tmp_path / "playbooks/stop_service.yml").write_text("- hosts: all\n  tasks:\n    - shell: echo {{x}}\n")
    assert _lint(linting, tmp_path).returncode != 0


def _lint(linting: Linting, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    if not (tmp_path / "playbooks").exists():
        shutil.copytree(PLAYBOOKS, tmp_path / "playbooks")
    environment = _environment(tmp_path, linting.collections)
    return subprocess.run(
        [str(linting.program), "--offline", "--profile", "production", *(path.name for path in playbooks())],
        cwd=tmp_path / "playbooks",
        env=environment | {"PATH": f"{linting.program.parent}:{environment['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_module_is_given_what_it_knows(linting: Linting) -> None:
    module = linting.collections / "ansible_collections/ansible/windows/plugins/modules/win_powershell.py"
    (manual,) = [
        ast.literal_eval(one.value)
        for one in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(one, ast.Assign) and "DOCUMENTATION" in [getattr(name, "id", "") for name in one.targets]
    ]
    documented = yaml.safe_load(manual)["options"]
    (given,) = [
        task["ansible.windows.win_powershell"]
        for task in tasks(PLAYBOOKS / "tasks/windows_script.yml")
        if "ansible.windows.win_powershell" in task
    ]
    assert set(given) <= set(documented)


# ---- variables of recorded hosts


def _facts(case: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = json.loads((_RECORDED / case / "expected.json").read_text(encoding="utf-8"))[
        "facts"
    ]
    return found


def _services() -> Mapping[str, Any]:
    return {"services": [fact["name"] for fact in _facts("services/windows/ordinary") if "name" in fact]}


def _codes() -> Mapping[str, Any]:
    names = [fact.get("identifier", "") for fact in _facts("software/uninstall/ordinary")]
    return {"removal_id": "r1", "product_codes": [name for name in names if name.startswith("{")]}


def _ports() -> Mapping[str, Any]:
    facts = [fact for fact in _facts("sockets/windows/ordinary") if "port" in fact and "remote_port" not in fact]
    ports = sorted({f"{fact['port']}/{fact['protocol']}" for fact in facts})
    return {"rule_id": "a1", "ports": ports, "networks": ["10.1.0.0/16", "2001:db8::/32"], "programs": []}


def _programs() -> Mapping[str, Any]:
    facts = _facts("processes/windows/ordinary")
    paths = sorted({fact["executable"] for fact in facts if (fact.get("executable") or "")[1:3] == ":\\"})
    return {"rule_id": "a1", "ports": ["7070/tcp"], "networks": [], "programs": paths}


@pytest.mark.parametrize(
    ("play", "verb", "values", "parameters"),
    [
        pytest.param("windows_stop_service", "stop", _services(), {"Services": "services"}, id="services"),
        pytest.param("windows_remove_product", "remove", _codes(), {"ProductCodes": "product_codes"}, id="products"),
        pytest.param(
            "windows_block_inbound", "block", _ports(), {"Ports": "ports", "Networks": "networks"}, id="ports"
        ),
        pytest.param("windows_block_outbound", "block", _programs(), {"Programs": "programs"}, id="programs"),
    ],
)
def test_what_recorded_hosts_say_reaches_the_script_as_it_is(
    tmp_path: Path, play: str, verb: str, values: Mapping[str, Any], parameters: Mapping[str, str]
) -> None:
    assert all(values[name] for name in parameters.values())
    given = _rendered(tmp_path, play, values)
    assert given["parameters"]["Verb"] == verb
    assert {name: given["parameters"][name] for name in parameters} == {
        name: values[variable] for name, variable in parameters.items()
    }
    scripts = [path.read_text(encoding="utf-8").rstrip("\n") for path in (PLAYBOOKS / "windows").glob("*.ps1")]
    assert given["script"].rstrip("\n") in scripts


def _rendered(tmp_path: Path, play: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a play hands to PowerShell, with a module in its place that returns it."""
    shutil.copytree(PLAYBOOKS, tmp_path / "playbooks")
    script = tmp_path / "playbooks/tasks/windows_script.yml"
    script.write_text(script.read_text(encoding="utf-8").replace("no_log: true", "no_log: false"), encoding="utf-8")
    module = tmp_path / "collections/ansible_collections/ansible/windows/plugins/modules/win_powershell.py"
    module.parent.mkdir(parents=True)
    module.write_text(_RECORDER)
    (tmp_path / "values.json").write_text(json.dumps(as_data(values)))
    environment = _environment(tmp_path, tmp_path / "collections") | {
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"
    }
    command = [
        *(str(_BIN / "ansible-playbook"), "-i", "here,", "-c", "local", "-vvv"),
        *("-e", f"@{tmp_path / 'values.json'}", "-e", f"ansible_python_interpreter={sys.executable}"),
        str(tmp_path / "playbooks" / f"{play}.yml"),
    ]
    environment |= {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    text = done.stdout
    assert '"given": {' in text, text[-3000:] + done.stderr[-1000:]
    given: Mapping[str, Any] = json.JSONDecoder().raw_decode(text, text.index('"given": {') + len('"given": '))[0]
    return given
