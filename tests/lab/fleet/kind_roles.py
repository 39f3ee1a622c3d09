"""Hosts of other kinds: other releases, init systems, shells and languages, odd mounts, an embedded one."""

from dataclasses import replace

from tests.lab.fleet.layers import EMBEDDED
from tests.lab.fleet.plan import Become, Boot, Planted, Program, Role, State, Unit, tcp
from tests.lab.fleet.vendors import ANYDESK

_RUNNING = State.RUNNING
_WANTS = "/etc/systemd/system/multi-user.target.wants"
_SCREEN = "-display none -rawfb map:/var/lib/lab/framebuffer@8x8x8 -nopw -forever -quiet"
_FRAMEBUFFER = {"/var/lib/lab/framebuffer": "\0" * 64}
_X11VNC = Program(
    path="/usr/bin/x11vnc",
    argv=("/usr/bin/x11vnc", *_SCREEN.split()),
    sockets=tcp(5900),
    is_real=True,
    product="x11vnc",
)
_PLANTED = (Planted(product="x11vnc", state=_RUNNING),)

# ---- what starts x11vnc and the packet filter under each init system

_UNIT = (
    "[Unit]\nDescription=Screen for everyone\nAfter=network.target\n\n[Service]\n"
    f"ExecStart=/usr/bin/x11vnc {_SCREEN}\n\n[Install]\nWantedBy=multi-user.target\n"
)
_UNIT_FILES = {"/etc/systemd/system/x11vnc.service": _UNIT, **_FRAMEBUFFER}
_NFTABLES_WANTED = {"/etc/systemd/system/sysinit.target.wants/nftables.service": "/lib/systemd/system/nftables.service"}
_FILTER_SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides:          packet-filter
# Required-Start:    mountkernfs
# Required-Stop:
# Default-Start:     S
# Default-Stop:
# Short-Description: Load the packet filter
### END INIT INFO
case $1 in start) /usr/sbin/nft -f /etc/nftables.conf ;; esac
"""
_LSB_SCRIPT = f"""#!/bin/sh
### BEGIN INIT INFO
# Provides:          x11vnc
# Required-Start:    $remote_fs
# Required-Stop:     $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Screen for everyone
### END INIT INFO
run="start-stop-daemon --pidfile /run/x11vnc.pid --exec /usr/bin/x11vnc"
case $1 in
    start) $run --start --background --make-pidfile -- {_SCREEN} ;;
    stop) $run --stop --retry 5 --remove-pidfile ;;
