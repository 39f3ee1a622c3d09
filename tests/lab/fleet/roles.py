"""Every kind of planted host: clean ones, and real products on the network, on loopback, stopped, removed, approved."""

from dataclasses import replace

from tests.lab.fleet.control_roles import CONTROLLED
from tests.lab.fleet.hard_roles import HARD
from tests.lab.fleet.package_roles import PACKAGES
from tests.lab.fleet.plan import Planted, Program, Role, Socket, State, tcp
from tests.lab.fleet.vendors import (
    ANYDESK,
    CHROME_REMOTE_DESKTOP,
    REALVNC,
    RUSTDESK,
    SCREENCONNECT,
    SCREENCONNECT_TENANT,
    TEAMVIEWER,
    Vendor,
)

_RUNNING, _INSTALLED, _RESIDUAL = State.RUNNING, State.INSTALLED, State.RESIDUAL
_VNC_PASSWORD = {"/root/.vnc/passwd": "\x17RQ\x1a#Nv\x01"}
_FRAMEBUFFER = {"/var/lib/lab/framebuffer": "\0" * 64}
_TIGER, _TIGHT, _X11, _XRDP = ("tigervnc",), ("tightvnc",), ("x11vnc",), ("xrdp",)
_LOOPBACK = ("127.0.0.1", "::1")


def _tigervnc(port: int, *, is_local: bool = False) -> tuple[Program, ...]:
    path, local = "/usr/bin/Xtigervnc", f"-localhost={int(is_local)}"
    argv = (path, ":11", "-rfbport", str(port), "-SecurityTypes", "VncAuth", "-rfbauth", "/root/.vnc/passwd", local)
    sockets = tcp(port, *_LOOPBACK) if is_local else tcp(port)
    return (Program(path=path, argv=argv, sockets=sockets, is_real=True, product="tigervnc"),)


def _tightvnc() -> tuple[Program, ...]:
    path = "/usr/bin/Xtightvnc"
    argv = (path, ":12", "-rfbport", "5912", "-rfbauth", "/root/.vnc/passwd")
    # It opens the X protocol to the network too.
    sockets = (*tcp(5912, "0.0.0.0"), *tcp(6012, "0.0.0.0"))
    return (Program(path=path, argv=argv, sockets=sockets, is_real=True, product="tightvnc"),)


def _x11vnc(port: int, *, is_local: bool = False) -> tuple[Program, ...]:
    path = "/usr/bin/x11vnc"
    screen = ("-display", "none", "-rawfb", "map:/var/lib/lab/framebuffer@8x8x8", "-nopw", "-forever", "-quiet")
    argv = (path, *screen, "-rfbport", str(port), *(("-localhost",) if is_local else ()))
    # Whatever -rfbport says, it takes 5900 of IPv6 too.
    own = tcp(port, *_LOOPBACK) if is_local else tcp(port)
    sockets = own if port == 5900 else (*own, *tcp(5900, "::1" if is_local else "::"))
    return (Program(path=path, argv=argv, sockets=sockets, is_real=True, product="x11vnc"),)


def _xrdp() -> tuple[Program, ...]:
    desk = Socket(family="ip6", address="::", port=3389, dual=True)
    sesman = "/usr/sbin/xrdp-sesman"
    return (
        Program(path=sesman, argv=(sesman, "--nodaemon"), sockets=tcp(3350, "::1"), is_real=True, product="xrdp"),
        Program(
            path="/usr/sbin/xrdp", argv=("/usr/sbin/xrdp", "--nodaemon"), sockets=(desk,), is_real=True, product="xrdp"
        ),
    )


def vendor(role: str, says: str, what: Vendor, *, planted: Planted, package_filter: str = "none") -> Role:
    """Return a host on which a vendor's package is installed, and runs where the planted state says so."""
    is_running = planted.state is State.RUNNING
    return Role(
        id=role,
        says=says,
        packages=(what.row(),),
        files=what.disk(),
        links=what.links() if is_running else {},
        programs=what.programs if is_running else (),
        filter=package_filter,
        products=(planted,),
    )


_CLEAN = (
    Role(id="clean", says="Nothing of remote access, no packet filter."),
    Role(id="clean-nft", says="Nothing of remote access, nftables drops by default.", filter="nft-closed"),
    Role(id="clean-nft-empty", says="Nothing of remote access, Debian's empty nftables chains.", filter="nft-empty"),
    Role(id="clean-iptables", says="Nothing of remote access, iptables over nftables.", filter="iptables-nft"),
    Role(id="clean-iptables-legacy", says="Nothing of remote access, iptables' own tables.", filter="iptables-legacy"),
)

