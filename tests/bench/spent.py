"""What one run of a command spent, all that it started included, and what it had the hosts and the kernel spend."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cgroup import Meter
from tests.bench.measure import memory_alone

# Memory is added up from page tables, which takes time that the command lacks: a twentieth of it at most.
_POLL, _SHARE = 0.25, 20
_IRQ, _SOFTIRQ = 5, 6
_IDLE, _IOWAIT = 3, 4
"""Columns of the first line of proc(5), ``stat``."""
_TICKS = os.sysconf("SC_CLK_TCK")
_LIMIT = 1800.0
_IDLE_SHARE, _IDLE_SECONDS, _PATIENCE = 0.05, 0.5, 20.0
"""When a machine is at rest: so little of its cores taken for so long; and how long that is waited for."""
_JOIN = 'echo $$ >"$0" && exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is run."""

    words: Sequence[str]
    """Program and arguments."""
    environment: Mapping[str, str]
    """Its environment, PATH apart; nothing is inherited."""
    folder: Path
    """Its working folder; ``stdout`` and ``stderr`` are written there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """One run."""

    wall: float
    """Seconds from start to end."""
    cpu: float
    """Processor seconds of the command and of all that it started."""
    memory: int
    """Highest sum of the proportional memory (PSS) of these seen, in bytes."""
    hosts: float
    """Processor seconds of all that ran on the hosts."""
    kernel: float
    """Processor seconds in which the kernel served interrupts, for nobody by name."""
    others: float
    """Processor seconds of everything else on this machine: the more, the less the wall time says."""
    status: int
    """Exit status."""


def settle() -> None:
    """Wait until what a run before left behind has ended: sessions that close on hosts are none of the next one's."""
    end = time.monotonic() + _PATIENCE
    cores = os.cpu_count() or 1
    share = 1.0
    while share > _IDLE_SHARE and time.monotonic() < end:
        before = _busy()
        time.sleep(_IDLE_SECONDS)
        share = (_busy() - before) / _IDLE_SECONDS / cores


def spend(command: Command, client: Meter, hosts: Meter | None) -> Spent:
    """Run a command to its end in the client's group; what it leaves running is ended and was counted."""
    words = ["sh", "-c", _JOIN, str(client.members), *command.words]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **command.environment}
    ended = threading.Event()
    highest = 0

    def watch() -> None:
        nonlocal highest
        rest = _POLL
        while not ended.wait(rest):
            began = time.monotonic()
            highest = max(highest, sum(memory_alone(pid) for pid in client.pids()))
            rest = max(_POLL, _SHARE * (time.monotonic() - began))

    watcher = threading.Thread(target=watch)
    with (command.folder / "stdout").open("wb") as out, (command.folder / "stderr").open("wb") as err:
        before = _Clock.now(client, hosts)
        watcher.start()
        try:
            done = subprocess.run(
                words, env=environment, cwd=command.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                check=False, timeout=_LIMIT,
            )  # fmt: skip
        finally:
            ended.set()
        after = _Clock.now(client, hosts)
    watcher.join()
    client.kill()
    cpu, on_hosts, kernel = (
        after.client - before.client,
        after.hosts - before.hosts,
        after.kernel - before.kernel,
    )
    return Spent(
        wall=after.wall - before.wall,
        cpu=cpu,
        memory=highest,
        hosts=on_hosts,
        kernel=kernel,
        others=max(0.0, after.busy - before.busy - cpu - on_hosts - kernel),
        status=done.returncode,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """All clocks at one moment, in seconds."""

    wall: float
    client: float
    hosts: float
    kernel: float
    busy: float

    @classmethod
    def now(cls, client: Meter, hosts: Meter | None) -> "_Clock":
        columns = _columns()
        return cls(
            wall=time.monotonic(),
            client=client.seconds(),
            hosts=0.0 if hosts is None else hosts.seconds(),
            kernel=columns[_IRQ] + columns[_SOFTIRQ],
            busy=_busy(columns),
        )


def _columns() -> list[float]:
    return [int(word) / _TICKS for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


def _busy(columns: Sequence[float] | None = None) -> float:
    """Return the seconds in which the cores did anything at all."""
    each = columns or _columns()
    return sum(each) - each[_IDLE] - each[_IOWAIT]
