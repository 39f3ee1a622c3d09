"""Planted hosts that are hard to judge: suspicions, decoys, rights, and hosts that attack whoever reads them."""

from tests.lab.fleet.plan import Planted, Program, Role, Socket, State, tcp

_X11VNC = "/usr/bin/x11vnc"
_FRAMEBUFFER = {"/var/lib/lab/framebuffer": "\0" * 64}
_SCREEN = ("-display", "none", "-rawfb", "map:/var/lib/lab/framebuffer@8x8x8", "-nopw", "-forever", "-quiet")
_RAW_COMM = "/usr/local/lib/fleet/bin"
SUDO_PASSWORD = "correct horse"
"""What `auditor` types on the host whose sudo asks."""


def _planted(path: str, *argv: str, ports: tuple[int, ...] = (), addresses: tuple[str, ...] = ()) -> Program:
    sockets = tuple(socket for port in ports for socket in tcp(port, *addresses))
    return Program(path=path, argv=(path, *argv), sockets=sockets)


def _copied_x11vnc(path: str, port: int, product: str) -> Program:
    return Program(
        path=path,
        argv=(path, *_SCREEN, "-rfbport", str(port)),
        sockets=tcp(port) if port == 5900 else (*tcp(port), *tcp(5900, "::")),
        is_real=True,
        product=product,
    )


def _suspect(product: str, port: int, *addresses: str) -> tuple[Program, ...]:
    path = "/usr/bin/nc.traditional"
    sockets = tcp(port, *(addresses or ("0.0.0.0",)))
    return (Program(path=path, argv=("nc", "-l", "-p", str(port)), sockets=sockets, product=product),)


_SUSPICIONS = (
    Role(
        id="port-5900", says="netcat on the VNC port: suspected, no more.", programs=_suspect("generic-vnc", 5900),
        products=(Planted(product="generic-vnc", state=State.RUNNING, is_suspected=True),),
    ),
    Role(
        id="port-3389-loopback", says="netcat on loopback's RDP port.",
        programs=_suspect("generic-rdp", 3389, "127.0.0.1"),
        products=(Planted(product="generic-rdp", state=State.RUNNING, is_suspected=True),),
    ),
    Role(
        id="renamed", says="x11vnc under another name on the VNC port: only the port is left to suspect.",
        layers=("x11vnc",), without=("x11vnc",), hidden=(_X11VNC,), files=_FRAMEBUFFER,
        copies={"/usr/local/sbin/syshelper": _X11VNC},
        programs=(_copied_x11vnc("/usr/local/sbin/syshelper", 5900, "generic-vnc"),),
        products=(Planted(product="generic-vnc", state=State.RUNNING, is_suspected=True),),
    ),
    Role(
        id="hand-built", says="x11vnc built by hand under /opt, on an odd port, in no package database.",
        layers=("x11vnc",), without=("x11vnc",), hidden=(_X11VNC,), files=_FRAMEBUFFER,
        copies={"/opt/build/x11vnc": _X11VNC},
        programs=(_copied_x11vnc("/opt/build/x11vnc", 15900, "x11vnc"),),
        products=(Planted(product="x11vnc", state=State.RUNNING),),
    ),
)  # fmt: skip

_DECOYS = (
    Role(id="decoy-viewer", says="A VNC viewer, which serves nobody.", layers=("tigervnc-viewer",)),
    Role(
        id="decoy-names", says="Names that sound like remote access and are not.",
        programs=(
            _planted("/usr/bin/kak", "/root/x11vnc.conf", "/etc/xrdp/xrdp.ini.bak"),
            _planted("/opt/tools/vncconfig-notes.txt"),
            _planted("/usr/bin/rg", "teamviewerd", "/var/log"),
            _planted("/opt/app/java", "-jar", "shop.jar", ports=(8081,)),
            _planted("/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql", ports=(5433,)),
        ),
        files={
            "/root/anydesk.txt": "how to remove anydesk\n",
            "/etc/systemd/system/backup.service": "[Service]\nExecStart=/usr/bin/true --exclude /opt/teamviewer\n",
        },
    ),
)  # fmt: skip

_RIGHTS = (
    Role(
        id="sudo-all", says="A user whom nobody approved may do anything.",
        accounts=("mallory:x:3000:3000::/home/mallory:/bin/bash",), sudoers="mallory ALL=(ALL) ALL\n",
        installers=("mallory",),
    ),
    Role(
        id="sudo-group", says="A member of the group sudo.", accounts=("eve:x:3000:3000::/home/eve:/bin/bash",),
        members={"sudo": ("eve",)}, installers=("eve",),
    ),
    Role(
        id="uid-0", says="A second account with user number 0.", accounts=("toor:x:0:0::/root:/bin/bash",),
        installers=("toor",),
    ),
    Role(
        id="sudo-aliases", says="A package manager through aliases.",
        accounts=("trent:x:3000:3000::/home/trent:/bin/bash", "judy:x:3001:3001::/home/judy:/bin/bash"),
        sudoers="User_Alias BUILDERS = trent, \\\n    judy\nCmnd_Alias PACKAGES = /usr/bin/apt-get, /usr/bin/dpkg\n"
        "BUILDERS ALL=(root) NOPASSWD: PACKAGES\n",
        installers=("judy", "trent"),
    ),
    Role(
        id="sudo-limited", says="A user who may restart one service, which installs nothing.",
        accounts=("webops:x:3000:3000::/home/webops:/bin/bash",),
        sudoers="webops ALL=(root) NOPASSWD: /usr/bin/systemctl restart nginx\n",
    ),
    Role(id="sudo-password", says="sudo asks `auditor` for a password.", sudo_password=SUDO_PASSWORD),
)  # fmt: skip

