"""Planted hosts of other families: what is installed stands in a database of rpm, pacman or apk, and none of dpkg's."""

from tests.lab.fleet.package_layers import apk_database
from tests.lab.fleet.plan import Planted, Program, Role, State, tcp
from tests.lab.fleet.vendors import ANYDESK

_RHEL = (
    'NAME="Lab Enterprise Linux"\nVERSION="9.4"\nID="label"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'
    'PRETTY_NAME="Lab Enterprise Linux 9.4"\n'
)
_ARCH = 'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n'
_ALPINE = 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.21.3\nPRETTY_NAME="Alpine Linux v3.21"\n'
_X11VNC = "/usr/bin/x11vnc"
_SCREEN = ("-display", "none", "-rawfb", "map:/var/lib/lab/framebuffer@8x8x8", "-nopw", "-forever", "-quiet")


def _release(text: str) -> dict[str, str]:
    return {"/etc/os-release": text}


PACKAGES = (
    Role(
        id="rpm-clean", says="Packages of rpm, none of them remote access but a viewer; one was and is removed.",
        layers=("rpm-database",), manager="rpm", files=_release(_RHEL), filter="nft-closed",
    ),
    Role(
        id="rpm-anydesk", says="AnyDesk and a TigerVNC server from two repositories of dnf; AnyDesk runs.",
        layers=("rpm-planted",), manager="rpm", listed=("anydesk", "tigervnc-server"),
        files={**_release(_RHEL), **ANYDESK.disk()}, links=ANYDESK.links(), programs=ANYDESK.programs,
        products=(
            Planted(product="anydesk", state=State.RUNNING),
            Planted(product="tigervnc", state=State.INSTALLED),
        ),
    ),
    Role(
        id="pacman-clean", says="Packages of pacman, none of them remote access.", layers=("pacman-database",),
        manager="pacman", files=_release(_ARCH), filter="nft-closed",
    ),
    Role(
        id="pacman-tigervnc", says="TigerVNC by pacman, not running.", layers=("pacman-planted",), manager="pacman",
        listed=("tigervnc",), files=_release(_ARCH), filter="nft-closed",
        products=(Planted(product="tigervnc", state=State.INSTALLED),),
    ),
    Role(
        id="apk-clean", says="Packages of apk (a database written by hand), none of them remote access.",
        manager="apk", files={**_release(_ALPINE), "/lib/apk/db/installed": apk_database()}, filter="nft-closed",
    ),
    Role(
        id="apk-x11vnc", says="x11vnc by apk (a database written by hand), running.", layers=("x11vnc",), manager="apk",
        listed=("x11vnc",), filter="nft-open",
        files={
            **_release(_ALPINE),
            "/lib/apk/db/installed": apk_database(x11vnc="0.9.16-r4"),
            "/var/lib/lab/framebuffer": "\0" * 64,
        },
        programs=(
            Program(
                path=_X11VNC, argv=(_X11VNC, *_SCREEN, "-rfbport", "5900"), sockets=tcp(5900), is_real=True,
                product="x11vnc",
            ),
        ),
        products=(Planted(product="x11vnc", state=State.RUNNING),),
    ),
)  # fmt: skip
