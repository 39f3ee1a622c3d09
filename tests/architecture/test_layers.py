"""Data flows one way, and each third party has its one door."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

# Import name to where it may be imported; "" is anywhere. The table of ARCHITECTURE, "Third parties, one door each".
_DOORS = {
    "alembic": ("store/layout.py", "store/migrations/"),
    "ansible_runner": ("inventory/ansible_run.py", "remediate/ansible.py"),
    "apscheduler": ("run/calendar",),  # calendar.py and the file beside it that carries its name
    "celery": ("run/celery.py",),
    "cryptography": ("trust/",),
    "kombu": ("run/celery.py",),
    "evtx": ("ingest/events/evtx_file.py",),
    "jinja2": ("report/",),
    "keyring": ("inventory/references.py",),
    "jsonschema": ("",),
    "msgspec": (
        "model/record.py",
        "collect/seal.py",
        "report/rows.py",
        "run/apart.py",
        "report/earlier_runs.py",
        "run/sealed_history.py",
        "run/strict_json.py",
        "ingest/events/records.py",
    ),
    "paramiko": ("transport/ssh",),  # ssh.py and the files beside it that carry its name
    "sqlalchemy": ("store/",),
    "tabulate": ("cli/",),
    "xlsxwriter": ("report/xlsx.py",),
    "zstandard": ("ingest/opening.py",),
    "winrm": ("transport/winrm",),  # winrm.py and the files beside it that carry its name
    # What pywinrm stands on, held to our bounds.
    "requests": ("transport/winrm",),
    "requests_ntlm": ("transport/winrm",),
    "spnego": ("transport/winrm",),
    "urllib3": ("transport/winrm",),
    "yaml": ("",),
}
_DISTRIBUTIONS = {
    "celery": "celery[redis]",
    "ansible_runner": "ansible-runner",
    "requests_ntlm": "requests-ntlm",
    "spnego": "pyspnego",
    "winrm": "pywinrm",
    "yaml": "pyyaml",
}


def _imported(module: ast.Module) -> Iterator[str]:
    """Give the full name of every absolute import, those inside functions and for types included."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _third_parties(module: ast.Module) -> set[str]:
    return {name.partition(".")[0] for name in _imported(module)} - sys.stdlib_module_names - {"auditor"}


def test_layers_import_only_what_stands_to_their_right(root: Path, tmp_path: Path) -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [linter, "--cache-dir", tmp_path], cwd=root, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "data flows one way KEPT" in done.stdout
    assert "0 broken" in done.stdout


def test_type_only_imports_count_as_imports(root: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert settings["exclude_type_checking_imports"] is False
    assert all("ignore_imports" not in contract for contract in settings["contracts"])


def test_model_and_errors_use_the_standard_library_and_records_door(
    package: dict[Path, ast.Module],
) -> None:
    foreign = [
        f"{path}: {name}"
        for path, module in package.items()
        if path.is_relative_to("auditor/model") or path == Path("auditor/errors.py")
        for name in _imported(module)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not name.startswith(("auditor.model", "auditor.errors"))
        and not (name.startswith("msgspec") and path == Path("auditor/model/record.py"))
    ]
    assert foreign == []


def test_third_parties_come_in_by_their_own_door(package: dict[Path, ast.Module]) -> None:
    used = {
        (path.relative_to("auditor").as_posix(), name)
        for path, module in package.items()
        for name in _third_parties(module)
    }
    assert {name for _, name in used} >= {"yaml", "jsonschema"}
    astray = [f"auditor/{file}: {name}" for file, name in sorted(used) if not file.startswith(_DOORS.get(name, ()))]
    assert astray == []


def test_third_parties_are_declared(root: Path, package: dict[Path, ast.Module]) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = [wanted for extra in project["optional-dependencies"].values() for wanted in extra]
    declared = " ".join([*project["dependencies"], *extras])
    used = {name for module in package.values() for name in _third_parties(module)}
    assert [name for name in sorted(used) if _DISTRIBUTIONS.get(name, name) + ">=" not in declared] == []
