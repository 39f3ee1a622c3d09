"""The read-only trees hosts are made of: one Debian base, and one overlay over it for each real product."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.lab.fleet.places import Lab, LabError
from tests.lab.fleet.shell import attempt

SUITE = "bookworm"
_BASE_PACKAGES = "openssh-server,iproute2,nftables,iptables,procps,python3-minimal,python3-apt,sudo,ca-certificates"
_INSTALL = "apt-get install -y -qq --no-install-recommends"
_ALONE = "cd /run && apt-get download -qq {0} && dpkg --force-depends -i {0}_*.deb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """How one overlay is made: a script run as root inside the trees below it."""

    below: tuple[str, ...] = ()
    """Layers under it, topmost first; the base is always last."""
    script: str


LAYERS = {
    # Libraries that TigerVNC and TightVNC share, most of the download.
    "xlibs": Layer(
        script=f"{_INSTALL} perl libgl1 xauth x11-xkb-utils xkb-data xfonts-base libxfont2 libunwind8 "
        "x11-xserver-utils libjpeg62-turbo"
    ),
    "tigervnc": Layer(below=("xlibs",), script=f"{_INSTALL} tigervnc-standalone-server tigervnc-tools"),
    "tightvnc": Layer(below=("xlibs",), script=f"{_INSTALL} tightvncserver"),
    "x11vnc": Layer(script=f"{_INSTALL} x11vnc"),
    "xinetd": Layer(script=f"{_INSTALL} xinetd"),
    "xrdp": Layer(script=f"{_INSTALL} xrdp"),
    # Removed, not purged: configuration stays, dpkg says `rc`.
    "xrdp-removed": Layer(below=("xrdp",), script="apt-get remove -y -qq xrdp"),
    # Their real packages without the desktop under them (150 MB): installed, never run here.
    "vino": Layer(script=_ALONE.format("vino")),
    "gnome-remote-desktop": Layer(script=_ALONE.format("gnome-remote-desktop")),
    "tigervnc-viewer": Layer(script=_ALONE.format("tigervnc-viewer")),
    # Engines of containers, large: no role of the fleet needs them, and tests that do are skipped without.
    "engines": Layer(script=f"{_INSTALL} podman crun netavark slirp4netns rootlesskit uidmap docker.io busybox-static"),
    "systemd": Layer(script=f"{_INSTALL} systemd-sysv dbus && systemctl set-default multi-user.target"),
}

_MAKE = r"""
set -e
mount -t overlay overlay -o "lowerdir=$BELOW,upperdir=$NEW/upper,workdir=$NEW/work" "$NEW/root"
cd "$NEW/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for d in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $d; mknod -m 666 dev/$1 c $2 $3
done
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir -p run/lab
cp /etc/resolv.conf run/lab/resolv.conf
: >>etc/resolv.conf
mount --bind run/lab/resolv.conf etc/resolv.conf
# No service starts while a tree is made.
mkdir -p usr/sbin
printf '#!/bin/sh\nexit 101\n' >usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
chroot . env -i PATH=$PATH DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 sh -ec "$SCRIPT" </dev/null
rm -f usr/sbin/policy-rc.d
rm -rf var/cache/apt/archives/*.deb var/cache/apt/*.bin var/log/apt var/lib/dpkg/*-old var/cache/debconf/*-old
"""


def need_base(lab: Lab) -> None:
    """Make the base unless it is there: a Debian of about 190 packages with an SSH server."""
    if (lab.base / "usr/sbin/sshd").exists():
        return
    if shutil.which("debootstrap") is None:
        raise LabError("debootstrap is not installed, and there is no base yet: apt-get install debootstrap")
    new = lab.home / "base.new"
    shutil.rmtree(new, ignore_errors=True)
    lab.home.mkdir(parents=True, exist_ok=True)
    _say(f"debootstrap {SUITE} to {lab.base} (about a minute, once)")
    _logged(
        ["debootstrap", "--variant=minbase", f"--include={_BASE_PACKAGES}", SUITE, str(new)],
        log=lab.home / "debootstrap.log",
        environment=dict(os.environ),
    )
    new.rename(lab.base)


def need_layers(lab: Lab, names: tuple[str, ...]) -> None:
    """Make the layers named, and those below them, unless they are there; no host may run on one that is made anew."""
    for name in names:
        layer = LAYERS[name]
        need_layers(lab, layer.below)
        note = lab.layers / f"{name}.sha256"
        if not note.exists() or note.read_text() != digest((name,)):
            _make(lab, name, layer)
            note.write_text(digest((name,)))


def digest(names: tuple[str, ...]) -> str:
    """Return what tells these layers, as they are made now, from layers made otherwise."""
    recipes = [_MAKE, *(f"{name} {LAYERS[name]} {digest(LAYERS[name].below)}" for name in names)]
    return hashlib.sha256("\n".join(recipes).encode()).hexdigest()


def lower_folders(lab: Lab, names: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the read-only trees of a host that has these layers, topmost first, the base last."""
    ordered: list[str] = []
    for name in names:
        ordered += [each for each in (name, *LAYERS[name].below) if each not in ordered]
    # What stands on another layer must lie over it, whoever named it first.
    ordered.sort(key=lambda name: len(LAYERS[name].below), reverse=True)
    return (*(lab.layers / name for name in ordered), lab.base)


def _make(lab: Lab, name: str, layer: Layer) -> None:
    new = lab.home / f"layer.{name}.new"
    shutil.rmtree(new, ignore_errors=True)
    for folder in ("upper", "work", "root"):
        (new / folder).mkdir(parents=True)
    below = lower_folders(lab, layer.below)
    _say(f"making the layer {name} (once)")
    _logged(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _MAKE],
        log=lab.home / f"layer.{name}.log",
        environment={
            "PATH": os.environ["PATH"],
            "NEW": str(new),
            "BELOW": ":".join(str(folder) for folder in below),
            "SCRIPT": layer.script,
        },
    )
    lab.layers.mkdir(exist_ok=True)
    shutil.rmtree(lab.layers / name, ignore_errors=True)
    (new / "upper").rename(lab.layers / name)
    shutil.rmtree(new)


def _logged(command: list[str], *, log: Path, environment: dict[str, str]) -> None:
    with log.open("w") as into:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=into, stderr=into, env=environment, check=False)
    if done.returncode:
        last = log.read_text(errors="replace").splitlines()[-5:]
        raise LabError(f"{command[0]} failed; the end of {log}:\n" + "\n".join(last))


def _say(what: str) -> None:
    sys.stderr.write(f"lab: {what} ...\n")


def dpkg_stanzas(tree: Path) -> dict[str, str]:
    """Return the rows of a tree's dpkg database by package name; none when the tree has none of its own."""
    status = tree / "var/lib/dpkg/status"
    if not status.exists():
        return {}
    stanzas: dict[str, str] = {}
    for stanza in status.read_text().split("\n\n"):
        if stanza.strip():
            name = stanza.partition("Package: ")[2].partition("\n")[0]
            stanzas[name] = stanza.strip("\n") + "\n"
    return stanzas


def merged_stanzas(lab: Lab, names: tuple[str, ...]) -> dict[str, str]:
    """Return the dpkg rows of a host with these layers: the base's, changed and added to by each layer."""
    base = dpkg_stanzas(lab.base)
    merged = dict(base)
    for tree in reversed(lower_folders(lab, names)[:-1]):
        merged |= {name: text for name, text in dpkg_stanzas(tree).items() if base.get(name) != text}
    return merged


def merged_accounts(lab: Lab, names: tuple[str, ...], file: str) -> list[str]:
    """Return the rows of ``passwd``, ``shadow`` or ``group`` with the accounts that the layers brought."""
    rows: dict[str, str] = {}
    for tree in reversed(lower_folders(lab, names)):
        path = tree / "etc" / file
        if path.exists():
            for row in path.read_text().splitlines():
                rows.setdefault(row.partition(":")[0], row)
    return list(rows.values())


def can_overlay() -> bool:
    """Tell whether this kernel can make the hosts' roots."""
    if shutil.which("modprobe"):
        attempt("modprobe", "overlay")
    return "\toverlay\n" in Path("/proc/filesystems").read_text()
