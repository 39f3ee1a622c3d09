"""A host of namespaces over this machine's own programs: what the probe finds on it stays the same from run to run.

Its root is new: `/usr` is this machine's, everything else is made here, so nothing that others do on this machine at
the same time is seen. It has packages, units, accounts, two network namespaces with sockets, and the packet filters
that this kernel has. Commands that only answer on a host of another kind are stood in for.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SHELLS: Mapping[str, tuple[str, ...]] = {
    "dash": ("dash",),
    "bash": ("bash",),
    "busybox": ("busybox", "ash"),
    "mksh": ("mksh",),
    "zsh": ("zsh", "--emulate", "sh"),
}

FILES = {
    "/etc/anydesk/system.conf": "ad.security.interactive_access=2\n",
    "/etc/group": "root:x:0:\nsudo:x:27:alice\nalice:x:1000:\n",
    "/etc/init.d/guard": "#!/bin/sh\n",
    "/etc/nsswitch.conf": "passwd: files sss\ngroup: files\nsudoers: files\n",
    "/etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
    "/etc/sudoers": "root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n@includedir /etc/sudoers.more\n",
    "/etc/sudoers.d/alice": "alice ALL=(root) NOPASSWD: /usr/bin/id\n",
    "/etc/sudoers.more/bob": "bob ALL=(ALL) ALL\n",
    "/etc/tigervnc/vncserver-config-mandatory": '$SecurityTypes = "TLSVnc";\n',
    "/etc/ufw/ufw.conf": "ENABLED=no\n",
    "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service": "[D-BUS Service]\n",
    "/usr/share/polkit-1/actions/org.example.guard.policy": (
        '<?xml version="1.0"?>\n<policyconfig>\n<action id="org.example.guard">\n<defaults>\n'
        "<allow_any>no</allow_any>\n<allow_inactive>no</allow_inactive>\n<allow_active>auth_admin</allow_active>\n"
        "</defaults>\n</action>\n</policyconfig>\n"
    ),
    "/run/log/journal/0/system.journal": "a journal\n",
    "/var/log/wtmp": "a record of logons\n",
    "/var/log/x11vnc.log": "26/11/2026 14:33:57 Got connection from client 192.0.2.7\n",
    "/usr/lib/systemd/system/guard.service": "[Service]\nExecStart=/usr/bin/guard\n",
    "/usr/lib/systemd/system/vncserver.socket": "[Socket]\nListenStream=5900\n",
    "/var/lib/dpkg/status": "".join(
        f"Package: package{number}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.{number}\n\n"
        for number in range(20)
    ),
}
"""What the host's files hold; a collector of another kind of software adds the database that it reads."""

STAND_INS = {
    "journalctl": (
        "case $* in --version) echo +PCRE2 ;; *' -t x'*) ;; *) printf '%s\\n' "
        "'1795709983.235785 scene sshd[70]: Accepted publickey for alice from 192.0.2.7 port 5 ssh2' ;; esac"
    ),
    "last": "printf '%s\\n' 'alice pts/0 192.0.2.7 2026-11-25T16:15:29+00:00 gone - no logout' 'wtmp begins'",
    "pkexec": "exit 1",
    "ps": "case $* in '-e -o'*) printf '%10s %s\\n' 1234 carol ;; *) exit 1 ;; esac",
    "systemctl": (
        "printf '%s\\n' 'guard.service loaded active running Guard' "
        "'vncserver.socket loaded active listening VNC' 'gone.service not-found inactive dead gone.service'"
    ),
}
"""What commands say that would answer on another kind of host; each lies over the real one, where there is one."""

NOT_THERE = ("crio", "dockerd", "dockerd-rootless.sh", "podman")
"""Commands that are what is asked about, and of this machine: the host has none of them."""

_SET_UP = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 scene "$ROOT"
cd "$ROOT"
mkdir usr dev proc sys tools old etc
for dir in bin sbin lib lib32 lib64 libx32; do
    if [ -L "/$dir" ]; then cp -P "/$dir" .
    elif [ -d "/$dir" ]; then mkdir "$dir"; mount --rbind "/$dir" "$dir"; fi
done
mount --rbind /usr usr
mount --rbind /dev dev
mount --bind "$TOOLS" tools
cp -a /etc/alternatives etc 2>/dev/null || :
for dir in usr/local usr/lib/systemd usr/share; do
    if [ -d "$dir" ]; then mount -t tmpfs -o mode=755 scene "$dir"; fi
done
mkdir -p usr/local/bin run/systemd/system run/netns tmp home/alice root var/log
mkdir -p etc/systemd/system/multi-user.target.wants
ln -s /usr/lib/systemd/system/guard.service etc/systemd/system/multi-user.target.wants/guard.service
cp -a tools/files/. .
chmod 755 etc/init.d/guard
cp -a tools/stand-ins/. usr/local/bin
for stand_in in usr/local/bin/*; do
    real=usr/bin/${stand_in##*/}
    if [ -e "$real" ]; then mount --bind "$stand_in" "$real"; fi
