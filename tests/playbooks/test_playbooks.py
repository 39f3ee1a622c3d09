"""Every playbook says what it does, checks what it is given, has its inverse, and makes no text into code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tree_sitter
import tree_sitter_powershell
import yaml

from tests.playbooks.table import PLAYBOOKS, comment, playbooks, table, tasks, variables

_NAMES = {path.stem for path in playbooks()}
_NOT_GIVEN = {"capsule", "guard_id", "guard_seconds", "capture_subject"}
_MODULES = {
    "ansible.builtin.assert",
    "ansible.builtin.command",
    "ansible.builtin.import_tasks",
    "ansible.builtin.include_tasks",
    "ansible.builtin.include_vars",
    "ansible.builtin.ping",
    "ansible.builtin.set_fact",
    "ansible.builtin.stat",
    "ansible.builtin.validate_argument_spec",
    "ansible.windows.win_powershell",
}
_KEYWORDS = {
    "name", "vars", "register", "check_mode", "changed_when", "failed_when", "no_log", "loop", "loop_control",
}  # fmt: skip
_COMPOSED = [
    pytest.param(names, id="-".join(names))
    for names in (
        ("service_units", "service"),
        ("filter_nftables", "filter_iptables", "filter_firewalld", "filter"),
        ("service_units", "product_packages", "product"),
        ("service_units", "vnc"),
        ("guard",),
    )
]
each_playbook = pytest.mark.parametrize("playbook", playbooks(), ids=lambda path: path.stem)


def _play(playbook: Path) -> dict[str, Any]:
    (play,) = yaml.safe_load(playbook.read_text(encoding="utf-8"))
    assert isinstance(play, dict)
    return play


def _all_tasks() -> list[tuple[str, dict[str, Any]]]:
    files = (*playbooks(), *sorted((PLAYBOOKS / "tasks").glob("*.yml")))
    return [(file.name, task) for file in files for task in tasks(file)]


@each_playbook
def test_it_says_what_it_does_and_names_its_inverse(playbook: Path) -> None:
    text, inverse = comment(playbook)
    assert text.endswith(".")
    if inverse.startswith("none, "):
        assert playbook.stem.endswith("capture")
    else:
        assert comment(PLAYBOOKS / f"{inverse}.yml")[1] == playbook.stem


@each_playbook
def test_it_checks_before_it_reaches_a_host(playbook: Path) -> None:
    first = [next(iter(set(task) - _KEYWORDS)) for task in tasks(playbook)]
    checks = [number for number, module in enumerate(first) if module == "ansible.builtin.validate_argument_spec"]
    reaching = {"ansible.builtin.command", "ansible.builtin.ping", "ansible.windows.win_powershell"}
    touches = [number for number, module in enumerate(first) if module in reaching]
    assert checks
    assert not touches or max(checks) < min(touches)


@each_playbook
def test_it_declares_every_variable_that_it_takes(playbook: Path) -> None:
    declared = variables(playbook)
    for file in _play(playbook).get("vars_files", ()):
        content = yaml.safe_load((PLAYBOOKS / file).read_text(encoding="utf-8"))
        taken = set(content.get("subject_variables", ()))
        assert taken <= set(declared), file
    assert all(spec["description"].endswith(".") for spec in declared.values())


@each_playbook
def test_hosts_are_left_to_whoever_runs_it(playbook: Path) -> None:
    play = _play(playbook)
    assert play["hosts"] == "all"
    assert play["gather_facts"] is False
    assert play.get("become", False) is not playbook.stem.startswith("windows_")


def test_only_modules_that_are_meant_are_used() -> None:
    used = {(file, key) for file, task in _all_tasks() for key in set(task) - _KEYWORDS}
    assert {(file, module) for file, module in used if module not in _MODULES} == set()


def test_no_text_of_a_variable_becomes_code() -> None:
    commands = [task["ansible.builtin.command"] for _, task in _all_tasks() if "ansible.builtin.command" in task]
    assert commands
    assert all(set(command) <= {"argv", "stdin", "removes"} for command in commands)
    scripts = [
        task["ansible.windows.win_powershell"]["script"]
        for _, task in _all_tasks()
        if "ansible.windows.win_powershell" in task
    ]
    assert set(scripts) == {"{{ lookup('ansible.builtin.file', playbook_dir ~ '/windows/' ~ script_name ~ '.ps1') }}"}


def test_what_may_hold_settings_of_a_host_is_not_logged() -> None:
    running = [task for _, task in _all_tasks() if task.get("register") == "script_answer"]
    assert running
    assert all(task["no_log"] is True for task in running)


def test_the_readme_has_every_variable() -> None:
    assert table() in (PLAYBOOKS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("names", _COMPOSED)
def test_the_scripts_are_sound_shell(names: tuple[str, ...], tmp_path: Path) -> None:
    text = "\n".join((PLAYBOOKS / "scripts" / f"{name}.sh").read_text(encoding="utf-8") for name in ("opening", *names))
    script = tmp_path / "script.sh"
    script.write_text(text)
    assert len(text.encode()) < 128 * 1024, "one argument of a program holds 128 KiB on Linux"
    shellcheck = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not here")
    # Lists of words are split on purpose; what is printed into other scripts stands in single quotes.
    found = subprocess.run(
        [shellcheck, "-s", "sh", "-e", "SC2016,SC2046,SC2086,SC2154", str(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_every_script_is_composed_somewhere() -> None:
    composed = {name for case in _COMPOSED for name in case.values[0]} | {"opening"}  # type: ignore[union-attr]
    assert {path.stem for path in (PLAYBOOKS / "scripts").glob("*.sh")} == composed
    named = re.findall(r"script_names: \[([a-z_, ]+)\]", "".join(path.read_text() for path in PLAYBOOKS.rglob("*.yml")))
    assert {tuple(names.split(", ")) for names in named} == {case.values[0] for case in _COMPOSED}


@pytest.mark.parametrize("script", sorted((PLAYBOOKS / "windows").glob("*.ps1")), ids=lambda path: path.stem)
def test_the_scripts_for_windows_follow_the_grammar(script: Path) -> None:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    tree = parser.parse(script.read_bytes())
    assert not tree.root_node.has_error
    text = script.read_text(encoding="utf-8")
    assert "$Ansible.CheckMode" in text
    assert "Invoke-Expression" not in text
