"""One host: namespaces with an address, a root of its own over shared trees, and a first process."""

import json
import os
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.lab.fleet.inside import BOOT_NSPAWN, ENTER
from tests.lab.fleet.places import (
    BRIDGE,
    BRIDGE_ADDRESS,
    LINK_PREFIX,
    NAMESPACE_PREFIX,
    NETWORK_BITS,
    NETWORK_BITS_6,
    Lab,
    LabError,
)
from tests.lab.fleet.plan import Boot
from tests.lab.fleet.shell import attempt, sh, start_detached, write

HOSTS_A_NETWORK = 250


class Series(StrEnum):
    """Which list a host's role stands in, and the letter its name begins with."""

    PLANTED = "h"
    SYSTEMD = "s"
    KINDS = "k"


# The third byte of the address, unless the number alone says it.
_NETWORKS = {Series.SYSTEMD: 250, Series.KINDS: 251}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host of a fleet, whether it runs or not."""

    lab: Lab
    number: int
    """Counted from 1 among the hosts of its series."""
    series: Series = Series.PLANTED

    @property
    def name(self) -> str:
        """Its name in the inventory: ``h001``, ``s001`` with systemd, ``k001`` of another kind."""
        return f"{self.series}{self.number:03d}"

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        network, rest = divmod(self.number - 1, HOSTS_A_NETWORK)
        return f"10.77.{_NETWORKS.get(self.series, network + 1)}.{rest + 1}"

    @property
    def address6(self) -> str:
        """Its IPv6 address, one that is unique to this lab's network (RFC 4193)."""
        network, rest = divmod(self.number - 1, HOSTS_A_NETWORK)
        return f"fd77::{_NETWORKS.get(self.series, network + 1):x}:{rest + 1:x}"

    @property
    def mac(self) -> str:
        """The address of its network card."""
        series = list(Series).index(self.series)
        return f"02:77:00:{series:02x}:{self.number >> 8:02x}:{self.number & 255:02x}"

    @property
    def namespace(self) -> str:
        """Its network namespace, as ``ip netns`` names it."""
        return f"{NAMESPACE_PREFIX}{self.name}"

    @property
    def link(self) -> str:
        """The controller's end of its cable."""
        return f"{LINK_PREFIX}{self.name}"

    @property
    def folder(self) -> Path:
        """Where its state is kept."""
        return self.lab.hosts / self.name

    @property
    def upper(self) -> Path:
        """The files that are its own."""
        return self.folder / "upper"

    @property
    def state_file(self) -> Path:
        """What it was made as, and the truth about it."""
        return self.folder / "state.json"

    @property
    def is_made(self) -> bool:
        """Tell whether its files are complete."""
        return self.state_file.exists()

    def state(self) -> dict[str, Any]:
        """Return what it was made as."""
        state: dict[str, Any] = json.loads(self.state_file.read_text())
        return state

    # ---- what runs

    def pid(self) -> int | None:
        """Return its first process as this machine numbers it; None when it is down."""
        try:
            pid = int((self.folder / "pid").read_text())
            status = Path(f"/proc/{pid}/status").read_text()
            is_ours = Path(f"/run/netns/{self.namespace}").stat().st_ino == Path(f"/proc/{pid}/ns/net").stat().st_ino
        except (OSError, ValueError):
            return None
        inside = status.partition("\nNSpid:")[2].partition("\n")[0].split()
        return pid if is_ours and inside[-1:] == ["1"] else None

    def pids(self) -> list[int]:
        """Return every process in its network namespace."""
        return [int(pid) for pid in attempt("ip", "netns", "pids", self.namespace).split()]

    def answers(self, timeout: float = 0.5) -> bool:
        """Tell whether an SSH server greets."""
        try:
            with socket.create_connection((self.address, 22), timeout) as connection:
                connection.settimeout(timeout)
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def wait_until_it_answers(self, timeout: float = 60) -> bool:
        """Wait for the SSH server; return whether it came."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.answers():
                return True
            time.sleep(0.05)
        return False

    def entering(self, *command: str) -> list[str]:
        """Return the command that runs another inside, without SSH."""
        pid = self.pid()
        if pid is None:
            raise LabError(f"{self.name} is not running: `python -m tests.lab status` lists what is")
        environment = ("env", "-i", f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8")
        return ["nsenter", "-t", str(pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w", *environment, *command]

    def run(self, script: str, *, feed: str | None = None) -> str:
        """Run a shell script inside as root and return what it printed; raise LabError when it fails.

        ``feed`` is its standard input: what is longer than an argument may be.
        """
        return sh(*self.entering("sh", "-c", script), feed=feed)

    # ---- its life

    def start(self) -> None:
        """Boot it unless it runs."""
        if self.pid() is not None:
            return
        self._plug_in()
        state = self.state()
        environment = {
            "PATH": os.environ["PATH"],
            "HOST_DIR": str(self.folder),
            "HOST_NAME": state["hostname"],
            "MACHINE": self.name,
            "NAMESPACE": f"/run/netns/{self.namespace}",
            "LOWER": ":".join(state["lower"]),
            "PROC_OPTIONS": state["proc_options"] or "rw",
        }
        command = ["unshare", "--mount", "sh", "-c", BOOT_NSPAWN]
        if state["boot"] == Boot.NAMESPACES:
            enter = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER]
            command = ["nsenter", f"--net=/run/netns/{self.namespace}", *enter]
        outer = start_detached(command, log=self.folder / "boot.log", environment=environment)
        self._note_first_process(outer)

    def _note_first_process(self, outer: int) -> None:
        children = Path(f"/proc/{outer}/task/{outer}/children")
        end = time.monotonic() + 20
        while time.monotonic() < end and children.exists():
            for child in _words(children):
                write(self.folder / "pid", child)
                if self.pid() is not None:
                    return
            time.sleep(0.01)
        raise LabError(f"{self.name} does not boot: {(self.folder / 'boot.log').read_text(errors='replace')}")

    def _plug_in(self) -> None:
        if not Path(f"/run/netns/{self.namespace}").exists():
            sh("ip", "netns", "add", self.namespace)
        if not Path(f"/sys/class/net/{self.link}").exists():
            peer = ("peer", "name", "eth0", "address", self.mac, "netns", self.namespace)
            sh("ip", "link", "add", self.link, "type", "veth", *peer)
            sh("ip", "link", "set", self.link, "master", BRIDGE, "up")
        batch = (
            f"link set lo up\naddr replace {self.address}/{NETWORK_BITS} dev eth0\nlink set eth0 up\n"
            f"route replace default via {BRIDGE_ADDRESS}\n"
            # Nobody else has it: to find that out would take a second.
            f"addr replace {self.address6}/{NETWORK_BITS_6} dev eth0 nodad\n"
        )
        sh("ip", "-n", self.namespace, "-batch", "-", feed=batch)

    def stop(self) -> None:
        """Kill it, its first process first: the kernel then kills the rest."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            pid = self.pid()
            left = self.pids() if pid is None else [pid]
            if not left:
                break
            for each in left:
                _kill(each)
            time.sleep(0.02)
        (self.folder / "pid").unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop it and remove all that it left on this machine."""
        self.stop()
        attempt("ip", "link", "del", self.link)
        attempt("ip", "netns", "del", self.namespace)
        shutil.rmtree(f"/run/systemd/nspawn/propagate/{self.name}", ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def all_hosts(lab: Lab) -> list[Host]:
    """Return every host of which anything is left: files, namespace or process."""
    names = {path.name for path in lab.hosts.glob("[hsk]*")} if lab.hosts.is_dir() else set()
    namespaces = Path("/run/netns")
    if namespaces.is_dir():
        names |= {path.name.removeprefix(NAMESPACE_PREFIX) for path in namespaces.glob(f"{NAMESPACE_PREFIX}[hsk]*")}
    wanted = sorted(name for name in names if name[1:].isdigit())
    return [Host(lab=lab, number=int(name[1:]), series=Series(name[0])) for name in wanted]
