"""What a command costs as a whole: wall time, processor time of all its processes, and their memory."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Adding up a process's memory walks its page tables: asked too often, it takes from what is measured.
_POLL = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run of a command cost."""

    wall: float
    """Seconds from start to end."""
    cpu: float
    """Processor seconds of the command and of every process it waited for."""
    memory: int
    """Highest sum of the proportional memory (PSS) of its processes seen, in bytes."""
    status: int
    """Exit status."""
    output: str
    """Standard output."""


def measure(words: Sequence[str], env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end and say what it cost."""
    began = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True)
    highest = 0
    ended = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not ended.wait(_POLL):
            highest = max(highest, memory_of(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    ended.set()
    watcher.join()
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=highest,
        status=process.returncode,
        output=output,
    )


def memory_of(pid: int) -> int:
    """Sum what a process and its descendants hold; pages that they share are counted once."""
    total = 0
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
            waiting.extend(int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
    return total
