"""Every collector, control and product is one file: named, documented and tested as promised."""

import inspect
import sys
from pathlib import Path

import yaml

from auditor.collect.registry import collectors
from auditor.controls.attack import attack_data
from auditor.controls.registry import controls
from auditor.firewall.dialects.registry import dialects
from auditor.report.formats import FORMATS

_MANUAL = ("## What it checks", "## Why it matters", "## How to fix")
_PARTS_OF_COLLECT = {"__init__"}


def _docstring(module: str) -> str:
    return inspect.getdoc(sys.modules[module]) or ""


def _plugin_files(root: Path, folder: str, pattern: str, mark: str) -> set[str]:
    """Return the dotted names of the files that define a plug-in, by their text: discovery must find no fewer."""
    top = root / "auditor" / folder
    return {
        path.relative_to(top).with_suffix("").as_posix().replace("/", ".")
        for path in top.glob(pattern)
        if path.stem not in _PARTS_OF_COLLECT and f"\n{mark} = " in path.read_text(encoding="utf-8")
    }


def test_collectors_are_found_under_the_names_of_their_files(root: Path) -> None:
    assert collectors()
    assert {plugin.id for plugin in collectors().values()} == set(collectors())
    assert set(collectors()) == _plugin_files(root, "collect", "*/*.py", "PLUGIN")


def test_collectors_say_what_they_ask() -> None:
    silent = [name for name in collectors() if not _docstring(f"auditor.collect.{name}").strip()]
    assert silent == []


def test_collectors_return_facts_of_the_model() -> None:
    strange = [
        f"{name}: {fact!r}"
        for name, plugin in collectors().items()
        for fact in plugin.facts
        if not fact.__module__.startswith("auditor.model.")
    ]
    assert strange == []
    assert [name for name, plugin in collectors().items() if not (plugin.facts and plugin.systems)] == []


def test_collectors_have_a_test_folder_with_recorded_answers(root: Path) -> None:
    cases = {name: root / "tests" / "collect" / Path(*name.split(".")) for name in collectors()}
    assert [name for name, folder in cases.items() if not any(folder.rglob("input.txt"))] == []


def test_recorded_answers_say_what_they_should_become(root: Path) -> None:
    inputs = sorted((root / "tests" / "collect").rglob("input.txt"))
    assert inputs
    incomplete = [
        f"{path.parent.relative_to(root)}: {name}"
        for path in inputs
        for name in ("case.toml", "expected.json")
        if not (path.parent / name).is_file()
    ]
    assert incomplete == []


def test_controls_are_found_under_the_names_of_their_files(root: Path) -> None:
    assert controls()
    assert {control.id for control in controls().values()} == set(controls())
    assert set(controls()) == _plugin_files(root, "controls", "*.py", "CONTROL")


def test_controls_have_a_manual_page() -> None:
    lacking = [
        f"{name}: {heading}"
        for name, control in controls().items()
        for heading in _MANUAL
        if heading not in control.manual.splitlines()
    ]
    assert lacking == []
    assert [
        name for name in controls() if controls()[name].manual != sys.modules[f"auditor.controls.{name}"].__doc__
    ] == []


def test_controls_have_tests(root: Path) -> None:
    folder = root / "tests" / "controls"
    untested = [
        name
        for name in controls()
        if not ((folder / f"test_{name}.py").is_file() or any((folder / name).glob("test_*.py")))
    ]
    assert untested == []


def test_controls_claim_only_what_attack_states() -> None:
    stated = attack_data().relations
    invented = [
        f"{name}: {control.mitigation} does not attach to {technique}"
        for name, control in controls().items()
        for technique in control.techniques
        if control.mitigation not in stated.get(technique, ())
    ]
    assert invented == []


def test_controls_need_sections_that_a_collector_gives() -> None:
    unknown = [
        f"{name}: {want}"
        for name, control in controls().items()
        for wanted in control.needs.values()
        for want in wanted
        if want != "*"
        and not any(section == want or section.startswith(want.removesuffix("*")) for section in collectors())
    ]
    assert unknown == []


def test_dialects_are_found_under_the_names_of_their_files(root: Path) -> None:
    assert dialects()
    assert {dialect.id for dialect in dialects().values()} == set(dialects())
    assert set(dialects()) == _plugin_files(root, "firewall/dialects", "*.py", "DIALECT")
    sections = {name for one in dialects().values() for name in (*one.engines, *one.beside)}
    assert sorted(sections - set(collectors())) == []


def test_dialects_have_tests(root: Path) -> None:
    folder = root / "tests" / "firewall"
    untested = [name for name in dialects() if not (folder / f"test_{name}.py").is_file()]
    assert untested == []


def test_playbooks_that_are_named_exist(root: Path) -> None:
    named = {
        (name, word.strip("`.,;()"))
        for name, control in controls().items()
        for word in control.manual.split()
        if "playbooks/" in word
    }
    assert [f"{name}: {path}" for name, path in sorted(named) if not (root / path).is_file()] == []


def test_products_bear_the_names_of_their_files(root: Path) -> None:
    files = sorted((root / "auditor" / "catalogue" / "products").glob("*.yml"))
    assert files
    misnamed = [
        path.name
        for path in files
        if yaml.safe_load(path.read_text(encoding="utf-8")).get("id", path.stem) != path.stem
    ]
    assert misnamed == []


def test_report_formats_are_found_and_tested(root: Path) -> None:
    files = _plugin_files(root, "report", "*.py", "FORMAT")
    assert {form.write.__module__.removeprefix("auditor.report.") for form in FORMATS.values()} == files
    assert {name: form.id for name, form in FORMATS.items() if name != form.id} == {}
    tests = root / "tests" / "report"
    untested = [name for name in files if not ((tests / f"test_{name}.py").is_file() or (tests / name).is_dir())]
    assert sorted(untested) == []
