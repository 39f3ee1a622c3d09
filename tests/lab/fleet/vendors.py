"""What products that are not in Debian leave on a host: package row, unit, program, folders ."""

from dataclasses import dataclass, field

from tests.lab.fleet.plan import Program, Socket, tcp, udp


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One product as its Debian package puts it on the disk."""

    product: str
    """Catalogue id."""
    package: str
    version: str
    unit: str = ""
    """Name of its systemd unit."""
    programs: tuple[Program, ...] = ()
    """What runs when it runs."""
    files: dict[str, str] = field(default_factory=dict)
    """Further files."""
    remains: tuple[str, ...] = ()
    """Files that stay when it is removed."""

    def row(self, status: str = "install ok installed") -> str:
        """Write its row of the dpkg database."""
        return (
            f"Package: {self.package}\nStatus: {status}\nPriority: optional\nSection: non-free/net\n"
            f"Installed-Size: 1024\nMaintainer: {self.product} packagers <packages@example.com>\n"
            f"Architecture: amd64\nVersion: {self.version}\nDescription: {self.product}\n"
        )

    def disk(self) -> dict[str, str]:
        """Return its files with their content, programs apart."""
        if not self.unit:
            return dict(self.files)
        command = " ".join(self.programs[0].argv or (self.programs[0].path,))
        text = (
            f"[Unit]\nDescription={self.product}\n\n[Service]\nExecStart={command}\n\n"
            "[Install]\nWantedBy=multi-user.target\n"
        )
        return {f"/etc/systemd/system/{self.unit}": text, **self.files}

    def links(self) -> dict[str, str]:
        """Return the link that makes its unit start at boot."""
        if not self.unit:
            return {}
        return {f"/etc/systemd/system/multi-user.target.wants/{self.unit}": f"/etc/systemd/system/{self.unit}"}


def _program(product: str, path: str, *argv: str, sockets: tuple[Socket, ...] = (), uid: int = 0) -> Program:
    return Program(path=path, argv=(path, *argv), sockets=sockets, uid=uid, product=product)


SCREENCONNECT_TENANT = "6a1f0c42d9e8b375"
_SCREENCONNECT = f"/opt/connectwisecontrol-{SCREENCONNECT_TENANT}"
PLAIN_UID = 2001
"""User number of ``plain`` on every host."""

TEAMVIEWER = Vendor(
    product="teamviewer",
    package="teamviewer-host",
    version="15.58.4",
    unit="teamviewerd.service",
    programs=(_program("teamviewer", "/opt/teamviewer/tv_bin/teamviewerd", "-d", sockets=tcp(5939, "127.0.0.1")),),
    files={"/opt/teamviewer/config/global.conf": "[strng] ClientIDHint = 1234567890\n"},
    remains=("/opt/teamviewer/config/global.conf",),
)
ANYDESK = Vendor(
    product="anydesk",
    package="anydesk",
    version="6.4.0",
    unit="anydesk.service",
    programs=(
        _program("anydesk", "/usr/bin/anydesk", "--service", sockets=(*tcp(7070, "0.0.0.0"), *udp(50001, "0.0.0.0"))),
    ),
    files={"/etc/anydesk/system.conf": "ad.anynet.id=987654321\n"},
    remains=("/etc/anydesk/system.conf",),
)
RUSTDESK = Vendor(
    product="rustdesk",
    package="rustdesk",
    version="1.3.2",
    unit="rustdesk.service",
    programs=(_program("rustdesk", "/usr/bin/rustdesk", "--service", sockets=tcp(21118)),),
    files={"/root/.config/rustdesk/RustDesk.toml": "id = '123456789'\n"},
)
REALVNC = Vendor(
    product="realvnc",
    package="realvnc-vnc-server",
    version="7.13.0.19",
    unit="vncserver-x11-serviced.service",
    programs=(
        _program("realvnc", "/usr/bin/vncserver-x11-serviced", "-fg"),
        _program("realvnc", "/usr/bin/vncserver-x11-core", "-service", sockets=tcp(5900)),
    ),
    files={"/etc/vnc/config.d/common.custom": "Encryption=PreferOn\n"},
)
SCREENCONNECT = Vendor(
    product="screenconnect",
    package=f"connectwisecontrol-{SCREENCONNECT_TENANT}",
    version="24.2.3.8942",
    unit=f"connectwisecontrol-{SCREENCONNECT_TENANT}.service",
    programs=(
        _program(
            "screenconnect",
            "/usr/lib/jvm/java-17-openjdk-amd64/bin/java",
            "-Xms2m",
            "-classpath",
            f"{_SCREENCONNECT}/ScreenConnect.Core.jar:{_SCREENCONNECT}/ScreenConnect.Client.jar",
            "com.screenconnect.client.LinuxClientService",
        ),
    ),
    files={f"{_SCREENCONNECT}/ClientLaunchParameters.txt": "?h=relay.example.com&p=8041\n"},
)
CHROME_REMOTE_DESKTOP = Vendor(
    product="chrome-remote-desktop",
    package="chrome-remote-desktop",
    version="130.0.6723.14",
    programs=(
        _program(
            "chrome-remote-desktop",
            "/opt/google/chrome-remote-desktop/chrome-remote-desktop-host",
            "--host-config=/home/plain/.config/chrome-remote-desktop/host.json",
            uid=PLAIN_UID,
        ),
    ),
    files={
        "/usr/lib/systemd/system/chrome-remote-desktop@.service": "[Service]\n"
        "ExecStart=/opt/google/chrome-remote-desktop/chrome-remote-desktop --start --new-session\n",
    },
)
