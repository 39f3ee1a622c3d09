"""Hosts whose first process is a real systemd, with products as its units."""

from dataclasses import replace

from tests.lab.fleet.plan import Boot, Planted, Program, Role, Socket, State, Unit, tcp
from tests.lab.fleet.vendors import TEAMVIEWER

_WANTS = "/etc/systemd/system/multi-user.target.wants"
_X11VNC = Program(
    path="/usr/bin/x11vnc", sockets=(*tcp(5900, "0.0.0.0"), *tcp(5900, "::")), is_real=True, product="x11vnc"
)
_X11VNC_UNIT = (
    "[Unit]\nDescription=Screen for everyone\nAfter=network.target\n\n[Service]\n"
    "ExecStart=/usr/bin/x11vnc -display none -rawfb map:/var/lib/lab/framebuffer@8x8x8 -nopw -forever -quiet\n\n"
    "[Install]\nWantedBy=multi-user.target\n"
)
_XRDP = (
    Program(path="/usr/sbin/xrdp-sesman", sockets=tcp(3350, "::1"), is_real=True, product="xrdp"),
    Program(
        path="/usr/sbin/xrdp",
        sockets=(Socket(family="ip6", address="::", port=3389, dual=True),),
        is_real=True,
        product="xrdp",
    ),
)

_ROLES = (
    Role(
        id="systemd-xrdp",
        says="xrdp as Debian ships it: enabled and running; x11vnc installed with a masked unit.",
        layers=("xrdp", "x11vnc"),
        programs=_XRDP,
        links={"/etc/systemd/system/x11vnc.service": "/dev/null"},
        products=(
            Planted(product="x11vnc", state=State.INSTALLED),
            Planted(product="xrdp", state=State.RUNNING),
        ),
        units=(
            Unit(name="ssh.service", enabled="enabled", active=True),
            Unit(name="x11vnc.service", enabled="masked", active=False),
            Unit(name="xrdp-sesman.service", enabled="enabled", active=True),
            Unit(name="xrdp.service", enabled="enabled", active=True),
        ),
    ),
    Role(
        id="systemd-x11vnc",
        says="x11vnc as a unit of its own behind nftables.service; xrdp installed and disabled.",
        layers=("x11vnc", "xrdp"),
        programs=(_X11VNC,),
        filter="nft-closed",
        files={"/etc/systemd/system/x11vnc.service": _X11VNC_UNIT, "/var/lib/lab/framebuffer": "\0" * 64},
        links={
            f"{_WANTS}/x11vnc.service": "/etc/systemd/system/x11vnc.service",
            "/etc/systemd/system/sysinit.target.wants/nftables.service": "/lib/systemd/system/nftables.service",
        },
        hidden=(f"{_WANTS}/xrdp.service", f"{_WANTS}/xrdp-sesman.service"),
        products=(
            Planted(product="x11vnc", state=State.RUNNING),
            Planted(product="xrdp", state=State.INSTALLED),
        ),
        units=(
            Unit(name="nftables.service", enabled="enabled", active=True),
            Unit(name="x11vnc.service", enabled="enabled", active=True),
            Unit(name="xrdp.service", enabled="disabled", active=False),
        ),
    ),
    Role(
        id="systemd-teamviewer",
        says="TeamViewer's service, approved; nothing else.",
        packages=(TEAMVIEWER.row(),),
        files=TEAMVIEWER.disk(),
        links=TEAMVIEWER.links(),
        # systemd hands it no sockets: it has none.
        programs=tuple(replace(program, sockets=()) for program in TEAMVIEWER.programs),
        products=(Planted(product="teamviewer", state=State.RUNNING, approval="teamviewer-helpdesk"),),
        units=(Unit(name="teamviewerd.service", enabled="enabled", active=True),),
    ),
    Role(
        id="systemd-sockets",
        says="TigerVNC behind a socket unit and x11vnc behind xinetd: none of them runs before somebody connects.",
        layers=("tigervnc", "x11vnc", "xinetd"),
        programs=(
            Program(path="/lib/systemd/systemd", sockets=tcp(5901, "0.0.0.0"), is_real=True, product="tigervnc"),
            Program(
                path="/usr/sbin/xinetd",
                sockets=(Socket(family="ip6", address="::", port=5903, dual=True),),
                is_real=True,
                product="x11vnc",
            ),
        ),
        files={
            "/etc/systemd/system/desk.socket": "[Socket]\nListenStream=0.0.0.0:5901\nAccept=yes\n\n"
            "[Install]\nWantedBy=sockets.target\n",
            "/etc/systemd/system/desk@.service": "[Service]\nStandardInput=socket\n"
            "ExecStart=-/usr/bin/Xtigervnc -inetd -SecurityTypes None -geometry 640x480\n",
            "/etc/xinetd.d/screen": "service screen\n{\n\ttype = UNLISTED\n\tport = 5903\n\tsocket_type = stream\n"
            "\tprotocol = tcp\n\twait = no\n\tuser = root\n\tserver = /usr/bin/x11vnc\n"
            "\tserver_args = -inetd -q -display none -rawfb map:/var/lib/lab/framebuffer@8x8x8 -nopw\n}\n",
            "/var/lib/lab/framebuffer": "\0" * 64,
        },
        links={
            "/etc/systemd/system/sockets.target.wants/desk.socket": "/etc/systemd/system/desk.socket",
        },
        products=(
            Planted(product="tigervnc", state=State.RUNNING),
            Planted(product="x11vnc", state=State.RUNNING),
        ),
        units=(Unit(name="desk.socket", enabled="enabled", active=True),),
    ),
)
SYSTEMD_ROLES = tuple(replace(role, boot=Boot.NSPAWN) for role in _ROLES)
"""In this order hosts with systemd get their roles."""