_HOSTILE = (
    Role(
        id="hostile-markup", says="Its names are markup, terminal escapes and forged columns.",
        hostname="<script>alert(1)</script>",
        programs=(
            _planted(f'{_RAW_COMM}/",pid=1,fd=3', ports=(9991,)),
            _planted(f"{_RAW_COMM}/\x1b[31mred\x1b[0m", "\x1b]0;owned\x07", ports=(9992,)),
            _planted(f"{_RAW_COMM}/<svg onload=a>", "<img src=x onerror=alert(1)>", ports=(9993,)),
        ),
    ),
    Role(
        id="hostile-formula", says="It calls itself a spreadsheet formula.", hostname="=cmd|' /C calc'!A0",
        programs=(_planted(f"{_RAW_COMM}/=1+1", "=HYPERLINK(0)", ports=(9994,)),),
    ),
)  # fmt: skip


def _in_space(space: str, path: str, *sockets: Socket, product: str | None = None) -> Program:
    return Program(path=path, argv=(path,), sockets=sockets, product=product, space=space)


_BEHIND = (
    Role(
        id="containers",
        says="Containers: AnyDesk published to all, a shop to one network, one with rules of its own, one without "
        "a cable, one past the host's filter.",
        filter="containers",
        programs=(
            _in_space(
                "blue", "/opt/app/bin/anydesk",
                Socket(port=7070, reachability="from_anywhere", published=7071),
                Socket(protocol="udp", port=50001, reachability="blocked"),
                product="anydesk",
            ),
            _in_space(
                "blue", "/opt/app/shop",
                Socket(port=80, reachability="from_networks", published=8080),
                Socket(family="ip6", address="::", port=81, reachability="blocked"),
                Socket(protocol="udp", port=53, reachability="from_anywhere", published=5354),
                Socket(port=9000, address="127.0.0.1", reachability="loopback_only"),
            ),
            _in_space("green", "/opt/app/ledger", Socket(port=9443, reachability="from_networks", published=9443)),
            _in_space(
                "quiet", "/opt/app/builder",
                Socket(port=9001, reachability="loopback_only"),
                Socket(protocol="udp", family="ip6", address="::", port=9001, reachability="loopback_only"),
            ),
            _in_space("odd", "/opt/app/sensor", Socket(port=9002, reachability="undecided")),
        ),
        products=(Planted(product="anydesk", state=State.RUNNING),),
    ),
    Role(id="egress-filtered", says="Remote access is filtered on the way out, UDP forgotten.", filter="nft-egress"),
)  # fmt: skip

_USER = ("dora:x:3002:3002::/home/dora:/bin/bash",)
_FLATPAK = "/home/dora/.local/share/flatpak/app/com.anydesk.Anydesk/x86_64/stable"
_UNLISTED = (
    Role(
        id="portable", says="A portable AnyDesk and RustDesk's AppImage in a home folder, never started.",
        accounts=_USER,
        # Programs of their size; what is inside is not what they are recognised by.
        copies={
            "/home/dora/Downloads/anydesk": "/usr/bin/bash",
            "/home/dora/Applications/rustdesk-1.3.9-x86_64.AppImage": "/usr/bin/bash",
        },
        products=(
            Planted(product="anydesk", state=State.INSTALLED), Planted(product="rustdesk", state=State.INSTALLED),
        ),
    ),
    Role(
        id="portable-name", says="A small script that bears AnyDesk's name: suspected, no more.",
        copies={"/opt/tools/anydesk": "/usr/bin/ldd"},
        products=(Planted(product="anydesk", state=State.INSTALLED, is_suspected=True),),
    ),
    Role(
        id="user-installed", says="A user installed AnyDesk by Flatpak; pip installed websockify for all.",
        accounts=_USER,
        links={f"{_FLATPAK}/active": "b1946ac9"},
        files={
            "/usr/local/lib/python3.11/dist-packages/websockify-0.13.0.dist-info/INSTALLER": "pip\n",
            f"{_FLATPAK}/b1946ac9/metadata": "[Application]\n",
        },
        products=(
            Planted(product="anydesk", state=State.INSTALLED), Planted(product="websockify", state=State.INSTALLED),
        ),
    ),
)  # fmt: skip

HARD = (*_SUSPICIONS, *_DECOYS, *_RIGHTS, *_HOSTILE, *_BEHIND, *_UNLISTED)