esac
"""
_OPENRC_SCRIPT = f"""#!/sbin/openrc-run
description="Screen for everyone"
command=/usr/bin/x11vnc
command_args="{_SCREEN}"
command_background=yes
pidfile=/run/x11vnc.pid
"""
_OPENRC_FILTER = """#!/sbin/openrc-run
description="Load the packet filter"
start() {
    /usr/sbin/nft -f /etc/nftables.conf
}
"""
_EMBEDDED_SCRIPT = f'#!/bin/sh\n[ "$1" != start ] || /usr/bin/x11vnc {_SCREEN} >/dev/null 2>&1 </dev/null &\n'
_EMBEDDED_FILTER = '#!/bin/sh\n[ "$1" != start ] || /usr/sbin/nft -f /etc/nftables.conf\n'

_SYSV_FILTER = {"/etc/init.d/packet-filter": _FILTER_SCRIPT}
# What the package's own scripts were ordered by, and this host's are not in: without it they run by their numbers.
_ORDER = tuple(f"/etc/init.d/.depend.{when}" for when in ("boot", "start", "stop"))
_SYSV_FILTER_LINK = {"/etc/rcS.d/S15packet-filter": "../init.d/packet-filter"}


def _service(name: str, *, enabled: str = "enabled", active: bool = True) -> Unit:
    return Unit(name=name, enabled=enabled, active=active)


_RELEASES = tuple(
    role
    for suite, name in (("bullseye", "Debian 11"), ("trixie", "Debian 13"))
    for role in (
        Role(
            id=f"{suite}-clean",
            says=f"{name} with systemd: nothing of remote access, nftables drops by default.",
            base=suite,
            boot=Boot.NSPAWN,
            filter="nft-closed",
            links=_NFTABLES_WANTED,
            units=(_service("ssh.service"), _service("nftables.service")),
        ),
        Role(
            id=f"{suite}-x11vnc",
            says=f"{name} with systemd: x11vnc as a unit of its own, open to all.",
            base=suite,
            boot=Boot.NSPAWN,
            layers=(f"{suite}-x11vnc",),
            programs=(_X11VNC,),
            files=_UNIT_FILES,
            links={f"{_WANTS}/x11vnc.service": "/etc/systemd/system/x11vnc.service"},
            products=_PLANTED,
            units=(_service("ssh.service"), _service("x11vnc.service")),
        ),
    )
)

_INITS = (
    Role(
        id="sysvinit-clean",
        says="System V init: nothing of remote access, an init script loads the packet filter.",
        boot=Boot.NSPAWN,
        layers=("sysvinit",),
        filter="nft-closed",
        files=_SYSV_FILTER,
        links=_SYSV_FILTER_LINK,
        hidden=_ORDER,
        units=(_service("ssh"), _service("packet-filter")),
    ),
    Role(
        id="sysvinit-x11vnc",
        says="System V init: x11vnc runs by an init script; one of AnyDesk's is there and is not started.",
        boot=Boot.NSPAWN,
        layers=("x11vnc", "sysvinit"),
        programs=(_X11VNC,),
        files={"/etc/init.d/x11vnc": _LSB_SCRIPT, "/etc/init.d/anydesk": "#!/bin/sh\n", **_FRAMEBUFFER},
        links={f"/etc/rc{level}.d/S01x11vnc": "../init.d/x11vnc" for level in (2, 3, 4, 5)},
        hidden=_ORDER,
        packages=(ANYDESK.row(),),
        products=(Planted(product="anydesk", state=State.INSTALLED), *_PLANTED),
        units=(_service("ssh"), _service("x11vnc"), _service("anydesk", enabled="disabled", active=False)),
    ),
    Role(
        id="openrc-clean",
        says="OpenRC: nothing of remote access, a service of the default runlevel loads the packet filter.",
        boot=Boot.NSPAWN,
        layers=("openrc",),
        filter="nft-closed",
        files={"/etc/init.d/packet-filter": _OPENRC_FILTER},
        links={"/etc/runlevels/default/packet-filter": "/etc/init.d/packet-filter"},
        units=(_service("ssh"), _service("packet-filter")),
    ),
    Role(
        id="openrc-x11vnc",
        says="OpenRC: x11vnc runs in the default runlevel; a service of AnyDesk's is in none.",
        boot=Boot.NSPAWN,
        layers=("x11vnc", "openrc"),
        programs=(_X11VNC,),
        files={"/etc/init.d/x11vnc": _OPENRC_SCRIPT, "/etc/init.d/anydesk": "#!/sbin/openrc-run\n", **_FRAMEBUFFER},
        links={"/etc/runlevels/default/x11vnc": "/etc/init.d/x11vnc"},
        packages=(ANYDESK.row(),),
        products=(Planted(product="anydesk", state=State.INSTALLED), *_PLANTED),
        units=(_service("ssh"), _service("x11vnc"), _service("anydesk", enabled="disabled", active=False)),
    ),
)

_EMBEDDED = (
    Role(
        id="embedded-clean",
        says="busybox and dropbear, no ss, no Python, no package manager: nothing of remote access, nftables drops.",
        base=EMBEDDED,
        become=Become.NOTHING,
        ssh_server="/usr/sbin/dropbear",
        filter="nft-closed",
        files={"/etc/init.d/S10firewall": _EMBEDDED_FILTER},
        units=(_service("firewall"),),
    ),
    Role(
        id="embedded-x11vnc",
        says="busybox and dropbear: x11vnc shows the screen to all.",
        base=EMBEDDED,
        become=Become.NOTHING,
        ssh_server="/usr/sbin/dropbear",
        programs=(_X11VNC,),
        files={"/etc/init.d/S90x11vnc": _EMBEDDED_SCRIPT, **_FRAMEBUFFER},
        products=_PLANTED,
        units=(_service("x11vnc"),),
    ),
)

_ODD = (
    Role(
        id="container",
        says="A container without an init system, whose first process is sshd; AnyDesk runs in it.",
        is_first_sshd=True,
        packages=(ANYDESK.row(),),
        files=ANYDESK.files,
        programs=ANYDESK.programs,
        products=(Planted(product="anydesk", state=_RUNNING),),
    ),
    Role(
        id="read-only",
        says="A root that is mounted read-only; x11vnc runs.",
        is_read_only=True,
        layers=("x11vnc",),
        files=_FRAMEBUFFER,
        programs=(_X11VNC,),
        products=_PLANTED,
    ),
    Role(
        id="hidepid",
        says="/proc shows nobody another's processes; x11vnc runs.",
        proc_options="hidepid=2",
        layers=("x11vnc",),
        files=_FRAMEBUFFER,
        programs=(_X11VNC,),
        products=_PLANTED,
    ),
    Role(
        id="german",
        says="Everything speaks German, and sshd tells every log-in to; x11vnc runs.",
        layers=("x11vnc", "locales"),
        files={
            "/etc/ssh/sshd_config.d/60-locale.conf": "SetEnv LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 LANGUAGE=de\n",
            "/etc/default/locale": "LANG=de_DE.UTF-8\n",
            **_FRAMEBUFFER,
        },
        programs=(_X11VNC,),
        products=_PLANTED,
    ),
    Role(
        id="japanese",
        says="Japanese in EUC-JP, whose characters hold bytes that are none in UTF-8; nothing of remote access.",
        layers=("locales",),
        filter="nft-closed",
        files={
            "/etc/ssh/sshd_config.d/60-locale.conf": "SetEnv LANG=ja_JP.eucJP LC_ALL=ja_JP.eucJP LANGUAGE=ja\n",
            "/etc/default/locale": "LANG=ja_JP.eucJP\n",
        },
    ),
    Role(
        id="doas-clean",
        says="doas in place of sudo; nothing of remote access.",
        become=Become.DOAS,
        layers=("doas",),
        filter="nft-closed",
    ),
    Role(
        id="doas-x11vnc",
        says="doas in place of sudo; x11vnc runs.",
        become=Become.DOAS,
        layers=("x11vnc", "doas"),
        files=_FRAMEBUFFER,
        programs=(replace(_X11VNC),),
        products=_PLANTED,
    ),
)

KIND_ROLES = (*_RELEASES, *_INITS, *_EMBEDDED, *_ODD)
"""In this order hosts of other kinds get their roles."""