done
: >run/nothing
for name in $NOT_THERE; do
    for file in usr/sbin/$name usr/bin/$name; do
        if [ -e "$file" ]; then mount --bind run/nothing "$file"; fi
    done
done
mount -t proc proc proc
mount -t sysfs sysfs sys
pivot_root . old
umount -l old
rmdir old
hostname scene
quietly() { "$@" >/dev/null 2>&1 || :; }
ip link set lo up
ip netns add other
ip link add inner type veth peer name outer netns other
for side in '' '-n other'; do ip $side link set lo up; done
ip link set inner addrgenmode none up
ip -n other link set outer addrgenmode none up
ip addr add 10.9.0.1/24 dev inner
ip -n other addr add 10.9.0.2/24 dev outer
for table in '' other; do
    ${table:+ip netns exec other} nft -f - <<'RULES' 2>/dev/null || :
table inet guard {
chain input { type filter hook input priority 0; policy drop; tcp dport 22 accept; ip6 nexthdr tcp reject; }
}
RULES
done
quietly iptables-nft -A INPUT -p tcp --dport 1 -j ACCEPT
quietly ip6tables-nft -A INPUT -p tcp --dport 1 -j ACCEPT
quietly ipset create friends hash:ip
quietly ipset add friends 192.0.2.1
quietly iptables-legacy -A INPUT -p tcp --dport 2 -j ACCEPT
quietly iptables-legacy -A INPUT -m set --match-set friends src -j ACCEPT
quietly ip6tables-legacy -A INPUT -p tcp --dport 2 -j ACCEPT
cd /

echo ready
# Whoever is left without a parent is buried at once.
exec env --ignore-signal=CHLD sleep 100000
"""

_LISTENS = """
import os, socket, sys, time
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 5900)),
    (socket.AF_INET, socket.SOCK_STREAM, ("0.0.0.0", 3389)),
    (socket.AF_INET6, socket.SOCK_STREAM, ("::1", 5901)),
    (socket.AF_INET, socket.SOCK_DGRAM, ("0.0.0.0", 3389)),
):
    one = socket.socket(family, kind)
    one.bind(address)
    if kind == socket.SOCK_STREAM: one.listen()
    globals().setdefault("held", []).append(one)
os.setuid(int(sys.argv[1]))
print("ready", flush=True)
time.sleep(100000)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The host while it is there."""

    pid: int
    """Its first process, as this machine numbers it."""
    tools: Path
    """A folder of this machine that the host sees as ``/tools``."""

    def run(
        self,
        words: tuple[str, ...],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the host as root, in its root folder."""
        enter = ("nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd")
        return subprocess.run(
            [*enter, *words], input=stdin, capture_output=True, check=False, timeout=timeout,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(environment or {})},
        )  # fmt: skip

    def where(self, command: str) -> Path | None:
        """Return the file that a command of the host is, seen from the host; None where it has none."""
        folders = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")
        for folder in () if command in NOT_THERE else folders:
            path = Path(folder, command)
            if Path(f"/proc/{self.pid}/root{path}").exists() or path.is_symlink():
                return path
        return None


def why_no_scene() -> str:
    """Say what is missing here for a scene; nothing where all is there."""
    if os.geteuid():
        return "needs root"
    missing = [tool for tool in ("unshare", "nsenter", "ip", "pivot_root", "ss", "nft") if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    tried = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "true"], capture_output=True, check=False
    )
    return "needs the right to make namespaces" if tried.returncode else ""


@contextlib.contextmanager
def a_scene(place: Path) -> Iterator[Scene]:
    """Make the host below a folder of this machine, and leave nothing of it."""
    tools, root = place / "tools", place / "root"
    for folder in (tools / "files", tools / "stand-ins", root):
        folder.mkdir(parents=True)
    for path, text in FILES.items():
        file = Path(f"{tools}/files{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name, script in STAND_INS.items():
        (tools / "stand-ins" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / "stand-ins" / name).chmod(0o755)
    with contextlib.ExitStack() as stack:
        words = (
            "unshare",
            "--mount",
            "--net",
            "--pid",
            "--uts",
            "--ipc",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            _SET_UP,
        )
        holder = _started(stack, words, {"ROOT": str(root), "TOOLS": str(tools), "NOT_THERE": " ".join(NOT_THERE)})
        pid = int(Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text())
        enter = ("nsenter", f"--target={pid}", "--pid", "--uts", "--ipc")
        other = f"--net=/proc/{pid}/root/run/netns/other"
        for space, uid in (("--net", "0"), ("--net", "1234"), (other, "0")):
            # The third cannot bind what the first holds unless it is elsewhere.
            code = (
                _LISTENS
                if uid == "0"
                else "import os, time; os.setuid(1234); print('ready', flush=True); time.sleep(1e5)"
            )
            _started(stack, (*enter, space, sys.executable, "-I", "-c", code, uid), {})
        yield Scene(pid=pid, tools=tools)


def _started(
    stack: contextlib.ExitStack, words: tuple[str, ...], environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    """Start a process that says when it is ready, and lasts as long as the scene."""
    process = stack.enter_context(
        subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        )
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        process.kill()
        raise RuntimeError(f"no scene: {process.communicate()[1]}")
    return process