_TIGERVNC = (
    Role(
        id="tigervnc-open", says="TigerVNC on every address, nothing filters.", layers=_TIGER, files=_VNC_PASSWORD,
        programs=_tigervnc(5911), products=(Planted(product="tigervnc", state=_RUNNING),),
    ),
    Role(
        id="tigervnc-approved", says="TigerVNC on loopback, approved so.", layers=_TIGER, files=_VNC_PASSWORD,
        programs=_tigervnc(5901, is_local=True), groups=("design",),
        products=(Planted(product="tigervnc", state=_RUNNING, approval="tigervnc-design"),),
    ),
    Role(
        id="tigervnc-out-of-scope", says="TigerVNC approved for loopback, but on every address.", layers=_TIGER,
        files=_VNC_PASSWORD, programs=_tigervnc(5911), groups=("design",),
        products=(Planted(product="tigervnc", state=_RUNNING, approval="tigervnc-design"),),
    ),
    Role(
        id="tigervnc-odd-port", says="TigerVNC on 8443 behind a filter.", layers=_TIGER, files=_VNC_PASSWORD,
        programs=_tigervnc(8443), filter="nft-closed", products=(Planted(product="tigervnc", state=_RUNNING),),
    ),
    Role(
        id="tigervnc-installed", says="TigerVNC installed, not running.", layers=_TIGER,
        products=(Planted(product="tigervnc", state=_INSTALLED),),
    ),
    Role(
        id="tightvnc-open", says="TightVNC on every address, with X11.", layers=_TIGHT, files=_VNC_PASSWORD,
        programs=_tightvnc(), products=(Planted(product="tightvnc", state=_RUNNING),),
    ),
    Role(
        id="tightvnc-installed-approved", says="TightVNC installed and approved.", layers=_TIGHT,
        products=(Planted(product="tightvnc", state=_INSTALLED, approval="tightvnc-lab"),),
    ),
)  # fmt: skip

_X11VNC = (
    Role(
        id="x11vnc-open", says="x11vnc on 5900 of every address, nothing filters.", layers=_X11, files=_FRAMEBUFFER,
        programs=_x11vnc(5900), products=(Planted(product="x11vnc", state=_RUNNING),),
    ),
    Role(
        id="x11vnc-odd-port", says="x11vnc on 22222, nftables lets 5900 in.", layers=_X11, files=_FRAMEBUFFER,
        programs=_x11vnc(22222), filter="nft-open", products=(Planted(product="x11vnc", state=_RUNNING),),
    ),
    Role(
        id="x11vnc-loopback", says="x11vnc on loopback, not approved.", layers=_X11, files=_FRAMEBUFFER,
        programs=_x11vnc(5900, is_local=True), products=(Planted(product="x11vnc", state=_RUNNING),),
    ),
    Role(
        id="x11vnc-stopped", says="x11vnc with a unit of its own, stopped.", layers=_X11,
        files={"/etc/systemd/system/x11vnc.service": "[Service]\nExecStart=/usr/bin/x11vnc -nopw -forever\n"},
        products=(Planted(product="x11vnc", state=_INSTALLED),),
    ),
    Role(
        id="x11vnc-approval-ended", says="x11vnc whose approval is past its review date.", layers=_X11,
        files=_FRAMEBUFFER, programs=_x11vnc(5900), filter="nft-closed",
        products=(Planted(product="x11vnc", state=_RUNNING, lapsed="x11vnc-past-review"),),
    ),
    Role(
        id="x11vnc-excepted", says="x11vnc with valid exceptions for both controls.", layers=_X11, files=_FRAMEBUFFER,
        programs=_x11vnc(5900), products=(
            Planted(
                product="x11vnc", state=_RUNNING, product_exception="x11vnc-kept", listener_exception="x11vnc-open"
            ),
        ),
    ),
    Role(
        id="x11vnc-exception-ended", says="x11vnc whose exception has ended.", layers=_X11, files=_FRAMEBUFFER,
        programs=_x11vnc(5900), products=(Planted(product="x11vnc", state=_RUNNING),),
    ),
    Role(
        id="x11vnc-ipv4-filter", says="x11vnc filtered for IPv4 and open for IPv6.", layers=_X11, files=_FRAMEBUFFER,
        programs=_x11vnc(5900), filter="iptables-ipv4-only", products=(Planted(product="x11vnc", state=_RUNNING),),
    ),
    Role(
        id="x11vnc-nft-empty", says="x11vnc behind nftables chains that hold no rule.", layers=_X11,
        files=_FRAMEBUFFER, programs=_x11vnc(5900), filter="nft-empty",
        products=(Planted(product="x11vnc", state=_RUNNING),),
    ),
)  # fmt: skip

