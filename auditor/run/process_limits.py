"""What a process of ours may take of this machine while it reads what others wrote."""

import resource
import time
from contextlib import suppress

from auditor.run.cores import forbid_cores


def limit_cpu(seconds: int) -> None:
    """Let this process take so many more seconds of processor time, then be killed (SIGXCPU)."""
    used = int(time.process_time()) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(ValueError):  # a lower hard limit is stricter still
        resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, hard))


def limit_memory(more: int) -> None:
    """Let this process take so many bytes of address space beyond what it has, and leave no core."""
    # What a host sent must not get to a disk as the core of a reader that was killed.
    forbid_cores()
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 — one read, no Path needed
            pages = int(statm.read().split()[0])
    except FileNotFoundError:
        # macOS bounds no process's memory (setrlimit(2) there has RLIMIT_RSS only, as advice): time alone does.
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + more
    with suppress(ValueError):  # a lower hard limit is stricter still
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
