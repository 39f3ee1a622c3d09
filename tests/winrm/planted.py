"""Windows hosts as a plan: a clean one of ``host.py``, and what is planted on it, row by row.

Synthetic: the rows are written as the collectors' fragments write them, from the documentation of the classes and keys
that they read.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from auditor.collect.probe import sections_of
from auditor.model.host import OsFamily
from tests.winrm.host import DOMAIN_SID, NO_SYSMON, RELEASES, WindowsHost, plain
from tests.winrm.host_sections import SECTIONS

TERMSERVICE = 1200
"""Process of Remote Desktop's service."""
MACHINE, USERS = "HKEY_LOCAL_MACHINE\\", "HKEY_USERS\\"
_RULE = "v2.31|Action={action}|Active=TRUE|Dir=In|Protocol={protocol}|LPort={port}|{more}Name={title}|"
_STARTED = "2026-11-26T08:05:11.1234567Z"


@dataclass(kw_only=True)
class Windows:
    """One host: the rows of each section, and how a section ended where it did not end well."""

    name: str
    release: str = "server-2022"
    """Name of one of ``RELEASES``."""
    is_administrator: bool = True
    address: str = "192.0.2.10"
    rows: dict[str, list[str]] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    pid: int = 4000

    def __post_init__(self) -> None:
        """Make it a clean one."""
        self.rows = {name: list(rows) for name, rows in _clean(self).items()}
        self.outcomes = {"processes.sysmon": NO_SYSMON, **self.outcomes}

    def add(self, section: str, *fields: object) -> None:
        """Give a section one more row."""
        self.rows[section].append("\t".join(plain(str(one)) for one in fields))

    # ---- what can be planted

    def software(self, key: str, name: str, version: str, publisher: str, *, sid: str = "", removal: str = "") -> None:
        """List a program in the uninstall keys."""
        self.add("software.uninstall", sid, key, name, version, publisher, "20260314", "", "", "", removal)

    def process(
        self,
        path: str | None,
        *,
        name: str = "",
        company: str = "",
        original: str = "",
        product: str = "",
        arguments: str = "",
        signer: str = "",
        signature: str = "Valid",
    ) -> int:
        """Let a program run, and return its number."""
        self.pid += 4
        name = name or (path or "").rpartition("\\")[2]
        if path and not path.lower().startswith("c:\\windows\\system32\\"):
            self.add("processes.signers", path, signature if signer else "NotSigned", signer)
        made = (company, original, product)
        self.add(
            "processes.windows", self.pid, 612, _STARTED, "NT AUTHORITY\\SYSTEM", name, path or "", *made, arguments
        )
        return self.pid

    def service(self, name: str, command: str, *, pid: int = 0, start: str = "Auto") -> None:
        """Set up a service; it runs where it has a process."""
        state = "Running" if pid else "Stopped"
        self.add("services.windows", name, start, state, pid, "LocalSystem", name, command)

    def listen(self, port: int, pid: int, *, address: str = "0.0.0.0", protocol: str = "tcp") -> None:
        """Let a process listen."""
        if protocol == "tcp":
            self.add("sockets.windows", "tcp", address, port, "0.0.0.0", 0, 2, pid)
        else:
            self.add("sockets.windows", "udp", address, port, pid)

    def rule(
        self,
        name: str,
        port: int,
        *,
        protocol: int = 6,
        action: str = "Allow",
        more: str = "",
        title: str = "planted",
    ) -> None:
        """Let the firewall open a port, or block it; ``more`` limits it (``RA4=10.0.0.0/8|``)."""
        text = _RULE.format(action=action, protocol=protocol, port=port, more=more, title=title)
        rows = self.rows["firewall.windows"]
        at = next(number for number, row in enumerate(rows) if row.startswith("store\tlocal\t"))
        rows.insert(at, f"rule\tlocal\t{name}\t{plain(text)}")
        count = int(rows[at + 1].rpartition("\t")[2]) + 1
        rows[at + 1] = f"store\tlocal\t{count}\t{count}"

    def firewall(self, setting: str, value: int) -> None:
        """Set something in every profile of the firewall."""
        rows = self.rows["firewall.windows"]
        rows[:] = [row for row in rows if f"\t{setting}\t" not in row]
        for at in range(len(rows) - 1, -1, -1):
            kind, *rest = rows[at].split("\t")
            if kind == "profile" and rest[2] == "present":
                rows.insert(at + 1, f"value\t{rest[0]}\t{rest[1]}\t{setting}\t{value}")

    def remote_desktop(self, *, nla: bool = True) -> None:
        """Switch Remote Desktop on; its service listens."""
        self.setting("fDenyTSConnections", 0)
        self.setting("UserAuthentication", int(nla))
        self.listen(3389, TERMSERVICE)
        self.listen(3389, TERMSERVICE, protocol="udp")

    def setting(self, name: str, value: int) -> None:
        """Change a value of Remote Desktop or Remote Assistance."""
        rows = self.rows["remote_config.rdp"]
        rows[:] = [row.rpartition("\t")[0] + f"\t{value}" if f"\t{name}\t" in row else row for row in rows]

    def applocker(self, policy: str, *, service: str = "Running") -> None:
        """Set AppLocker up."""
        rows = self.rows["appcontrol.windows"]
        told = {"service": service, "applocker": policy}
        rows[:] = [f"{kind}\t{told.get(kind, rest)}" if rest else kind for kind, _, rest in map(_parted, rows)]

    def elevated(self, *hives: str) -> None:
        """Let Windows Installer install with the rights of the system, by the setting in these hives."""
        rows = self.rows["accounts.install_policy"]
        for at, row in enumerate(rows):
            kind, _, rest = _parted(row)
            if kind == "unset" and rest.startswith(hives) and rest.endswith("\tAlwaysInstallElevated"):
                rows[at] = f"set\t{rest}\t1"

    def ran(self, path: str) -> None:
        """Leave a trace of a program that ran on 20 November 2026."""
        time = (datetime(2026, 11, 20, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
        self.add("services.traces", "ran", f"{DOMAIN_SID}-1001", f"{time:016x}", path)

    def sysmon(self, *events: tuple[object, ...]) -> None:
        """Install Sysmon, which recorded these programs and connections beside those of a clean host."""
        base = WindowsHost(name=self.name.upper(), release=RELEASES[self.release], has_sysmon=True)
        *rows, asked = (_row(row) for row in SECTIONS["processes.sysmon"](base))
        self.rows["processes.sysmon"] = [*rows, *map(_row, events), asked]
        del self.outcomes["processes.sysmon"]

    def event(self, *fields: object) -> None:
        """Let a log hold an event."""
        rows = self.rows["logons.windows"]
        rows.insert(rows.index("read\tSystem"), "\t".join(plain(str(one)) for one in fields))

    def administrator(self, name: str, sid: str) -> None:
        """Put somebody into the local Administrators."""
        self.add("accounts.administrators", "member", sid, name)

    def lose(self, section: str, outcome: str) -> None:
        """Let a section end otherwise, without a row: ``denied why``."""
        self.rows[section] = []
        self.outcomes[section] = outcome

    # ---- the answer

    def answer(self, token: str) -> bytes:
        """Return what its probe prints."""
        rights = "administrator" if self.is_administrator else "limited"
        head = (
            "kernel Windows_NT 10.0.20348", f"hostname {plain(self.name.upper())}", f"uid {rights}", "become none",
            "clock 1795600000", "language FullLanguage",
        )  # fmt: skip
        lines = [f"auditor-probe 1 {token} ascii", *(f"@head {line}" for line in head)]
        for section in sections_of(OsFamily.WINDOWS):
            lines.append(f"@begin {section}")
            lines += [f"|{row}" for row in self.rows.get(section, ())]
            if section in self.outcomes:
                lines.append(f"@outcome {self.outcomes[section]}")
            lines.append(f"@end {section} 0")
        return "\r\n".join([*lines, "@finish", ""]).encode()


def _clean(host: Windows) -> dict[str, list[str]]:
    """Return what a host says on which nothing is wrong and nothing of remote access is."""
    base = WindowsHost(name=host.name.upper(), release=RELEASES[host.release], address=host.address)
    return {section: [_row(row) for row in told(base)] for section, told in SECTIONS.items()}


def _parted(row: str) -> tuple[str, str, str]:
    return row.partition("\t")


def _row(fields: Iterable[object]) -> str:
    return "\t".join(plain("" if one is None else str(one)) for one in fields)


def _path_rule(number: int, name: str, path: str, who: str = "S-1-1-0") -> str:
    identifier = f"{number:08}-6e17-4653-8f75-050b80acca20"
    return (
        f'<FilePathRule Id="{identifier}" Name="{name}" Description="" UserOrGroupSid="{who}" Action="Allow">'
        f'<Conditions><FilePathCondition Path="{path}" /></Conditions></FilePathRule>'
    )


APPLOCKER_OFF = '<AppLockerPolicy Version="1" />'
APPLOCKER_DEFAULT = (
    '<AppLockerPolicy Version="1"><RuleCollection Type="Exe" EnforcementMode="Enabled">'
    + _path_rule(1, "Program Files", "%PROGRAMFILES%\\*")
    + _path_rule(2, "Windows", "%WINDIR%\\*")
    + _path_rule(3, "All files", "*", "S-1-5-32-544")
    + "</RuleCollection></AppLockerPolicy>"
)


def anydesk(host: Windows) -> int:
    """Plant AnyDesk for all, started with the machine, on its port; return its process."""
    path = "C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe"
    removal = f'"{path}" --uninstall'
    host.software("AnyDesk", "AnyDesk", "ad 8.0.10", "AnyDesk Software GmbH", removal=removal)
    pid = host.process(path, company="AnyDesk Software GmbH", product="AnyDesk", arguments=f'"{path}" --service')
    host.service("AnyDesk", f'"{path}" --service', pid=pid)
    host.listen(7070, pid)
    return pid


def screenconnect(host: Windows, tenant: str) -> None:
    """Plant a client of ScreenConnect that reports to a tenant."""
    name = f"ScreenConnect Client ({tenant})"
    path = f"C:\\Program Files (x86)\\{name}\\ScreenConnect.ClientService.exe"
    host.software(f"{{{tenant}}}", name, "23.9.8.8811", "ScreenConnect Software")
    made = {"original": "ScreenConnect.ClientService.exe", "product": "ScreenConnect"}
    pid = host.process(path, company="ScreenConnect Software", **made)
    command = f'"{path}" "?e=Access&y=Guest&h=relay.example.org&p=8041&k=x"'
    host.service(name, command, pid=pid)


def tightvnc(host: Windows) -> int:
    """Plant TightVNC's server, started with the machine, on its port; return its process."""
    path = "C:\\Program Files\\TightVNC\\tvnserver.exe"
    host.software("{A5A4-TVN}", "TightVNC", "2.8.81.0", "GlavSoft LLC.", removal="MsiExec.exe /I{A5A4-TVN}")
    pid = host.process(path, company="GlavSoft LLC.", original="tvnserver.exe", product="TightVNC")
    host.service("tvnserver", f'"{path}" -service', pid=pid)
    host.listen(5900, pid)
    return pid


Sighting = tuple[str, str, str, str | None]
"""Product, state, confidence, tenant."""
Listening = tuple[int, str, str]
"""Port, product, reachability."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One host and the truth about it."""

    host: Windows
    groups: tuple[str, ...] = ()
    sightings: set[Sighting] = field(default_factory=set)
    listeners: set[Listening] = field(default_factory=set)
    fails: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    strict: dict[str, str] | None = None
    """Verdicts under the stricter policy, of some controls."""
    reason: str | None = None
    """Why it is not assessed."""
    mangle: Callable[[bytes], bytes] = lambda data: data
    """What a hostile host makes of its answer."""

    def answer(self) -> bytes:
        """Return what it prints, ``@token@`` in the place of the call's token."""
        return self.mangle(self.host.answer("@token@"))
