"""Processor time of all that runs on a lab host, to the microsecond: a control group of its own."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.fleet.host import Host

_V1 = Path("/sys/fs/cgroup/cpuacct")
_V2 = Path("/sys/fs/cgroup")
_NAME = "auditor-bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What a control group used up so far."""

    group: Path

    def seconds(self) -> float:
        """Return the processor seconds of every process that is or was in the group."""
        usage = self.group / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text()) / 1e9
        said = dict(line.split() for line in (self.group / "cpu.stat").read_text().splitlines())
        return int(said["usage_usec"]) / 1e6


@contextlib.contextmanager
def metered(host: Host) -> Iterator[Meter]:
    """Put all that runs on a host, and so all that it starts, into a control group; put it back afterwards."""
    root = _V1 if (_V1 / "cpuacct.usage").exists() else _V2
    group = root / _NAME
    group.mkdir(exist_ok=True)
    try:
        _move(host.pids(), group)
        yield Meter(group=group)
    finally:
        _move([int(pid) for pid in (group / "cgroup.procs").read_text().split()], root)
        for _ in range(50):  # what ends at this moment is still counted to it
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)


def _move(pids: list[int], group: Path) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):  # it ended meanwhile, or is the kernel's
            (group / "cgroup.procs").write_text(str(pid))
