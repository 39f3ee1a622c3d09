"""Python under watch: what it connects to, asks a resolver for or starts is written down, by all that it starts."""

import ast
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess, run

_ROOT = Path(__file__).parents[2]
# Read by every Python that finds it first; the hook cannot be taken out again, and forked processes keep it.
_HOOK = """\
import json, os, sys
_file = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
_STARTS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system")
def _note(event, args):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
            told = [int(args[0].family), repr(args[-1])]
        else:
            told = [None, repr(args[0] if args else None)]
    elif event in _STARTS:
        # Not the environment: secrets may stand there by right.
        told = [None, repr([str(one) for one in (args[1] if event != "os.system" else args)])]
    else:
        return
    os.write(_file, (json.dumps([os.getpid(), event, *told]) + "\\n").encode())
sys.addaudithook(_note)
"""
_AF_UNIX = 1


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a program said, and what it and the programs of Python that it started did."""

    done: CompletedProcess[str]
    events: list[tuple[int, str, int | None, str]]
    """Process, event, family of the socket, and an address or the words of a program."""

    def outside(self) -> set[tuple[str, str]]:
        """Return what went to a network, and names that a resolver was asked for; sockets of this machine are none."""
        return {
            (event, told)
            for _, event, family, told in self.events
            if event.startswith("socket.") and family != _AF_UNIX
        }

    def started(self) -> list[list[str]]:
        """Return the words of every program that was started."""
        return [ast.literal_eval(told) for _, event, _, told in self.events if not event.startswith("socket.")]


def python(folder: Path, *words: str, **environment: str) -> Watched:
    """Run this Python in a folder that is its home, too, under watch."""
    hook = folder / "hook"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(_HOOK)
    events = folder / "events.jsonl"
    events.unlink(missing_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    done = run(
        [sys.executable, *words],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": os.pathsep.join((str(hook), str(_ROOT))),
            "WATCHED": str(events),
            "NO_COLOR": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert events.exists(), done.stderr
    return Watched(done=done, events=[tuple(json.loads(line)) for line in events.read_text().splitlines()])


def auditor(folder: Path, *commands: Sequence[str], **environment: str) -> Watched:
    """Run commands of the auditor one after the other, as one process; the last line says how each ended."""
    program = (
        "import json, sys\n"
        "from auditor.cli.main import main\n"
        "codes = [main(words) for words in json.loads(sys.argv[1])]\n"
        "print(json.dumps(codes))\n"
    )
    (folder / "commands.py").write_text(program)
    return python(folder, "commands.py", json.dumps(commands), **environment)
