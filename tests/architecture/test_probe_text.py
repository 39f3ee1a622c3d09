"""The text of the sh probe, assembled from its fragments, is sound before any shell runs it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.collect.probe import LAUNCHER, sh_probe
from auditor.collect.registry import collectors
from auditor.model.host import OsFamily


def _shellcheck() -> str:
    """Find shellcheck: the pinned one, else the system's."""
    pinned = Path(sys.executable).parent / "shellcheck"
    found = str(pinned) if pinned.is_file() else shutil.which("shellcheck")
    if found is None:
        pytest.skip("shellcheck is neither in the environment nor on the system: apt-get install shellcheck")
    return found


def _complaints(script: str, *options: str) -> str:
    done = subprocess.run(
        [_shellcheck(), "--shell=sh", "--format=gcc", *options, "-"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_probe_has_every_posix_collector() -> None:
    posix = [name for name, plugin in collectors().items() if plugin.scripts.keys() & {OsFamily.LINUX, OsFamily.MACOS}]
    assert posix
    probe = sh_probe()
    assert [name for name in posix if f"section {name} " not in probe] == []


def test_probe_is_clean_under_shellcheck() -> None:
    assert _complaints(sh_probe()) == ""


def test_shellcheck_would_complain() -> None:
    assert "SC2086" in _complaints("#!/bin/sh\nvalue='a b'\nls $value\n")


def test_launcher_is_one_short_line() -> None:
    assert len(LAUNCHER.encode()) < 1024
    assert "\n" not in LAUNCHER


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox", "mksh", "zsh"])
def test_probe_and_launcher_parse_in_every_shell(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed: apt-get install {shell}")
    command = [program, "ash"] if shell == "busybox" else [program]
    for name, text in (("probe", sh_probe()), ("launcher", LAUNCHER)):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        done = subprocess.run([*command, "-n", file], capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), name
