"""The text of the sh probe, assembled from its fragments, is sound before any shell runs it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.collect.probe import LAUNCHER, entry_script, sh_probe
from auditor.collect.registry import collectors
from auditor.collect.sockets.spaces import INSIDE
from auditor.model.host import OsFamily

ROOT = Path(__file__).parents[2]


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
    posix = [name for name, plugin in collectors().items() if plugin.systems & {OsFamily.LINUX, OsFamily.MACOS}]
    assert posix
    probe = sh_probe()
    assert [name for name in posix if f"section {name} " not in probe] == []


def test_probe_is_clean_under_shellcheck() -> None:
    assert _complaints(sh_probe()) == ""
    # What the probe hands to another shell as one word is a script, too.
    assert _complaints(f"#!/bin/sh\n{INSIDE}") == ""


def test_what_a_pinned_key_runs_is_clean_under_shellcheck() -> None:
    assert _complaints(entry_script()) == ""


def test_shellcheck_would_complain() -> None:
    assert "SC2086" in _complaints("#!/bin/sh\nvalue='a b'\nls $value\n")


def _quick_fragments() -> list[tuple[str, str]]:
    return [
        (f"{name} on {os}", text)
        for name, plugin in collectors().items()
        for os, text in plugin.quick.items()
        if os is not OsFamily.WINDOWS
    ]


def _commands(line: str) -> set[str]:
    for mark in ("||", "&&", "{", "(", ")", "!", "then ", "else ", "do "):
        line = line.replace(mark, ";")
    return {part.split()[0] for part in line.split(";") if part.split()}


def test_quick_fragments_leave_the_shell_as_it_is() -> None:
    """They run in the shell of the probe itself, so a word that ends a section has to be the last or return."""
    words = {"absent", "denied", "failed"}
    faults = []
    for name, text in _quick_fragments():
        lines = [line.strip() for line in text.strip().splitlines()]
        for number, line in enumerate(lines):
            if {"exit", "cd", "exec", "need", "trap", "export"} & _commands(line) or line.startswith("set -f"):
                faults.append(f"{name}: {line}")
            rest = lines[number + 1 :]
            returns = "return" in line or rest[:1] == ["return"]
            if words & _commands(line) and not returns and set(rest) - {"esac", "fi", "}"}:
                faults.append(f"{name}: {line}")
    assert faults == []


def test_quick_fragments_define_no_word_of_the_probe() -> None:
    """A function or variable of theirs stays for all that follow."""
    head = "".join((ROOT / "auditor" / "collect" / name).read_text() for name in ("head.sh", "tail.sh"))
    kept = {line.split("()")[0] for line in head.splitlines() if "() {" in line}
    kept |= {"token", "section_seconds", "section_bytes", "total_seconds", "become", "clock", "forked", "kernel", "uid"}
    taken = [
        f"{name}: {word}"
        for name, text in _quick_fragments()
        for word in sorted(kept)
        for line in text.splitlines()
        if line.strip().startswith((f"{word}() {{", f"{word}=", f"read -r {word} "))
    ]
    assert taken == []


def test_awk_of_collectors_fits_into_the_script() -> None:
    for name, plugin in collectors().items():
        assert "'" not in plugin.awk, name
        word = name.replace(".", "_")
        functions = [line for line in plugin.awk.splitlines() if line.startswith("function ")]
        assert [line for line in functions if not line.startswith(f"function {word}")] == []
        assert bool(plugin.awk) == any(line.startswith(f"function {word}(") for line in functions), name


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
