"""A host with real engines of containers, podman and Docker: namespaces over the lab's base, and what they run.

It is made for one test and taken away with it, and so is the network outside of it from which it is asked.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.fleet.layers import digest, lower_folders
from tests.lab.fleet.places import Lab, LabError

OUTSIDE = "192.0.2.1"
"""Address of whoever asks from outside."""
HERE = "192.0.2.2"
"""Address of the host."""

_SETUP = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$HOME_OF_ENGINES"
cd "$HOME_OF_ENGINES"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=$BELOW,upperdir=$PWD/upper,workdir=$PWD/work" root
cd root
mount -t proc proc proc
mount -t sysfs sysfs sys
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then mount --bind /sys/fs/cgroup sys/fs/cgroup
else
    # Without the unified hierarchy beside the others: crun refuses that.
    mount -t tmpfs tmpfs sys/fs/cgroup
    for one in /sys/fs/cgroup/*; do
        name=${one##*/}
        if [ "$name" = unified ] || [ ! -d "$one" ]; then continue; fi
        mkdir "sys/fs/cgroup/$name"
        mount --bind "$one" "sys/fs/cgroup/$name"
    done
fi
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for d in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $d; mknod -m 666 dev/$1 c $2 $3
done
mkdir dev/pts dev/net
mkdir -m 1777 dev/shm
mknod -m 666 dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
hostname engines
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
# Not chroot: in one no user namespace can be made.
pivot_root . mnt
cd /
umount -l /mnt
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    sh -c 'echo ready; while read -r line; do :; done'
"""
# An image of one program, and the engines, podman as an account too: each a web server in a network of its own with
# published ports, one on the host's network, and one that never ran. The secret is there to be looked for afterwards.
_FILL = r"""
set -e
mkdir -p /run/image/bin /run/image/tmp
cp /bin/busybox /run/image/bin/
ln -s busybox /run/image/bin/sh
tar -C /run/image -cf /run/image.tar .
mkdir -p /etc/containers /etc/docker
printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n[network]\nnetwork_backend = "netavark"\n' \
    >/etc/containers/containers.conf
printf '[storage]\ndriver = "vfs"\ngraphroot = "/srv/podman"\nrunroot = "/run/podman-runs"\n' \
    >/etc/containers/storage.conf
printf '{"storage-driver": "vfs", "data-root": "/srv/docker"}\n' >/etc/docker/daemon.json
podman import -q /run/image.tar localhost/rustdesk/rustdesk-server:1
podman run -d --name relay -p 8080:80 -p 127.0.0.1:8443:443 -e TOKEN=hunter2 \
    localhost/rustdesk/rustdesk-server:1 /bin/busybox httpd -f -p 80
podman run -d --name hostnet --network host localhost/rustdesk/rustdesk-server:1 /bin/busybox httpd -f -p 7001
podman create --name idle -p 8081:81 localhost/rustdesk/rustdesk-server:1 /bin/busybox sleep 5
useradd -m -s /bin/sh ann
mkdir -p /run/user/1000
chown ann:ann /run/user/1000
chmod 700 /run/user/1000
chmod 644 /run/image.tar
printf '[storage]\ndriver = "vfs"\n' >/home/ann/storage.conf
cat >/run/ann.sh <<'END'
cd
podman import -q /run/image.tar localhost/hers:3
podman run -d --name hers -p 18080:80 -e TOKEN=hunter2 localhost/hers:3 /bin/busybox httpd -f -p 80
podman run -d --name hers-on-host --network host localhost/hers:3 /bin/busybox httpd -f -p 17001
END
env HOME=/home/ann XDG_RUNTIME_DIR=/run/user/1000 CONTAINERS_STORAGE_CONF=/home/ann/storage.conf \
    setpriv --reuid=1000 --regid=1000 --init-groups sh -e /run/ann.sh
dockerd >/run/dockerd.log 2>&1 &
tries=0
until docker version >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ]
    sleep 0.2
done
docker import /run/image.tar web/web:2
docker run -d --name web -p 9080:80 -e TOKEN=hunter2 --label token=hunter2 web/web:2 /bin/busybox httpd -f -p 80
docker run -d --name on-host --network host web/web:2 /bin/busybox httpd -f -p 7002
docker create --name asleep -p 9090-9091:90-91/udp web/web:2 /bin/busybox sleep 3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """The host."""

    pid: int
    """Its first process."""
    outside: int
    """A process in the network outside."""

    def reaches(self, port: int) -> bool:
        """Tell whether who is outside is let in at a port of the host."""
        code = f"import socket; socket.create_connection(('{HERE}', {port}), 2).close()"
        words = ["nsenter", "-t", str(self.outside), "-n", sys.executable, "-c", code]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def run(self, script: str, *, feed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a shell script in it; raise LabError when it fails."""
        inside = ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "-u", f"--root=/proc/{self.pid}/root"]
        done = subprocess.run(
            [*inside, "sh", "-c", f"cd /\n{script}"], input=feed, capture_output=True, check=False, timeout=120
        )
        if done.returncode:
            raise LabError(f"{script[:200]}: status {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done


def why_not(lab: Lab) -> str:
    """Say why there can be no such host here; empty where there can."""
    if os.geteuid():
        return "containers need root"
    if shutil.which("nsenter") is None or shutil.which("ip") is None:
        return "containers need nsenter and ip"
    note = lab.layers / "engines.sha256"
    if not note.exists() or note.read_text() != digest(("engines",)):
        return "no engine of containers is here: python -m tests.lab layer engines"
    return ""


@contextmanager
def engines(lab: Lab, home: Path) -> Iterator[Engines]:
    """Make the host, and fill it with containers."""
    groups = {one for place in ("docker", "libpod_parent") for one in Path("/sys/fs/cgroup").glob(f"*/{place}")}
    below = ":".join(map(str, lower_folders(lab, ("engines",))))
    words = ["unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child", "sh", "-c", _SETUP]
    variables = {"PATH": os.environ["PATH"], "BELOW": below, "HOME_OF_ENGINES": str(home)}
    waits = ["unshare", "--net", "sh", "-c", "echo ready; read -r line"]
    try:
        with _started(words, variables) as inner, _started(waits, variables) as outer:
            children = Path(f"/proc/{inner}/task/{inner}/children").read_text().split()
            host = Engines(pid=int(children[0]), outside=outer)
            cable = (
                f"ip link add wan0 type veth peer name eth0 netns {host.pid}; ip addr add {OUTSIDE}/24 dev wan0; "
                "ip link set wan0 up"
            )
            subprocess.run(["nsenter", "-t", str(outer), "-n", "sh", "-ec", cable], check=True)
            host.run(f"ip addr add {HERE}/24 dev eth0; ip link set eth0 up; ip route add default via {OUTSIDE}")
            host.run(_FILL)
            yield host
    finally:
        _remove_groups(groups)


@contextmanager
def _started(words: list[str], variables: dict[str, str]) -> Iterator[int]:
    """Start what says that it is ready, and give its process id; it ends with the test."""
    with subprocess.Popen(words, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                raise LabError(f"{words[0]} {words[1]} did not come up")
            yield process.pid
        finally:
            process.kill()


def _remove_groups(before: set[Path]) -> None:
    """Remove the control groups that the engines left, once their processes have ended."""
    for place in ("docker", "libpod_parent"):
        for root in set(Path("/sys/fs/cgroup").glob(f"*/{place}")) - before:
            for folder in (*sorted((one for one in root.rglob("*") if one.is_dir()), reverse=True), root):
                for _ in range(50):
                    try:
                        folder.rmdir()
                        break
                    except OSError:
                        time.sleep(0.02)
