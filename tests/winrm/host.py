"""A Windows host in a few lines, and the whole answer that the probe would bring from it.

The rows are those that the collectors' fragments print, with values as documentation of Windows shows them: no host was
at hand. What a host is said to have is its truth: products that run or are installed, and what listens.
"""

from dataclasses import dataclass, field
from typing import Any

from auditor.collect.probe import sections_of
from auditor.model.host import OsFamily

DOMAIN_SID = "S-1-5-21-1004336348-1177238915-682003330"
"""First part of the identifiers of accounts on every such host."""

NO_SYSMON = "absent there is no log Microsoft-Windows-Sysmon/Operational"
"""What the probe says where Sysmon is not installed."""

Row = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release of Windows."""

    product: str
    kind: str
    build: int
    revision: int
    display: str
    is_server: bool = False


RELEASES = {
    "windows-10": Release(product="Windows 10 Pro", kind="Client", build=19045, revision=5131, display="22H2"),
    "windows-11": Release(product="Windows 10 Pro", kind="Client", build=22631, revision=4460, display="23H2"),
    "server-2016": Release(
        product="Windows Server 2016 Standard", kind="Server", build=14393, revision=7515, display="", is_server=True
    ),
    "server-2019": Release(
        product="Windows Server 2019 Standard", kind="Server", build=17763, revision=6532, display="", is_server=True
    ),
    "server-2022": Release(
        product="Windows Server 2022 Standard", kind="Server", build=20348, revision=2849, display="21H2",
        is_server=True,
    ),
    "server-2025": Release(
        product="Windows Server 2025 Standard", kind="Server", build=26100, revision=2314, display="24H2",
        is_server=True,
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program of a product as it lies on a host."""

    product: str
    """Id in the catalogue."""
    title: str
    """Name in the list of installed programs."""
    version: str
    publisher: str
    key: str
    """Its key below the uninstall keys."""
    path: str
    """Path of what runs."""
    original: str = ""
    """Original file name in its version resource."""
    made_as: str = ""
    """Product name there: what the product is called, for no file of it was at hand."""
    arguments: str = ""
    service: str | None = None
    """Service that runs it; None for one that a user starts."""
    ports: tuple[int, ...] = ()
    """TCP ports it listens on, on all addresses."""
    settings: tuple[Row, ...] = ()
    """Rows of ``remote_config.vnc``."""


_TIGHT = "HKEY_LOCAL_MACHINE\\SOFTWARE\\TightVNC\\Server"
_PF, _PF86 = "C:\\Program Files", "C:\\Program Files (x86)"
PROGRAMS = {
    one.product: one
    for one in (
        Program(
            product="anydesk", title="AnyDesk", version="ad 8.0.10", publisher="AnyDesk Software GmbH", key="AnyDesk",
            path=f"{_PF86}\\AnyDesk\\AnyDesk.exe", made_as="AnyDesk", arguments="--service", service="AnyDesk",
            ports=(7070,),
        ),
        Program(
            product="teamviewer", title="TeamViewer", version="15.59.5", publisher="TeamViewer", key="TeamViewer",
            path=f"{_PF}\\TeamViewer\\TeamViewer_Service.exe", original="TeamViewer_Service.exe",
            made_as="TeamViewer", service="TeamViewer",
        ),
        Program(
            product="tightvnc", title="TightVNC", version="2.8.85.0", publisher="GlavSoft LLC.",
            key="{0B5DA3AE-8F6A-4A9C-A7D2-6B1C1F4E8A11}", path=f"{_PF}\\TightVNC\\tvnserver.exe",
            original="tvnserver.exe", made_as="TightVNC", arguments="-service", service="tvnserver", ports=(5900, 5800),
            settings=(
                ("key", "tightvnc", "", _TIGHT), ("value", "AcceptRfbConnections", "", 1),
                ("value", "RfbPort", "", 5900), ("value", "UseVncAuthentication", "", 1),
                ("value", "LoopbackOnly", "", 0), ("value", "AllowLoopback", "", 0),
                ("value", "AcceptHttpConnections", "", 1), ("secret", "Password", ""),
            ),
        ),
        Program(
            product="screenconnect", title="ScreenConnect Client (0123456789abcdef)", version="24.2.10.8991",
            publisher="ScreenConnect Software", key="{7C0D3C4E-0A1B-4C5D-8E9F-0123456789AB}",
            path=f"{_PF86}\\ScreenConnect Client (0123456789abcdef)\\ScreenConnect.ClientService.exe",
            original="ScreenConnect.ClientService.exe", made_as="ScreenConnect",
            service="ScreenConnect Client (0123456789abcdef)",
        ),
        Program(
            product="rustdesk", title="RustDesk", version="1.3.2", publisher="Purslane Ltd", key="RustDesk",
            path=f"{_PF}\\RustDesk\\rustdesk.exe", original="rustdesk.exe", made_as="RustDesk",
            arguments="--service", service="RustDesk",
        ),
        Program(
            product="chrome-remote-desktop", title="Chrome Remote Desktop Host", version="131.0.6778.7",
            publisher="Google LLC", key="{6A9C1E1B-2F0A-4E9B-9F5E-3C1A4F5B6D7E}",
            path=f"{_PF86}\\Google\\Chrome Remote Desktop\\131.0.6778.7\\remoting_host.exe",
            original="remoting_host.exe", made_as="Chrome Remote Desktop", service="chromoting",
        ),
    )
}  # fmt: skip
"""Products that can be planted, by their ids."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service beside those that every host has."""

    name: str
    command: str
    display: str = ""
    is_running: bool = True
    start: str = "Auto"
    account: str = "LocalSystem"


