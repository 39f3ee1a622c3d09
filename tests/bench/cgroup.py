"""Processor time of groups of processes, to the microsecond: what runs on lab hosts, or what a command starts."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
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

    @property
    def members(self) -> Path:
        """The file that a process joins the group by."""
        return self.group / "cgroup.procs"

    def seconds(self) -> float:
        """Return the processor seconds of every process that is or was in the group."""
        usage = self.group / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text()) / 1e9
        said = dict(line.split() for line in (self.group / "cpu.stat").read_text().splitlines())
        return int(said["usage_usec"]) / 1e6

    def pids(self) -> list[int]:
        """Return the processes that are in the group now."""
        return [int(pid) for pid in self.members.read_text().split()]

    def kill(self) -> None:
        """End what is left in the group, and wait until it has ended."""
        end = time.monotonic() + 10
        while (left := self.pids()) and time.monotonic() < end:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


@contextlib.contextmanager
def metering(name: str, pids: Iterable[int] = ()) -> Iterator[Meter]:
    """Make a control group and put processes, and so all that they start, into it; put them back afterwards."""
    root = _V1 if (_V1 / "cpuacct.usage").exists() else _V2
    group = root / name
    group.mkdir(exist_ok=True)
    meter = Meter(group=group)
    try:
        _move(pids, group)
        yield meter
    finally:
        _move(meter.pids(), root)
        for _ in range(50):  # what ends at this moment is still counted to it
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)


@contextlib.contextmanager
def metered(*hosts: Host) -> Iterator[Meter]:
    """Meter all that runs on hosts."""
    with metering(_NAME, _pids_of(hosts)) as meter:
        yield meter


def _pids_of(hosts: Sequence[Host]) -> Iterator[int]:
    """Yield every process in the hosts' network namespaces, in one walk however many hosts there are."""
    spaces = {Path(f"/run/netns/{host.namespace}").stat().st_ino for host in hosts}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                if (process / "ns" / "net").stat().st_ino in spaces:
                    yield int(process.name)


def _move(pids: Iterable[int], group: Path) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):  # it ended meanwhile, or is the kernel's
            (group / "cgroup.procs").write_text(str(pid))
