"""What a measurement was taken on: enough to compare it, and no name of a machine."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def machine() -> dict[str, str]:
    """Return processor, memory, kernel, system and Python, and the day."""
    return {
        "processors": f"{len(os.sched_getaffinity(0))} cores of {_processor()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "Python": platform.python_version(),
        "OpenSSH": subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.partition(",")[0],
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _processor() -> str:
    rows = Path("/proc/cpuinfo").read_text().splitlines()
    names = [row.partition(":")[2].strip() for row in rows if row.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()
