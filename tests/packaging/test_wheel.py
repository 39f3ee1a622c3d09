"""The built wheel, installed in an empty environment, audits from an empty folder."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_the_wheel_audits_from_an_empty_folder(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    playbooks = {path.relative_to(ROOT) for path in (ROOT / "playbooks").rglob("*") if path.is_file()}
    assert {f"auditor/_bundled/{path}" for path in playbooks} <= held
    assert playbooks
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Everything the wheel needs, as it is pinned; then the wheel alone.
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "constraints.txt")], check=True, capture_output=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, capture_output=True)
    subprocess.run([str(python), "-m", "pip", "check"], check=True, capture_output=True)
    program = str(tmp_path / "venv" / "bin" / "auditor")
    packs = subprocess.run([program, "policy", "list"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert [line.split()[0] for line in packs.stdout.splitlines()[1:]] == ["managed", "strict", "vnc-lab"]
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = subprocess.run(
        [program, "audit", "local"],
        cwd=empty,
        env={"HOME": str(tmp_path / "home"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (0, 1, 3), ran.stderr
    (results,) = empty.glob("reports/*/results.json")
    data = json.loads(results.read_text())
    assert [row["reason"] for row in data["ledger"]] == [None]
    assert {path.name for path in empty.iterdir()} == {"reports"}
    assert (results.parent / "html" / "index.html").exists()