_RDP = (
    Role(
        id="xrdp-open", says="xrdp on every address, nothing filters.", layers=_XRDP, programs=_xrdp(),
        products=(Planted(product="xrdp", state=_RUNNING),),
    ),
    Role(
        id="xrdp-approved", says="xrdp approved on its port for the network.", layers=_XRDP, programs=_xrdp(),
        products=(Planted(product="xrdp", state=_RUNNING, approval="xrdp-jump", approved_ports=(3389,)),),
        groups=("jump",), filter="iptables-nft",
    ),
    Role(
        id="xrdp-approved-elsewhere", says="xrdp approved, but for other hosts.", layers=_XRDP, programs=_xrdp(),
        filter="iptables-nft", products=(Planted(product="xrdp", state=_RUNNING),),
    ),
    Role(
        id="xrdp-legacy-filter", says="xrdp behind iptables' own tables.", layers=_XRDP, programs=_xrdp(),
        filter="iptables-legacy", products=(Planted(product="xrdp", state=_RUNNING),),
    ),
    Role(
        id="xrdp-removed", says="xrdp removed, configuration left.", layers=("xrdp-removed",),
        products=(Planted(product="xrdp", state=_RESIDUAL),),
    ),
    Role(
        id="gnome-installed", says="GNOME's remote desktop installed.", layers=("gnome-remote-desktop",),
        products=(Planted(product="gnome-remote-desktop", state=_INSTALLED),),
    ),
    Role(
        id="vino-installed", says="vino installed.", layers=("vino",),
        products=(Planted(product="vino", state=_INSTALLED),),
    ),
)  # fmt: skip

_VENDORS = (
    vendor("teamviewer", "TeamViewer runs.", TEAMVIEWER, planted=Planted(product="teamviewer", state=_RUNNING)),
    vendor(
        "teamviewer-approved", "TeamViewer runs, approved.", TEAMVIEWER,
        planted=Planted(product="teamviewer", state=_RUNNING, approval="teamviewer-helpdesk"),
    ),
    vendor("teamviewer-stopped", "TeamViewer is installed.", TEAMVIEWER,
           planted=Planted(product="teamviewer", state=_INSTALLED)),
    Role(
        id="teamviewer-removed", says="TeamViewer removed, configuration left.",
        packages=(TEAMVIEWER.row("deinstall ok config-files"),),
        files={path: TEAMVIEWER.files[path] for path in TEAMVIEWER.remains},
        products=(Planted(product="teamviewer", state=_RESIDUAL),),
    ),
    vendor("anydesk", "AnyDesk runs with its direct port open.", ANYDESK,
           planted=Planted(product="anydesk", state=_RUNNING)),
    vendor("anydesk-filtered", "AnyDesk runs behind a filter.", ANYDESK,
           planted=Planted(product="anydesk", state=_RUNNING), package_filter="nft-closed"),
    Role(
        id="anydesk-deleted", says="AnyDesk still runs although its file is gone.", files=ANYDESK.files,
        programs=tuple(replace(program, is_deleted=True) for program in ANYDESK.programs),
        products=(Planted(product="anydesk", state=_RUNNING),),
    ),
    vendor("rustdesk", "RustDesk runs with direct access.", RUSTDESK,
           planted=Planted(product="rustdesk", state=_RUNNING)),
    vendor("realvnc", "RealVNC runs, admitted from the fleet's network.", REALVNC,
           planted=Planted(product="realvnc", state=_RUNNING), package_filter="nft-limited"),
    vendor("screenconnect", "A ScreenConnect client runs in Java.", SCREENCONNECT,
           planted=Planted(product="screenconnect", state=_RUNNING, tenant=SCREENCONNECT_TENANT)),
    vendor("chrome-remote-desktop", "Chrome Remote Desktop runs as a user.", CHROME_REMOTE_DESKTOP,
           planted=Planted(product="chrome-remote-desktop", state=_RUNNING)),
    Role(
        id="several", says="Three products, one of them approved.", layers=("tigervnc", "xrdp"),
        files={**_VNC_PASSWORD, **ANYDESK.disk()}, links=ANYDESK.links(), packages=(ANYDESK.row(),), groups=("jump",),
        programs=(*_tigervnc(5911), *_xrdp(), *ANYDESK.programs), filter="nft-open",
        products=(
            Planted(product="anydesk", state=_RUNNING),
            Planted(product="tigervnc", state=_RUNNING),
            Planted(product="xrdp", state=_RUNNING, approval="xrdp-jump", approved_ports=(3389,)),
        ),
    ),
)  # fmt: skip

ROLES = (*_CLEAN, *_TIGERVNC, *_X11VNC, *_RDP, *_VENDORS, *HARD, *CONTROLLED, *PACKAGES)
"""In this order hosts get their roles; a fleet larger than this goes on with ordinary hosts."""
