"""Round trip times without sch_netem, which many virtual machines' kernels lack.

Packets that arrive from a host go to an NFQUEUE whose number is the delay in milliseconds, and the
process in `delayd.py` lets each go when its time has come.
"""

import os
import signal
import sys
import time
from pathlib import Path

from tests.lab.fleet.host import Host
from tests.lab.fleet.places import BRIDGE, CHAIN, Lab, LabError
from tests.lab.fleet.shell import attempt, sh, start_detached, write

_DAEMON = Path(__file__).with_name("delayd.py")
_TABLE = ("iptables", "-w", "-t", "mangle")


def apply(lab: Lab, milliseconds: dict[Host, int]) -> None:
    """Delay what these hosts send, and nothing else; raise LabError when the kernel cannot."""
    stop(lab)
    if not milliseconds:
        return
    log = lab.home / "delayd.log"
    queues = [str(queue) for queue in sorted(set(milliseconds.values()))]
    pid = start_detached([sys.executable, str(_DAEMON), *queues], log=log, environment={})
    write(lab.home / "delayd.pid", str(pid))
    end = time.monotonic() + 10
    while "ready" not in log.read_text():
        if time.monotonic() > end or not Path(f"/proc/{pid}").exists():
            raise LabError(f"delays do not work here: {log.read_text()}")
        time.sleep(0.02)
    sh(*_TABLE, "-N", CHAIN)
    sh(*_TABLE, "-I", "INPUT", "-i", BRIDGE, "-j", CHAIN)
    for host, delay in milliseconds.items():
        sh(*_TABLE, "-A", CHAIN, "-s", host.address, "-j", "NFQUEUE", "--queue-num", str(delay))


def stop(lab: Lab) -> None:
    """Let every packet pass at once."""
    attempt(*_TABLE, "-D", "INPUT", "-i", BRIDGE, "-j", CHAIN)
    attempt(*_TABLE, "-F", CHAIN)
    attempt(*_TABLE, "-X", CHAIN)
    pid_file = lab.home / "delayd.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    try:
        is_ours = _DAEMON.name in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has ended
        is_ours = False
    if is_ours:
        os.kill(pid, signal.SIGTERM)
    pid_file.unlink()
