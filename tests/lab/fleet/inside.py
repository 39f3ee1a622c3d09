"""The texts that run on a host: how its root is put together, its first process, and what starts its programs."""

# Runs as root in the host's new namespaces, before the root is switched.
ENTER = r"""
set -e
cd "$HOST_DIR"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$HOST_DIR/upper,workdir=$HOST_DIR/work" root
cd root
mount -t proc -o "$PROC_OPTIONS" proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755,size=16m tmpfs run
mount -t tmpfs -o mode=755,size=1m tmpfs dev
for d in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $d; mknod -m 666 dev/$1 c $2 $3
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,size=16m tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
printf %s "$HOST_NAME" >/proc/sys/kernel/hostname
pivot_root . mnt
exec chroot . /bin/sh -c 'umount -l /mnt; first=/usr/local/lib/fleet/init; [ -x $first ] || first=/sbin/init
exec env -i $first </dev/null'
"""

INIT = r"""#!/bin/sh
# First process of a lab host: killing it kills the whole host.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
mkdir -p /run/sshd /run/lock
# Of a display that did not end well.
rm -rf /tmp/.X*-lock /tmp/.X11-unix
[ -s /etc/nftables.conf ] && nft -f /etc/nftables.conf
[ -x /etc/fleet/filter ] && /etc/fleet/filter
python3 /usr/local/lib/fleet/programs.py /etc/fleet/programs.json || exit 1
for f in /etc/fleet/rc.d/*; do [ -x "$f" ] && "$f"; done
touch /run/fleet.ready
[ -e /etc/fleet/first-is-sshd ] && exec /usr/sbin/sshd -D
/usr/sbin/sshd
[ -e /etc/fleet/read-only ] && mount -o remount,ro /
while :; do sleep 86400 & wait $!; done
"""

# Makes the sockets of a planted program, then becomes it; real programs make their own and are waited for.
PROGRAMS = r"""#!/usr/bin/env python3
import ctypes, json, os, socket, sys, time

FAMILIES = {"ip": socket.AF_INET, "ip6": socket.AF_INET6}

def listening(item):
    s = socket.socket(FAMILIES[item["family"]],
                      socket.SOCK_STREAM if item["protocol"] == "tcp" else socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if item["family"] == "ip6":
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not item["dual"])
    s.bind((item["address"], item["port"]))
    if item["protocol"] == "tcp":
        s.listen(4096)  # nobody accepts: every stranger who comes stays in the queue
    s.set_inheritable(True)
    return s

def connected(address, port):
    for _ in range(50):
        try:
            s = socket.create_connection((address, port), 2)
            s.set_inheritable(True)
            return s
        except OSError:
            time.sleep(0.2)

def start(item):
    reader, writer = os.pipe()  # closed by exec: then the program is what it claims to be
    if os.fork():
        os.close(writer)
        if item["deleted"]:
            os.read(reader, 1)
            os.unlink(item["path"])
        os.close(reader)
        return
    os.close(reader)
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    log = null
    if item["real"]:
        log = os.open("/run/" + os.path.basename(item["path"]) + ".log", os.O_WRONLY | os.O_CREAT, 0o600)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    os.chdir("/")
    if item["space"]:
        with open("/run/netns/" + item["space"]) as place:
            if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), 0):
                sys.exit("no network namespace " + item["space"])
    keep = [] if item["real"] else [listening(s) for s in item["sockets"]]
    keep += [connected(address, port) for address, port in item["connects"]]
    if item["uid"]:
        os.setgroups([])
        os.setgid(item["uid"])
        os.setuid(item["uid"])
    os.environ["HOME"] = "/root"
    os.execv(item["path"], item["argv"])

def is_listening(family, port):
    for row in open("/proc/net/tcp6" if family == "ip6" else "/proc/net/tcp"):
        words = row.split()
        if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
            return True
    return False

items = json.load(open(sys.argv[1]))
for item in items:
    start(item)
for item in items:
    if item["real"]:
        end = time.monotonic() + 20
        for s in item["sockets"]:
            while not is_listening(s["family"], s["port"]):
                if time.monotonic() > end:
                    sys.exit(item["path"] + " does not listen on " + str(s["port"]))
                time.sleep(0.02)
"""

# Runs as root in a mount namespace of its own, which takes the root along when it ends.
BOOT_NSPAWN = r"""
set -e
cd "$HOST_DIR"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$HOST_DIR/upper,workdir=$HOST_DIR/work" root
exec systemd-nspawn -q -D "$HOST_DIR/root" --boot --register=no --keep-unit -M "$MACHINE" --hostname="$HOST_NAME" \
  --network-namespace-path="$NAMESPACE" --capability=CAP_NET_ADMIN,CAP_NET_RAW --resolv-conf=off --timezone=off \
  --link-journal=no --console=pipe --kill-signal=SIGRTMIN+3 systemd.unit=multi-user.target
"""
