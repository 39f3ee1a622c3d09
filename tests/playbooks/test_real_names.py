"""The names that recorded hosts have pass the checks of the playbooks; what a shell would take apart does not."""

import json
import re
from pathlib import Path

import pytest

from tests.playbooks.table import PLAYBOOKS, tasks

_CASES = Path(__file__).parents[1] / "collect"


def _pattern(file: str, variable: str) -> re.Pattern[str]:
    """Return the pattern that a file of tasks checks a variable with."""
    conditions = [
        condition
        for task in tasks(PLAYBOOKS / "tasks" / file)
        if isinstance(task.get("ansible.builtin.assert", {}).get("that"), list)
        for condition in task["ansible.builtin.assert"]["that"]
    ]
    (found,) = (text for text in conditions if text.startswith(variable) and "reject('match'" in text)
    (pattern,) = re.findall(r"match', '(.*?)'\)", found, re.DOTALL)
    # Conditions are no templates, but Jinja reads their texts as Python does.
    return re.compile(pattern.replace("\\\\", "\\"))


def _names(case: str, field: str = "name") -> list[str]:
    facts = json.loads((_CASES / case / "expected.json").read_text(encoding="utf-8"))["facts"]
    return [fact[field] for fact in facts if field in fact]


@pytest.mark.parametrize(
    ("file", "variable", "case", "prefix"),
    [
        pytest.param("check_service.yml", "(units", "services/systemd/ordinary", "", id="systemd"),
        pytest.param("check_service.yml", "(units", "services/user_units/ordinary", "", id="units-of-sessions"),
        pytest.param("check_service.yml", "(units", "services/sysv/ordinary", "", id="sysv"),
        pytest.param("check_product.yml", "packages", "software/dpkg/ordinary", "dpkg/", id="dpkg"),
        pytest.param("check_product.yml", "packages", "software/rpm/ordinary", "rpm/", id="rpm"),
        pytest.param("check_product.yml", "packages", "software/pacman/ordinary", "pacman/", id="pacman"),
        pytest.param("check_product.yml", "packages", "software/apk/ordinary", "apk/", id="apk"),
        pytest.param("check_product.yml", "packages", "software/snap/ordinary", "snap/", id="snap"),
        pytest.param("check_product.yml", "packages", "software/flatpak/ordinary", "flatpak/", id="flatpak"),
        pytest.param("check_windows_service.yml", "services", "services/windows/ordinary", "", id="windows"),
    ],
)
def test_real_names_pass(file: str, variable: str, case: str, prefix: str) -> None:
    pattern = _pattern(file, variable)
    names = _names(case)
    assert names
    assert [name for name in names if pattern.match(prefix + name) is None] == []


@pytest.mark.parametrize("bad", ["a b", "a;b", "$(a)", "a\n", "-a", "a'b", "a`b`", "{{ a }}", "a|b", "", "a\tb", "a>b"])
@pytest.mark.parametrize(
    ("file", "variable", "prefix"),
    [("check_service.yml", "(units", ""), ("check_product.yml", "packages", "dpkg/")],
)
def test_what_a_shell_takes_apart_does_not(file: str, variable: str, prefix: str, bad: str) -> None:
    assert _pattern(file, variable).match(prefix + bad) is None


def test_product_codes_of_windows_pass() -> None:
    pattern = _pattern("check_windows_product.yml", "product_codes")
    codes = [code for code in _names("software/uninstall/ordinary", "identifier") if code.startswith("{")]
    assert codes
    assert all(pattern.match(code) for code in codes)
    assert pattern.match("AnyDesk") is None


def test_paths_of_portable_copies_pass() -> None:
    pattern = _pattern("check_windows_product.yml", "copies")
    assert pattern.match("-:C:\\Users\\Zoë\\Downloads\\AnyDesk (1).exe")
    assert pattern.match("-:AnyDesk.exe") is None
    assert pattern.match("-:C:\\a*") is None