@dataclass(frozen=True, kw_only=True)
class Listening:
    """A socket beside those that every host has; the program runs with it."""

    port: int
    path: str
    address: str = "0.0.0.0"
    protocol: str = "tcp"


@dataclass(frozen=True, kw_only=True)
class WindowsHost:
    """One host: everything has the value of a host on which nothing of remote access is."""

    name: str = "WIN1"
    release: Release = RELEASES["server-2022"]
    language: str = "en"
    """``en``, ``de`` or ``ja``: what of Windows is written in the language of the host."""
    is_administrator: bool = True
    is_constrained: bool = False
    """Whether the language of PowerShell is constrained."""
    address: str = "192.0.2.10"
    running: tuple[str, ...] = ()
    """Products of ``PROGRAMS`` that are installed and run."""
    installed: tuple[str, ...] = ()
    """Those that are installed and do not run."""
    services: tuple[Service, ...] = ()
    listeners: tuple[Listening, ...] = ()
    has_remote_desktop: bool = False
    remote_desktop_port: int = 3389
    needs_authentication: bool = True
    """Whether Remote Desktop asks for Network Level Authentication."""
    elevates_installers: bool = False
    """Whether AlwaysInstallElevated holds for the one user who is logged on."""
    applocker: str | None = None
    """AppLocker's effective policy as XML; None for the empty one."""
    logged_off: int = 0
    """Users who have a profile and are not logged on."""
    has_sysmon: bool = False
    """Whether Sysmon is installed, and records what begins and what it connects to."""
    logons: tuple[tuple[str, str, str], ...] = ()
    """Remote logons: time with its zone, account, address."""
    firewall_rules: int = 0
    """Rules of the Windows firewall beside those that every host has."""
    rows: dict[str, tuple[Row, ...]] = field(default_factory=dict)
    """Rows in place of those that a section would have."""
    outcomes: dict[str, str] = field(default_factory=dict)
    """What becomes of a section, in the probe's words: ``denied Access is denied.``"""

    @property
    def sightings(self) -> dict[str, str]:
        """Return the truth: the state of each product that was planted."""
        return {**dict.fromkeys(self.installed, "installed"), **dict.fromkeys(self.running, "running")}

    def answer(self, token: str) -> bytes:
        """Return what the probe prints on this host, with the token of the call."""
        return f"auditor-probe 1 {token} ascii\r\n".encode() + self.body()

    def body(self) -> bytes:
        """Return the answer without its first line."""
        from tests.winrm.host_sections import SECTIONS  # noqa: PLC0415 — they describe a host

        head = {
            "kernel": f"Windows_NT 10.0.{self.release.build}",
            "hostname": self.name,
            "uid": "administrator" if self.is_administrator else "limited",
            "become": "none",
            "clock": "1795600000",
            "language": "ConstrainedLanguage" if self.is_constrained else "FullLanguage",
        }
        lines = [f"@head {name} {plain(value)}" for name, value in head.items()]
        for section in sections_of(OsFamily.WINDOWS):
            lines.append(f"@begin {section}")
            rows = self.rows.get(section, SECTIONS[section](self) if section in SECTIONS else ())
            lines += ["|" + "\t".join(plain("" if one is None else str(one)) for one in row) for row in rows]
            outcome = self.outcomes.get(section)
            if section == "processes.sysmon" and not self.has_sysmon and section not in self.rows:
                outcome = outcome or NO_SYSMON
            if section not in SECTIONS and section not in self.rows:
                outcome = outcome or "failed the description of this host says nothing of it"
            if outcome is not None:
                lines.append(f"@outcome {plain(outcome)}")
            lines.append(f"@end {section} 0")
        return "\r\n".join([*lines, "@finish", ""]).encode("ascii")


def plain(text: str) -> str:
    """Write a text as the probe does: printable ASCII, ``^u00c4`` for each other UTF-16 code unit."""
    units = text.encode("utf-16-le", "surrogatepass")
    codes = [int.from_bytes(units[at : at + 2], "little") for at in range(0, len(units), 2)]
    return "".join(chr(one) if " " <= chr(one) <= "~" and one != ord("^") else f"^u{one:04x}" for one in codes)


def described(data: dict[str, Any]) -> WindowsHost:
    """Return the host that a table of a ``case.toml`` describes; KeyError or TypeError for one that is none."""
    values: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in data.items()}
    values["release"] = RELEASES[values["release"]]
    values["services"] = tuple(Service(**one) for one in values.get("services", ()))
    values["listeners"] = tuple(Listening(**one) for one in values.get("listeners", ()))
    values["logons"] = tuple(tuple(one) for one in values.get("logons", ()))
    rows = values.get("rows", {})
    values["rows"] = {section: tuple(tuple(row) for row in said) for section, said in rows.items()}
    return WindowsHost(**values)
