"""Hosts with a real systemd to run playbooks on: a tree, and for each a layer in memory that outlives a reboot."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

HOME = Path(os.environ.get("AUDITOR_PLAYBOOKS_LAB", "/var/tmp/auditor-playbooks"))  # noqa: S108 - root's, and large
TREE = HOME / "tree"
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Which of the workers of a session that run side by side this process is: each has hosts of its own."""
FIRST = 1 + 40 * WORKER
"""Number of the first of them."""
# Without a systemd around it nspawn makes its group of processes in the one that it is started in. In one that hosts
# shared, each one's systemd would take the others' services and sessions for its own: wait for them to end, end them.
_ENTER = 'while [ "$1" != -- ]; do mkdir -p "$1" && echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
_TREES = tuple(Path("/sys/fs/cgroup", name) for name in ("systemd", "unified", ""))
# As long as a second SYN takes, which is sent after one second, and an answer to it on a busy machine.
_CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def is_open(door):
    try:
        socket.create_connection(tuple(door), 2.5).close()
    except OSError:
        return False
    return True
doors = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(doors)) as pool:
    print(json.dumps(list(pool.map(is_open, doors))))
"""
_TOOLS = ("debootstrap", "ip", "nsenter", "setpriv", "ssh", "ssh-keygen", "systemd-nspawn")


def why_not() -> str:
    """Say why there can be no hosts here; nothing when there can."""
    if os.geteuid():
        return "hosts for playbooks need root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"hosts for playbooks need {', '.join(missing)} (tests/lab/debian-packages.txt)" if missing else ""


@cache
def hold_tree() -> IO[str]:
    """Have the tree, and keep other sessions from hosts of the same numbers until this process ends.

    Once for the process, whichever tests ask for it: a second lock on the file would wait for the first one for ever.
    """
    HOME.mkdir(parents=True, exist_ok=True)
    lock = (HOME / f"lock{WORKER}").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    with (HOME / "lock").open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        need_tree()
    return lock


def need_tree() -> None:
    """Make the tree unless it is there, as its recipe is now: two to four minutes, once, with the network."""
    recipe = Path(__file__).with_name("tree.sh")
    made = TREE / "etc/made"
    if made.is_file() and made.read_text() == recipe.read_text():
        return
    shutil.rmtree(TREE, ignore_errors=True)
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "tree.log").open("w") as log:
        subprocess.run(["sh", str(recipe), str(TREE)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
    key = HOME / "key"
    key.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    ssh = TREE / "root/.ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(HOME / "key.pub", ssh / "authorized_keys")
    made.write_text(recipe.read_text())


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Host:
    """A host from its first boot until it is stopped."""

    def __init__(self, number: int) -> None:
        _clean(number)
        _mount_root(number)
        self.number = number
        self._start()

    def _start(self) -> None:
        _make_network(self.number)
        with (HOME / f"{self.name}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("sh", "-c", _ENTER, "sh", *map(str, _groups(self.number)), "--"),
                    # A session that is killed takes its hosts with it.
                    *("setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "-q", "-D", str(self.root), "--boot"),
                    *(
                        "--register=no",
                        "--keep-unit",
                        "-M",
                        self.name,
                        f"--network-namespace-path=/run/netns/{self.name}",
                    ),
                    *("--capability=CAP_NET_ADMIN,CAP_NET_RAW", "--console=pipe", "--kill-signal=SIGRTMIN+3"),
                    "systemd.unit=multi-user.target",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._leader = _leader(self._process)
        self.wait_for("systemctl is-system-running | grep -Eq '^(running|degraded)$'", seconds=300)
        self.wait_for("ss -ltn | grep -q ':22 '")

    @property
    def name(self) -> str:
        """Return its name, which is that of its namespace too."""
        return f"playhost{self.number}"

    @property
    def root(self) -> Path:
        """Return its root folder, as it is seen from outside."""
        return HOME / "hosts" / str(self.number) / "root"

    @property
    def address(self) -> str:
        """Return the address that Ansible logs in to, from this machine."""
        return f"10.78.{self.number}.2"

    def address_for_strangers(self, family: int = 4) -> str:
        """Return the address that ``reaches`` connects to, from a namespace of its own."""
        return f"10.79.{self.number}.2" if family == 4 else f"fd79:{self.number}::2"

    def network_of_strangers(self, family: int = 4) -> str:
        """Return the network that strangers come from: they have its first address."""
        return f"10.79.{self.number}.0/24" if family == 4 else f"fd79:{self.number}::/64"

    def run(self, script: str, *, check: bool = True) -> str:
        """Run a shell script inside, without SSH, and return what it printed."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
        done = subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", "sh", "-c", script],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{script}\nexit status {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    def reaches(self, port: int, *, family: int = 4) -> bool:
        """Tell whether a stranger, who comes from 10.79.x.1 or fd79:x::1, gets a TCP connection to a port."""
        return self.doors(port, families=(family,))[f"{port} ip{family}"]

    def doors(self, *ports: int, families: Sequence[int] = (4, 6)) -> dict[str, bool]:
        """Tell where a stranger gets a TCP connection, as ``22 ip4``; all are tried at once: what is dropped waits."""
        doors = [(port, family) for port in ports for family in families]
        asked = json.dumps([[self.address_for_strangers(family), port] for port, family in doors])
        command = ["ip", "netns", "exec", f"{self.name}c", sys.executable, "-S", "-c", _CONNECT, asked]
        done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
        said: list[bool] = json.loads(done.stdout)
        return {f"{port} ip{family}": is_open for (port, family), is_open in zip(doors, said, strict=True)}

    @contextmanager
    def listeners_outside(self, *ports: int) -> Iterator[None]:
        """Have TCP servers where strangers are, over both families."""
        serve = (
            "import socket, sys, time\n"
            "servers = [socket.create_server(('::', int(port)), family=socket.AF_INET6, dualstack_ipv6=True)"
            " for port in sys.argv[1:]]\n"
            "print(flush=True)\n"
            "time.sleep(1000)"
        )
        command = ["ip", "netns", "exec", f"{self.name}c", sys.executable, "-c", serve, *map(str, ports)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            server.stdout.readline()
            yield
        finally:
            server.kill()
            server.communicate()

    def wait_for(self, script: str, seconds: float = 120) -> None:
        """Wait until a script succeeds inside."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.run(f"({script}) >/dev/null 2>&1 && echo yes || :").strip() == "yes":
                return
            time.sleep(0.2)
        raise AssertionError(f"still not so after {seconds} s: {script}")

    def inventory(self) -> dict[str, dict[str, str]]:
        """Return it as the hosts of an inventory of Ansible."""
        return {
            self.name: {
                "ansible_host": self.address,
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(HOME / "key"),
                "ansible_python_interpreter": "/usr/bin/python3",
            }
        }

    def reboot(self) -> None:
        """Switch it off and on again, until all that starts with it has started: a filter comes when it comes."""
        _end(self._process)
        self._start()
        self.wait_for("case $(systemctl is-system-running) in running | degraded) ;; *) false ;; esac")

    def stop(self) -> None:
        """Switch it off, and leave nothing of it."""
        _end(self._process)
        _clean(self.number)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(90)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _clean(number: int) -> None:
    _end_left(number)
    for group in _groups(number):
        for folder in sorted((group, *group.rglob("*/")), reverse=True):
            with suppress(OSError):  # files, which are no folders, and what still ends
                folder.rmdir()
    _remove_network(number)
    folder = HOME / "hosts" / str(number)
    for mount in (folder / "root", folder):
        if os.path.ismount(mount):
            subprocess.run(["umount", "-l", str(mount)], check=True)
    shutil.rmtree(folder, ignore_errors=True)


def _groups(number: int) -> list[Path]:
    """Return the control groups of a host, in each tree that systemd uses (cgroups(7))."""
    return [tree / f"playhost{number}" for tree in _TREES if (tree / "cgroup.procs").is_file()]


def _end_left(number: int) -> None:
    """End a host of this number that a session has left which was killed: two of one name disturb each other."""
    for process in Path("/proc").iterdir():
        words = _words(process) if process.name.isdecimal() else []
        if words[:1] == ["systemd-nspawn"] and f"playhost{number}" in words:
            with suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)
            while any(_words(process)):
                time.sleep(0.1)


def _words(process: Path) -> list[str]:
    """Return the arguments of a process; none where it has ended."""
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _mount_root(number: int) -> None:
    folder = HOME / "hosts" / str(number)
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder)], check=True)
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    layers = f"lowerdir={TREE},upperdir={folder}/upper,workdir={folder}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", str(folder / "root")], check=True)
    # Servers of VNC want to know the whole name of their host.
    (folder / "root/etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 playhost{number}\n")


def _remove_network(number: int) -> None:
    for namespace in (f"playhost{number}", f"playhost{number}c"):
        subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", f"play{number}"], capture_output=True, check=False)


def _make_network(number: int) -> None:
    inner, outer = f"playhost{number}", f"playhost{number}c"
    _remove_network(number)
    _ip("netns", "add", inner)
    _ip("netns", "add", outer)
    _ip("link", "add", f"play{number}", "type", "veth", "peer", "name", "eth0", "netns", inner)
    _ip("addr", "add", f"10.78.{number}.1/24", "dev", f"play{number}")
    _ip("link", "set", f"play{number}", "up")
    _ip("-n", outer, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1", "netns", inner)
    for address in (f"10.79.{number}.1/24", f"fd79:{number}::1/64"):
        _ip("-n", outer, "addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
    _ip("-n", inner, "addr", "add", f"10.78.{number}.2/24", "dev", "eth0")
    for address in (f"10.79.{number}.2/24", f"fd79:{number}::2/64"):
        _ip("-n", inner, "addr", "add", address, "dev", "eth1", *(["nodad"] if ":" in address else []))
    for namespace, link in ((outer, "lo"), (outer, "eth0"), (inner, "lo"), (inner, "eth0"), (inner, "eth1")):
        _ip("-n", namespace, "link", "set", link, "up")


def _leader(process: subprocess.Popen[bytes]) -> int:
    """Return the first process of a host: nspawn has others for a moment before, which are no init."""
    for _ in range(1200):
        listed = ["pgrep", "-P", str(process.pid), "-x", "systemd"]
        found = subprocess.run(listed, capture_output=True, text=True, check=False).stdout
        if found.split():
            return int(found.split()[0])
        time.sleep(0.05)
    raise AssertionError("the host did not start")
