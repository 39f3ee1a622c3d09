"""Running a program and writing a file, with errors that name them."""

import shlex
import subprocess
from pathlib import Path

from tests.lab.fleet.places import LabError


def sh(*command: object, feed: str | None = None) -> str:
    """Run a program and return what it printed; raise LabError with its complaint when it fails."""
    done = _run(command, feed)
    if done.returncode:
        words = shlex.join(str(word) for word in command)
        raise LabError(f"{words}: exit status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def attempt(*command: object) -> str:
    """Run a program whose failure means nothing, such as removing what may not be there; return what it printed."""
    return _run(command, None).stdout


def _run(command: tuple[object, ...], feed: str | None) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, text=True, errors="replace", input=feed or "", capture_output=True, check=False)


def start_detached(command: list[str], *, log: Path, environment: dict[str, str]) -> int:
    """Start a program that outlives us, its output into a file; return its process id."""
    starter = ["sh", "-c", '"$@" </dev/null >"$LOG" 2>&1 & echo $!', "sh", *command]
    done = subprocess.run(
        starter,
        env={**environment, "LOG": str(log)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        start_new_session=True,
        cwd="/",
    )
    return int(done.stdout)


def write(path: Path, text: str | bytes, mode: int = 0o644) -> None:
    """Write a file with its folders and its mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
