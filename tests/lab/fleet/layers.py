"""The read-only trees hosts are made of: one Debian base, and one overlay over it for each real product."""

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.fleet.carve import CARVE
from tests.lab.fleet.package_layers import PACKAGE_LAYERS
from tests.lab.fleet.places import Lab, LabError
from tests.lab.fleet.shell import attempt

SUITE = "bookworm"
EMBEDDED = "embedded"
"""A tree of busybox and dropbear, and nothing else."""
_BASE_PACKAGES = "openssh-server,iproute2,nftables,iptables,procps,python3-minimal,python3-apt,sudo,ca-certificates"
_INSTALL = "apt-get install -y -qq --no-install-recommends"
# Hosts of these have a systemd of their own, and nothing of the lab's runs inside.
_SYSTEMD_PACKAGES = "systemd-sysv,dbus,openssh-server,iproute2,nftables,procps,sudo"
_ALONE = "cd /run && apt-get download -qq {0} && dpkg --force-depends -i {0}_*.deb"


_INITTAB = "grep -v getty /usr/share/sysvinit/inittab >/etc/inittab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """How one overlay is made: a script run as root inside the trees below it."""

    below: tuple[str, ...] = ()
    """Layers under it, topmost first; the base is always last."""
    script: str
    base: str = field(default=SUITE, repr=False)
    """The tree at the bottom."""


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
    "bullseye-x11vnc": Layer(base="bullseye", script=f"{_INSTALL} x11vnc"),
    "trixie-x11vnc": Layer(base="trixie", script=f"{_INSTALL} x11vnc"),
    # Their inittab is the package's own, without the terminals that a host of the lab has not.
    "sysvinit": Layer(script=f"{_INSTALL} sysvinit-core sysv-rc initscripts && {_INITTAB}"),
    "openrc": Layer(script=f"{_INSTALL} sysvinit-core initscripts openrc && {_INITTAB} && rc-update add ssh default"),
    "locales": Layer(
        script=f"{_INSTALL} locales && localedef -i de_DE -f UTF-8 de_DE.UTF-8 && localedef -i ja_JP -f EUC-JP ja_JP"
    ),
    "doas": Layer(
        script=f"{_INSTALL} opendoas && SUDO_FORCE_REMOVE=yes apt-get remove -y -qq sudo && rm -rf /etc/sudoers*"
    ),
    **{name: Layer(below=below, script=script) for name, (below, script) in PACKAGE_LAYERS.items()},
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
    if not (lab.base / "usr/sbin/sshd").exists():
        _debootstrap(lab, SUITE, _BASE_PACKAGES, lab.base)


def need_bases(lab: Lab, names: set[str]) -> None:
    """Make the trees named beside the base unless they are there, all at once."""
    missing = sorted(name for name in names if not base_folder(lab, name).exists())
    with ThreadPoolExecutor(max(1, len(missing))) as pool:
        list(pool.map(lambda name: _make_base(lab, name), missing))


def base_folder(lab: Lab, name: str) -> Path:
    """Return where a base stands."""
    return lab.base if name == SUITE else lab.bases / name


def _make_base(lab: Lab, name: str) -> None:
    if name == EMBEDDED:
        _carve(lab)
    else:
        _debootstrap(lab, name, _SYSTEMD_PACKAGES, base_folder(lab, name))


def _debootstrap(lab: Lab, suite: str, packages: str, into: Path) -> None:
    if shutil.which("debootstrap") is None:
        raise LabError(f"debootstrap is not installed, and there is no {suite} yet: apt-get install debootstrap")
    new = into.with_name(f"{into.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    into.parent.mkdir(parents=True, exist_ok=True)
    _say(f"debootstrap {suite} to {into} (about a minute, once)")
    _logged(
        ["debootstrap", "--variant=minbase", f"--include={packages}", suite, str(new)],
        log=lab.home / f"debootstrap.{suite}.log",
        environment=dict(os.environ),
    )
    new.rename(into)


def _carve(lab: Lab) -> None:
    """Make the tree of an embedded host out of programs of Debian's, with the libraries that these load."""
    folder = _built(lab, EMBEDDED, CARVE, (lab.base,))
    lab.bases.mkdir(parents=True, exist_ok=True)
    (folder / "upper/srv/root").rename(base_folder(lab, EMBEDDED))
    shutil.rmtree(folder)


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


def lower_folders(lab: Lab, names: tuple[str, ...], base: str = SUITE) -> tuple[Path, ...]:
    """Return the read-only trees of a host that has these layers, topmost first, the base last."""
    ordered: list[str] = []
    for name in names:
        ordered += [each for each in (name, *LAYERS[name].below) if each not in ordered]
    # What stands on another layer must lie over it, whoever named it first.
    ordered.sort(key=lambda name: len(LAYERS[name].below), reverse=True)
    return (*(lab.layers / name for name in ordered), base_folder(lab, base))


def _make(lab: Lab, name: str, layer: Layer) -> None:
    new = _built(lab, name, layer.script, lower_folders(lab, layer.below, layer.base))
    lab.layers.mkdir(exist_ok=True)
    shutil.rmtree(lab.layers / name, ignore_errors=True)
    (new / "upper").rename(lab.layers / name)
    shutil.rmtree(new)


def _built(lab: Lab, name: str, script: str, below: tuple[Path, ...]) -> Path:
    """Run a script as root over trees, and return the folder whose ``upper`` holds what it changed."""
    new = lab.home / f"layer.{name}.new"
    shutil.rmtree(new, ignore_errors=True)
    for folder in ("upper", "work", "root"):
        (new / folder).mkdir(parents=True)
    _say(f"making the layer {name} (once)")
    _logged(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _MAKE],
        log=lab.home / f"layer.{name}.log",
        environment={
            "PATH": os.environ["PATH"],
            "NEW": str(new),
            "BELOW": ":".join(str(folder) for folder in below),
            "SCRIPT": script,
        },
    )
    return new


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


def merged_stanzas(lab: Lab, names: tuple[str, ...], base: str) -> dict[str, str]:
    """Return the dpkg rows of a host with these layers: the base's, changed and added to by each layer."""
    *layers, bottom = lower_folders(lab, names, base)
    own = dpkg_stanzas(bottom)
    merged = dict(own)
    for tree in reversed(layers):
        changed = dpkg_stanzas(tree)
        merged |= {name: text for name, text in changed.items() if own.get(name) != text}
    return merged


def merged_accounts(lab: Lab, names: tuple[str, ...], base: str, file: str) -> list[str]:
    """Return the rows of ``passwd``, ``shadow`` or ``group`` with the accounts that the layers brought."""
    rows: dict[str, str] = {}
    for tree in reversed(lower_folders(lab, names, base)):
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
