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
_UTIME = 11
"""Place of the time in user mode among the fields behind the command's name; that of the kernel follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run of a command cost."""

    wall: float
    """Seconds from start to end."""
    cpu: float
    """Processor seconds of the command and of every process it waited for."""
    own_cpu: float
    """Those of its first process alone."""
    memory: int
    """Highest sum of the proportional memory (PSS) of its processes seen, in bytes."""
    main: int
    """The same, of its first process alone."""
    others: int
    """The same, of all others together: readers, and what forks them."""
    status: int
    """Exit status."""
    output: str
    """Standard output."""


def measure(words: Sequence[str], env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end and say what it cost."""
    began = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True)
    highest = main = others = 0
    ended = threading.Event()

    def watch() -> None:
        nonlocal highest, main, others
        while not ended.wait(_POLL):
            own, of_all = memory_alone(process.pid), memory_of(process.pid)
            highest, main, others = max(highest, of_all), max(main, own), max(others, of_all - own)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert process.stdout is not None
    output = process.stdout.read()
    # What a process took is told until somebody has waited for it.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    wall, own_cpu = time.monotonic() - began, cpu_alone(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    ended.set()
    watcher.join()
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        own_cpu=own_cpu,
        memory=highest,
        main=main,
        others=others,
        status=process.returncode,
        output=output,
    )


def cpu_alone(pid: int) -> float:
    """Return the processor seconds that one process took, without those of its children (proc(5), ``stat``)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_UTIME + 1])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> int:
    """Sum what a process and its descendants hold; pages that they share are counted once."""
    total = 0
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            waiting.extend(int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
        total += memory_alone(one)
    return total


def memory_alone(pid: int) -> int:
    """Return what one process holds; of pages that others share, its part. Nothing once it is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
